//! What differs between operating systems, all of it.

use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::net::{IpAddr, SocketAddr, TcpListener};
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
/// The system counts the times between probes in whole seconds, and no longer than this.
const PROBES_MS: std::ops::RangeInclusive<u64> = 1_000..=32_767_000;
/// Probes go unanswered for twice the silence before the first: three times in all.
const PROBES: u32 = 6;
/// Bytes of one connection that the system may hold unsent. What is more waits in our outbox, where
/// it is counted; what is less makes a full socket wait for its turn more often. Figures:
/// docs/performance.md.
#[cfg(target_os = "linux")]
const UNSENT_BYTES: u32 = 64 * 1024;
/// Files that connections leave to everything else: the store, its log, the operator's door, new
/// event loops. A quarter of all where there are few.
const SPARE_FILES: u64 = 64;

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

/// Puts a file that only its owner can read into the place of the one that is there, so that whoever
/// looks, also after a power cut, finds all of the old one or all of the new one.
pub(crate) fn replace_private_file(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut new = path.as_os_str().to_owned();
    new.push(".new");
    let new = Path::new(&new);
    // One may be left of a crash.
    match std::fs::remove_file(new) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let mut options = OpenOptions::new();
    options.create_new(true).write(true);
    #[cfg(unix)]
    {
        use std::os::unix::fs::OpenOptionsExt;
        options.mode(0o600);
    }
    let written = options.open(new).and_then(|mut file| {
        file.write_all(bytes)?;
        file.sync_all()
    });
    if let Err(error) = written.and_then(|()| std::fs::rename(new, path)) {
        // A half of a key on a full disk is of no use to anybody.
        let _ = std::fs::remove_file(new);
        return Err(error);
    }
    path.parent().map_or(Ok(()), sync_folder)
}

/// Where root has made this in the folder of another user, gives it to that user, with all that is in it.
/// Nothing happens for any other user.
pub(crate) fn give_to_owner(made: &Path) -> io::Result<()> {
    #[cfg(unix)]
    if let (true, Some(folder), Some(name)) =
        (rustix::process::geteuid().is_root(), made.parent(), made.file_name())
    {
        use rustix::fs::{Gid, Uid};
        let folder = File::open(folder)?;
        let found = rustix::fs::fstat(&folder)?;
        let owner = (Uid::from_raw(found.st_uid), Gid::from_raw(found.st_gid));
        return Ok(give(&folder, name.as_encoded_bytes(), owner)?);
    }
    let _ = made;
    Ok(())
}

/// No link is followed, also where the owner of the folder puts one there at this moment: it could lead
/// to what is root's alone.
#[cfg(unix)]
fn give(
    folder: &File,
    name: &[u8],
    owner: (rustix::fs::Uid, rustix::fs::Gid),
) -> rustix::io::Result<()> {
    use rustix::fs::{AtFlags, Dir, Mode, OFlags};
    use rustix::io::Errno;
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let inner = match rustix::fs::openat(folder, name, flags, Mode::empty()) {
        Ok(inner) => File::from(inner),
        Err(Errno::NOTDIR | Errno::LOOP) => {
            let (uid, gid) = (Some(owner.0), Some(owner.1));
            return rustix::fs::chownat(folder, name, uid, gid, AtFlags::SYMLINK_NOFOLLOW);
        }
        Err(error) => return Err(error),
    };
    // What is inside goes first, while nobody else can put anything else there.
    for entry in Dir::read_from(&inner)? {
        let entry = entry?;
        let name = entry.file_name().to_bytes();
        if name != b"." && name != b".." {
            give(&inner, name, owner)?;
        }
    }
    rustix::fs::fchown(&inner, Some(owner.0), Some(owner.1))
}

/// Makes the names in a folder last, where that can be asked for.
pub(crate) fn sync_folder(folder: &Path) -> io::Result<()> {
    #[cfg(unix)]
    match File::open(folder)?.sync_all() {
        // Some network file systems have no such thing.
        Err(error)
            if matches!(error.kind(), io::ErrorKind::InvalidInput | io::ErrorKind::Unsupported) => {
        }
        result => return result,
    }
    let _ = folder;
    Ok(())
}

