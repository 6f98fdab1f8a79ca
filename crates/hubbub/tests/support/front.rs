//! TLS before a real server, with keys that a test chooses and changes.

#[path = "../../../client/tests/scripted/authority.rs"]
pub mod authority;

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, mpsc};
use tokio::io::{AsyncReadExt, AsyncWriteExt, copy_bidirectional};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;

/// Shows a certificate, and passes on what is said.
pub struct Front {
    pub address: String,
    shown: Arc<Mutex<TlsAcceptor>>,
    heard: Arc<AtomicUsize>,
    refused: mpsc::Receiver<()>,
}

impl Front {
    pub fn before(server: &str, shown: TlsAcceptor) -> Self {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap().to_string();
        listener.set_nonblocking(true).unwrap();
        let shown = Arc::new(Mutex::new(shown));
        let heard = Arc::new(AtomicUsize::new(0));
        let (refuse, refused) = mpsc::channel();
        let front = Self { address, shown: Arc::clone(&shown), heard: Arc::clone(&heard), refused };
        let server = server.to_owned();
        std::thread::spawn(move || {
            let runtime =
                tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            runtime.block_on(async {
                let listener = TcpListener::from_std(listener).unwrap();
                while let Ok((socket, _)) = listener.accept().await {
                    let acceptor = shown.lock().unwrap().clone();
                    tokio::spawn(pass_on(
                        socket,
                        acceptor,
                        server.clone(),
                        Arc::clone(&heard),
                        refuse.clone(),
                    ));
                }
            });
        });
        front
    }

    /// From now on it shows this.
    pub fn show(&self, shown: TlsAcceptor) {
        *self.shown.lock().unwrap() = shown;
    }

    /// Waits until two more handshakes have failed.
    pub fn refused_again(&self) {
        for _ in 0..2 {
            self.refused.recv().unwrap();
        }
    }

    /// How many connections have said something inside TLS.
    pub fn heard(&self) -> usize {
        self.heard.load(Ordering::SeqCst)
    }
}

async fn pass_on(
    socket: TcpStream,
    acceptor: TlsAcceptor,
    server: String,
    heard: Arc<AtomicUsize>,
    refuse: mpsc::Sender<()>,
) {
    let Ok(mut inside) = acceptor.accept(socket).await else {
        let _ = refuse.send(());
        return;
    };
    let mut first = vec![0; 4096];
    let Ok(bytes @ 1..) = inside.read(&mut first).await else { return };
    heard.fetch_add(1, Ordering::SeqCst);
    let Ok(mut outside) = TcpStream::connect(server).await else { return };
    if outside.write_all(&first[..bytes]).await.is_ok() {
        let _ = copy_bidirectional(&mut inside, &mut outside).await;
    }
}
