//! The listener for health and figures: a thread of its own, so that it answers also when everything else
//! hangs. It serves few at a time, each for a moment, and one request for each connection. The ports of
//! the chat never answer HTTP; see `door::unspoken`.

use super::Health;
use super::http;
use crate::config::StartError;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use std::convert::Infallible;
use std::io;
use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;
use tokio::sync::{Semaphore, oneshot};
use tokio::time::{sleep, timeout};

/// Connections at once; more of them wait in the system.
const CONNECTIONS_MAX: usize = 16;
/// How long a request's head may take.
const HEAD_WAIT: Duration = Duration::from_secs(3);
/// How long a connection may take in all: longer than a look at everything.
const EXCHANGE_WAIT: Duration = Duration::from_secs(8);
/// Most bytes of a request's head; hyper's least.
const HEAD_BYTES: usize = 8 * 1024;
/// Most header lines.
const HEADERS_MAX: usize = 32;
/// After an error of the socket itself.
const ERROR_PAUSE: Duration = Duration::from_millis(200);

/// Opens its socket.
pub(crate) fn bind(address: SocketAddr) -> Result<TcpListener, StartError> {
    crate::listen::bind(address).map_err(|error| match error {
        StartError::AddressTaken { address, .. } => {
            let hint = "something else listens there, and health and metrics are to be told there. Choose another with --health ADDR:PORT";
            StartError::AddressTaken { address, hint: hint.into() }
        }
        StartError::Listen { address, error, .. } => {
            let hint = "Health and metrics are to be told there. Choose another with --health ADDR:PORT";
            StartError::Listen { address, error, hint }
        }
        other => other,
    })
}

/// The listener while it runs. Ends when dropped.
#[derive(Debug)]
pub(crate) struct Listener {
    address: SocketAddr,
    stop: oneshot::Sender<()>,
    thread: JoinHandle<()>,
}

impl Listener {
    /// Serves from now on.
    pub(crate) fn start(listener: TcpListener, health: Arc<Health>) -> io::Result<Self> {
        let address = listener.local_addr()?;
        let (stop, stopped) = oneshot::channel();
        if address.ip().to_canonical().is_loopback() {
            tracing::info!(%address, "health and metrics are told over HTTP");
        } else {
            tracing::warn!(
                %address,
                "others than this computer can read health and metrics: how many users, rooms and messages there are, and how busy this computer is; never names or what is said"
            );
        }
        let run = move || {
            if let Err(error) = run(listener, &health, stopped) {
                tracing::error!(%error, "the listener for health and metrics ended");
            }
        };
        let thread = std::thread::Builder::new().name("health".into()).spawn(run)?;
        Ok(Self { address, stop, thread })
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// Ends it; the thread is to be waited for.
    pub(crate) fn stop(self) -> JoinHandle<()> {
        // It may have ended by itself.
        let _ = self.stop.send(());
        self.thread
    }
}

fn run(
    listener: TcpListener,
    health: &Arc<Health>,
    stopped: oneshot::Receiver<()>,
) -> io::Result<()> {
    let is_loopback = listener.local_addr()?.ip().to_canonical().is_loopback();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let listener = tokio::net::TcpListener::from_std(listener)?;
        let places = Arc::new(Semaphore::new(CONNECTIONS_MAX));
        let serve = async {
            loop {
                // It is never closed.
                let Ok(place) = Arc::clone(&places).acquire_owned().await else { return };
                match listener.accept().await {
                    Ok((stream, _)) => {
                        let health = Arc::clone(health);
                        tokio::spawn(async move {
                            serve_one(stream, health, is_loopback).await;
                            drop(place);
                        });
                    }
                    Err(error) => {
                        tracing::debug!(%error, "the listener for health and metrics");
                        sleep(ERROR_PAUSE).await;
                    }
                }
            }
        };
        tokio::select! {
            () = serve => {}
            // The sender gone means the same.
            _ = stopped => {}
        }
        Ok(())
    })
}

async fn serve_one(stream: tokio::net::TcpStream, health: Arc<Health>, is_loopback: bool) {
    let service = service_fn(move |request| {
        let health = Arc::clone(&health);
        async move { Ok::<_, Infallible>(http::answer(&request, &health, is_loopback).await) }
    });
    let served = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD_WAIT)
        .keep_alive(false)
        .max_buf_size(HEAD_BYTES)
        .max_headers(HEADERS_MAX)
        .serve_connection(TokioIo::new(stream), service);
    // Who breaks off, or sends what is no HTTP, gets what hyper says to that.
    if let Ok(Err(error)) = timeout(EXCHANGE_WAIT, served).await {
        tracing::debug!(%error, "the listener for health and metrics");
    }
}
