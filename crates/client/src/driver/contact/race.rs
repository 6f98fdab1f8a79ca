//! One connection to a host with several addresses, of which some may lead nowhere: they are tried a
//! little after each other, and the first that answers is taken (as in RFC 8305).

use std::io;
use std::net::SocketAddr;
use std::time::Duration;
use tokio::net::TcpStream;
use tokio::task::JoinSet;

/// The time that an address has for itself before the next one is tried as well (RFC 8305, section 8).
const NEXT_AFTER: Duration = Duration::from_millis(250);

/// # Errors
/// None of them can be connected to. That of one that refused, if one did; else that of the last.
pub(super) async fn connect(addresses: &[SocketAddr]) -> io::Result<TcpStream> {
    let mut waiting = in_turns(addresses).into_iter();
    let mut trying = JoinSet::new();
    let mut failed = io::Error::new(io::ErrorKind::NotFound, "the host has no address");
    loop {
        if let Some(address) = waiting.next() {
            trying.spawn(TcpStream::connect(address));
        }
        let has_more = waiting.len() > 0;
        tokio::select! {
            Some(tried) = trying.join_next() => match tried.map_err(io::Error::other).flatten() {
                Ok(socket) => return Ok(socket),
                // It says more than that others are not there.
                Err(_) if failed.kind() == io::ErrorKind::ConnectionRefused => {}
                Err(error) => failed = error,
            },
            () = tokio::time::sleep(NEXT_AFTER), if has_more => {}
            else => return Err(failed),
        }
    }
}

/// The two families in turns, beginning with that of the first: where one of them leads nowhere, it
/// does so with all of its addresses.
fn in_turns(addresses: &[SocketAddr]) -> Vec<SocketAddr> {
    let Some(first) = addresses.first() else { return Vec::new() };
    let (one, other): (Vec<_>, Vec<_>) =
        addresses.iter().copied().partition(|address| address.is_ipv4() == first.is_ipv4());
    let mut all = Vec::with_capacity(addresses.len());
    let (mut one, mut other) = (one.into_iter(), other.into_iter());
    while all.len() < addresses.len() {
        all.extend(one.next().into_iter().chain(other.next()));
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::{Ipv4Addr, Ipv6Addr};
    use tokio::net::{TcpListener, TcpSocket};

    fn run<T>(future: impl Future<Output = T>) -> T {
        tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(future)
    }

    async fn listen() -> (TcpListener, SocketAddr) {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let address = listener.local_addr().unwrap();
        (listener, address)
    }

    async fn refusing() -> SocketAddr {
        listen().await.1
    }

    /// A listener whose queue is full: the system lets further ones wait without an answer.
    #[cfg(target_os = "linux")]
    #[test]
    fn an_address_without_an_answer_does_not_keep_the_others() {
        run(async {
            let socket = TcpSocket::new_v4().unwrap();
            socket.bind((Ipv4Addr::LOCALHOST, 0).into()).unwrap();
            let full = socket.listen(0).unwrap();
            let nowhere = full.local_addr().unwrap();
            let _first = TcpStream::connect(nowhere).await.unwrap();
            let (_listener, good) = listen().await;
            let began = std::time::Instant::now();
            let connected = connect(&[nowhere, good]).await.unwrap();
            assert_eq!(connected.peer_addr().unwrap(), good);
            assert!(began.elapsed() >= NEXT_AFTER, "the first has its time");
        });
    }

    #[test]
    fn after_a_refusal_the_next_is_tried_at_once() {
        run(async {
            let (refusing, (_listener, good)) = (refusing().await, listen().await);
            let began = std::time::Instant::now();
            let connected = connect(&[refusing, refusing, refusing, good]).await.unwrap();
            assert_eq!(connected.peer_addr().unwrap(), good);
            assert!(began.elapsed() < NEXT_AFTER * 3, "{:?}", began.elapsed());
            let error = connect(&[refusing, refusing]).await.unwrap_err();
            assert_eq!(error.kind(), io::ErrorKind::ConnectionRefused);
            assert_eq!(connect(&[]).await.unwrap_err().kind(), io::ErrorKind::NotFound);
        });
    }

    #[test]
    fn the_families_take_turns() {
        let four = |port| SocketAddr::from((Ipv4Addr::LOCALHOST, port));
        let six = |port| SocketAddr::from((Ipv6Addr::LOCALHOST, port));
        let turns = in_turns(&[six(1), six(2), six(3), four(1), four(2)]);
        assert_eq!(turns, [six(1), four(1), six(2), four(2), six(3)]);
        assert_eq!(in_turns(&[four(1), four(2)]), [four(1), four(2)]);
    }
}
