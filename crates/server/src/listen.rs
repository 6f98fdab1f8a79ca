//! Listeners: bind, accept, and hand connections to the lanes in turn.

use crate::config::StartError;
use crate::hub_loop::HubLoop;
use crate::lane::ToLane;
use crate::platform;
use hubbub_hub::Input;
use std::io;
use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;
use tokio::sync::watch;

/// How often the hub hears that time passes.
const TICK: Duration = Duration::from_millis(500);
/// How long accepting rests when files ran out.
const EXHAUSTED_PAUSE: Duration = Duration::from_millis(200);

/// Opens a listening socket.
pub(crate) fn bind(address: SocketAddr) -> Result<TcpListener, StartError> {
    platform::listen(address).map_err(|error| match error.kind() {
        io::ErrorKind::AddrInUse => {
            StartError::AddressTaken { address, hint: taken_hint(address.port()) }
        }
        io::ErrorKind::AddrNotAvailable => StartError::Listen {
            address,
            error,
            hint: "This computer has no such address. 0.0.0.0 listens on all that it has",
        },
        io::ErrorKind::PermissionDenied => StartError::Listen {
            address,
            error,
            hint: "Ports below 1024 need a privilege. Take a higher one, such as 5000",
        },
        _ => StartError::Listen { address, error, hint: "Choose another with --listen ADDR:PORT" },
    })
}

fn taken_hint(port: u16) -> String {
    let who = match port {
        5000 => {
            "something else listens there (on macOS often AirPlay Receiver: System Settings, General, AirDrop & Handoff; or another hubbub)"
        }
        _ => "something else listens there (perhaps another hubbub)",
    };
    format!(
        "{who}. Stop it, or choose another port with --listen ADDR:PORT (port 0 picks a free one)"
    )
}

/// Accepts until `stop` says so, and tells the hub the time.
pub(crate) fn run(
    listeners: Vec<TcpListener>,
    hub: &Arc<HubLoop>,
    lanes: usize,
    mut stop: watch::Receiver<bool>,
) -> io::Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let next = Arc::new(AtomicUsize::new(0));
        let mut accepting = tokio::task::JoinSet::new();
        for listener in listeners {
            let listener = tokio::net::TcpListener::from_std(listener)?;
            accepting.spawn(accept(listener, Arc::clone(hub), lanes, Arc::clone(&next)));
        }
        let mut tick = tokio::time::interval(TICK);
        loop {
            tokio::select! {
                _ = tick.tick() => hub.drive(Input::Tick),
                // The sender gone means the same.
                _ = stop.changed() => break,
            }
        }
        // Dropping the set closes the sockets: the port is free at once.
        accepting.shutdown().await;
        Ok(())
    })
}

async fn accept(
    listener: tokio::net::TcpListener,
    hub: Arc<HubLoop>,
    lanes: usize,
    next: Arc<AtomicUsize>,
) {
    let mut was_exhausted = false;
    loop {
        match listener.accept().await {
            Ok((stream, peer)) => {
                was_exhausted = false;
                let lane = next.fetch_add(1, Ordering::Relaxed) % lanes;
                match stream
                    .into_std()
                    .and_then(|stream| platform::prepare(&stream).map(|()| stream))
                {
                    Ok(stream) => hub.tell_lane(lane, ToLane::Accepted { stream, peer }),
                    Err(error) => tracing::debug!(%error, %peer, "a connection broke at once"),
                }
            }
            Err(error) if platform::is_exhausted(&error) => {
                if !was_exhausted {
                    tracing::error!(
                        %error,
                        "no more connections can be taken: the limit of open files is reached (see `ulimit -n`, LimitNOFILE); those that are here go on"
                    );
                }
                was_exhausted = true;
                tokio::time::sleep(EXHAUSTED_PAUSE).await;
            }
            // The peer was gone before we came to it.
            Err(error)
                if matches!(
                    error.kind(),
                    io::ErrorKind::ConnectionAborted | io::ErrorKind::ConnectionReset
                ) => {}
            Err(error) => {
                tracing::warn!(%error, "accept");
                tokio::time::sleep(EXHAUSTED_PAUSE).await;
            }
        }
    }
}
