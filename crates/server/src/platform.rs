//! What differs between operating systems, all of it.

use std::io;
use std::net::{SocketAddr, TcpListener};
use std::path::Path;
use std::time::Duration;

/// Connections that may wait to be accepted: a whole room that comes back at once after a restart.
const BACKLOG: i32 = 4096;
/// The operator's programs that may wait for the one before.
#[cfg(unix)]
const ADMIN_BACKLOG: i32 = 16;
/// How much a thread of low priority steps back.
#[cfg(target_os = "linux")]
const NICE: i32 = 10;
/// A peer that is gone without a word is noticed after about this time.
const KEEPALIVE_IDLE: Duration = Duration::from_secs(30);
const KEEPALIVE_INTERVAL: Duration = Duration::from_secs(10);
const KEEPALIVE_RETRIES: u32 = 3;

/// Makes a folder that only its owner can look into. One that is there stays as it is.
pub(crate) fn create_private_folder(path: &Path) -> io::Result<()> {
    let mut builder = std::fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    {
        use std::os::unix::fs::DirBuilderExt;
        builder.mode(0o700);
    }
    builder.create(path)
}

/// Makes an empty file that only its owner can read. One that is there becomes so.
pub(crate) fn create_private_file(path: &Path) -> io::Result<()> {
    let mut options = std::fs::OpenOptions::new();
    options.create(true).truncate(false).append(true);
    #[cfg(unix)]
    {
        use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
        options.mode(0o600);
        let file = options.open(path)?;
        file.set_permissions(std::fs::Permissions::from_mode(0o600))
    }
    #[cfg(not(unix))]
    options.open(path).map(drop)
}

/// A listening Unix socket that only its owner can connect to. It becomes so before it listens, so
/// nobody else gets in between. Nothing may be at the path.
#[cfg(unix)]
pub(crate) fn private_socket(path: &Path) -> io::Result<std::os::unix::net::UnixListener> {
    use socket2::{Domain, SockAddr, Socket, Type};
    use std::os::unix::fs::PermissionsExt;
    let socket = Socket::new(Domain::UNIX, Type::STREAM, None)?;
    socket.set_nonblocking(true)?;
    socket.bind(&SockAddr::unix(path)?)?;
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o600))?;
    socket.listen(ADMIN_BACKLOG)?;
    Ok(socket.into())
}

/// Lets everything else of this system go first, where a single thread can be made to.
pub(crate) fn lower_priority() {
    // To Linux this means the calling thread, whatever POSIX says.
    #[cfg(target_os = "linux")]
    if let Err(error) = rustix::process::nice(NICE) {
        tracing::debug!(%error, "could not lower the priority of a thread");
    }
}

/// A listening socket on a port that can be used again at once after a restart.
pub(crate) fn listen(address: SocketAddr) -> io::Result<TcpListener> {
    use socket2::{Domain, Protocol, Socket, Type};
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
    // On Windows this option would let two servers share the port.
    #[cfg(unix)]
    socket.set_reuse_address(true)?;
    if address.is_ipv6() {
        // `[::]` next to `0.0.0.0` must not collide.
        socket.set_only_v6(true)?;
    }
    socket.set_nonblocking(true)?;
    socket.bind(&address.into())?;
    socket.listen(BACKLOG)?;
    Ok(socket.into())
}

/// Prepares an accepted connection: no delay for small writes, and a probe for dead peers.
pub(crate) fn prepare(stream: &std::net::TcpStream) -> io::Result<()> {
    stream.set_nonblocking(true)?;
    stream.set_nodelay(true)?;
    let keepalive = socket2::TcpKeepalive::new()
        .with_time(KEEPALIVE_IDLE)
        .with_interval(KEEPALIVE_INTERVAL)
        .with_retries(KEEPALIVE_RETRIES);
    socket2::SockRef::from(stream).set_tcp_keepalive(&keepalive)
}

/// Allows this process as many open files as the system lets it have: each connection is one.
pub(crate) fn raise_file_limit() {
    match rlimit::increase_nofile_limit(u64::MAX) {
        Ok(files) => tracing::debug!(files, "file limit"),
        Err(error) => tracing::warn!(%error, "could not raise the limit of open files"),
    }
}

/// Whether accepting failed because files or memory ran out, which passes.
pub(crate) fn is_exhausted(error: &io::Error) -> bool {
    #[cfg(unix)]
    {
        // ENOMEM, ENFILE, EMFILE, ENOBUFS on Linux, macOS and the BSDs.
        matches!(error.raw_os_error(), Some(12 | 23 | 24 | 55 | 105))
    }
    #[cfg(not(unix))]
    {
        let _ = error;
        false
    }
}

#[cfg(test)]
mod tests {
    #[cfg(target_os = "linux")]
    #[test]
    fn a_thread_steps_back_alone() {
        let mine = || rustix::process::getpriority_process(None).unwrap();
        let before = mine();
        let below = std::thread::spawn(move || {
            super::lower_priority();
            mine()
        });
        assert_eq!(below.join().unwrap(), (before + super::NICE).min(19));
        assert_eq!(mine(), before);
    }
}