/// Takes what others may do with a file away from them. Tells whether they could do anything.
pub(crate) fn make_private(file: &File) -> io::Result<bool> {
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        let was_open = file.metadata()?.permissions().mode() & 0o077 != 0;
        if was_open {
            file.set_permissions(std::fs::Permissions::from_mode(0o600))?;
        }
        Ok(was_open)
    }
    #[cfg(not(unix))]
    {
        let _ = file;
        Ok(false)
    }
}

/// Whether everybody on this computer can read a file.
pub(crate) fn is_public(metadata: &std::fs::Metadata) -> bool {
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        metadata.permissions().mode() & 0o004 != 0
    }
    #[cfg(not(unix))]
    {
        let _ = metadata;
        false
    }
}

/// As whom this program runs, for people.
pub(crate) fn user() -> String {
    #[cfg(target_os = "linux")]
    return format!("the user that runs this server (uid {})", rustix::process::geteuid().as_raw());
    #[cfg(not(target_os = "linux"))]
    "the user that runs this server".to_owned()
}

/// What this computer calls itself. It may be anything.
pub(crate) fn host_name() -> String {
    gethostname::gethostname().to_string_lossy().into_owned()
}

/// The addresses of this computer's network interfaces, those of loopback too.
pub(crate) fn interface_addresses() -> io::Result<Vec<IpAddr>> {
    Ok(if_addrs::get_if_addrs()?.into_iter().map(|interface| interface.ip()).collect())
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

/// Prepares an accepted connection: no delay for small writes, little that waits where we don't see
/// it, and an end for peers that are gone without a word. The first probe comes after a silence of
/// `probe_ms`; who confirms nothing for three times as long is gone.
pub(crate) fn prepare(stream: &std::net::TcpStream, probe_ms: u64) -> io::Result<()> {
    stream.set_nonblocking(true)?;
    stream.set_nodelay(true)?;
    let probe_ms = probe_ms.clamp(*PROBES_MS.start(), *PROBES_MS.end());
    let between_ms = (probe_ms / 3).max(*PROBES_MS.start());
    let keepalive = socket2::TcpKeepalive::new()
        .with_time(Duration::from_millis(probe_ms))
        .with_interval(Duration::from_millis(between_ms))
        .with_retries(PROBES);
    let socket = socket2::SockRef::from(stream);
    socket.set_tcp_keepalive(&keepalive)?;
    #[cfg(target_os = "linux")]
    {
        // Probes are sent only while nothing waits to be confirmed; without this, what waits is
        // sent again and again for a quarter of an hour. It counts for a peer that has no room for
        // more, too: it has read nothing for as long, and comes back.
        socket.set_tcp_user_timeout(Some(Duration::from_millis(probe_ms * 3)))?;
        socket.set_tcp_notsent_lowat(UNSENT_BYTES)?;
    }
    Ok(())
}

/// Closes a connection at once and without a word, so that nothing of it stays in the system.
pub(crate) fn abort(stream: std::net::TcpStream) {
    // Where that can't be had, it is closed as any other.
    let _ = socket2::SockRef::from(&stream).set_linger(Some(Duration::ZERO));
    drop(stream);
}

/// Allows this process as many open files as the system lets it have: each connection is one.
pub(crate) fn raise_file_limit() {
    match rlimit::increase_nofile_limit(u64::MAX) {
        Ok(files) => tracing::debug!(files, "file limit"),
        Err(error) => tracing::warn!(%error, "could not raise the limit of open files"),
    }
}

/// How many files this process may have open, after [`raise_file_limit`]. `None` where the system
/// counts otherwise.
pub(crate) fn file_limit() -> Option<u64> {
    #[cfg(unix)]
    {
        rlimit::getrlimit(rlimit::Resource::NOFILE).ok().map(|(soft, _)| soft)
    }
    #[cfg(not(unix))]
    None
}

/// How many connections there may be, so that those that are one too many can be told so before files run
/// out. `None` where there are too few files for that, or where the system counts otherwise.
pub(crate) fn connections_max() -> Option<u32> {
    let limit = file_limit()?;
    let connections = limit - spare_files(limit);
    let connections = connections.checked_sub(SPARE_FILES).filter(|most| *most > SPARE_FILES)?;
    Some(u32::try_from(connections).unwrap_or(u32::MAX))
}

fn spare_files(limit: u64) -> u64 {
    SPARE_FILES.min(limit / 4)
}

/// Whether an accepted connection takes one of the last files, which are not for connections: the
/// store must be able to open its own when it needs them, and those that are here go on.
pub(crate) fn takes_spare_file(stream: &std::net::TcpStream, file_limit: Option<u64>) -> bool {
    #[cfg(unix)]
    {
        use std::os::fd::AsRawFd;
        // The system gives the lowest number that is free: all below are in use.
        let files_below = u64::try_from(stream.as_raw_fd()).unwrap_or(0);
        file_limit.is_some_and(|limit| files_below >= limit - spare_files(limit))
    }
    #[cfg(not(unix))]
    {
        let _ = (stream, file_limit);
        false
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
    #[cfg(unix)]
    #[test]
    fn what_root_gives_away_is_what_it_made_and_not_what_a_link_leads_to() {
        use std::os::unix::fs::{MetadataExt, chown, symlink};
        const OWNER: u32 = 4711;
        let (home, other) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        if chown(home.path(), Some(OWNER), Some(OWNER)).is_err() {
            return; // Only root has something to give.
        }
        let before = std::fs::metadata(other.path()).unwrap().uid();
        let made = home.path().join("made");
        std::fs::create_dir(&made).unwrap();
        std::fs::write(made.join("file"), "mine").unwrap();
        symlink(other.path(), made.join("link")).unwrap();
        super::give_to_owner(&made).unwrap();
        let link = home.path().join("link");
        symlink(other.path(), &link).unwrap();
        super::give_to_owner(&link).unwrap();
        for path in [made.join("file"), made.join("link"), made, link] {
            let found = std::fs::symlink_metadata(&path).unwrap();
            assert_eq!((found.uid(), found.gid()), (OWNER, OWNER), "{}", path.display());
        }
        assert_eq!(std::fs::metadata(other.path()).unwrap().uid(), before);
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn a_connection_ends_when_its_peer_confirms_nothing_for_three_probes() {
        use std::time::Duration;
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let _peer = std::net::TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        let (stream, _) = listener.accept().unwrap();
        let socket = socket2::SockRef::from(&stream);
        // What an operator may have written; and what the system takes.
        for (probe_ms, first_s, between_s) in
            [(30_000, 30, 10), (4_000, 4, 1), (0, 1, 1), (u64::MAX, 32_767, 10_922)]
        {
            super::prepare(&stream, probe_ms).unwrap();
            assert_eq!(socket.tcp_keepalive_time().unwrap(), Duration::from_secs(first_s));
            assert_eq!(socket.tcp_keepalive_interval().unwrap(), Duration::from_secs(between_s));
            let gone = socket.tcp_user_timeout().unwrap();
            assert_eq!(gone, Some(Duration::from_secs(first_s * 3)), "{probe_ms}");
        }
        assert_eq!(socket.tcp_notsent_lowat().unwrap(), super::UNSENT_BYTES);
    }

    #[cfg(unix)]
    #[test]
    fn connections_leave_the_last_files_to_the_store() {
        use std::os::fd::AsRawFd;
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let stream = std::net::TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        let below = u64::try_from(stream.as_raw_fd()).unwrap();
        let takes = |limit| super::takes_spare_file(&stream, limit);
        assert!(takes(Some(below + super::SPARE_FILES.min(below / 4))));
        assert!(!takes(Some((below + 1) * 4)), "three quarters are for connections");
        assert!(!takes(Some(below + 1 + 4 * super::SPARE_FILES)));
        assert!(!takes(None));
        assert!(super::file_limit().is_some_and(|limit| limit > below));
    }

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
