//! A server on a simulated disk, which can lose its power and get it back.
#![allow(dead_code, reason = "each test binary uses its own part")]

use hubbub_server::{Handle, Server, ServerConfig};
use hubbub_simdisk::SimDisk;
use hubbub_store::sqlite::{Durability, SqliteConfig, SqliteStore};
use std::net::SocketAddr;

const FILE: &str = "hubbub.db";

/// One computer.
pub struct Machine {
    /// Its disk. Stop the server before the power comes back.
    pub disk: SimDisk,
    durability: Durability,
    /// Where it tells how it is, if anywhere; set it before the start.
    pub health: Option<SocketAddr>,
    server: Option<Handle>,
}

impl Machine {
    /// With an empty disk; nothing runs yet.
    pub fn new(seed: u64, durability: Durability) -> Self {
        Self { disk: SimDisk::new(seed), durability, health: None, server: None }
    }

    /// Starts the server on what the disk has, on a free port.
    pub fn start(&mut self) -> Result<(), String> {
        let mut config = SqliteConfig::new(FILE);
        config.vfs = Some(self.disk.vfs_name().to_owned());
        config.durability = self.durability;
        // Checkpoints come often enough to be hit as well.
        config.wal_bytes = 64 * 1024;
        let store = SqliteStore::open(config).map_err(|error| error.to_string())?;
        let listen = SocketAddr::from(([127, 0, 0, 1], 0));
        let mut config = ServerConfig::new(vec![listen], "unused".into());
        config.lanes = 2;
        config.health = self.health;
        // All its clients are native, and on a busy computer their first word may come late.
        config.sniff_ms = 30_000;
        let server =
            Server::start_on(config, Box::new(store)).map_err(|error| error.to_string())?;
        self.server = Some(server);
        Ok(())
    }

    /// Where the server is.
    pub fn address(&self) -> SocketAddr {
        self.server.as_ref().expect("the server runs").addresses()[0]
    }

    /// Where the server tells how it is.
    pub fn health_address(&self) -> SocketAddr {
        let server = self.server.as_ref().expect("the server runs");
        server.health_address().expect("it was told to")
    }

    /// Stops the server.
    pub fn stop(&mut self) {
        if let Some(server) = self.server.take() {
            server.stop();
        }
    }

    /// What SQLite finds wrong with the file. Only while the server is stopped.
    pub fn integrity(&self) -> Result<(), String> {
        let check = || {
            let db = self.disk.open(FILE)?;
            db.query_row("PRAGMA integrity_check", (), |row| row.get::<_, String>(0))
        };
        match check() {
            Ok(report) if report == "ok" => Ok(()),
            Ok(report) => Err(report),
            Err(error) => Err(error.to_string()),
        }
    }
}
