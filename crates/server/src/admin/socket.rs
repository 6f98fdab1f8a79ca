//! The socket of the operator's door, both of its ends.
//!
//! Whoever can open it may ask everything: it is for its owner alone, in a folder for its owner
//! alone. One connection at a time, each within a few seconds.

use super::{ANSWER_BYTES, AdminAnswer, AdminError, AdminRequest};
use super::{Outcome, Parts, Question, REQUEST_BYTES, SOCKET};
use crate::hub_loop::HubLoop;
use crate::platform;
use crate::verbs::{Answer, VerbError};
use std::fs;
use std::io::{self, Read, Write};
use std::os::unix::fs::FileTypeExt;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt};
use tokio::sync::watch;
use tokio::time::{sleep, timeout};

/// How long a request may take to come, and an answer to be taken.
const EXCHANGE_WAIT: Duration = Duration::from_secs(5);
/// How long whoever asks waits for the server: longer than the server waits for its hub.
const ANSWER_WAIT: Duration = Duration::from_secs(15);
/// After an error of the socket itself.
const ERROR_PAUSE: Duration = Duration::from_millis(200);

/// The server's end. Its file goes with it.
#[derive(Debug)]
pub(crate) struct Door {
    path: PathBuf,
    thread: Option<JoinHandle<()>>,
}

impl Door {
    /// Listens in the folder, which is ours: what another server left there is replaced.
    pub(crate) fn open(
        folder: &Path,
        hub: &Arc<HubLoop>,
        parts: Parts,
        stop: watch::Receiver<bool>,
    ) -> io::Result<Self> {
        let path = folder.join(SOCKET);
        match fs::symlink_metadata(&path) {
            Ok(found) if found.file_type().is_socket() => fs::remove_file(&path)?,
            Ok(_) => {
                let text = format!("{} is there and no socket", path.display());
                return Err(io::Error::new(io::ErrorKind::AlreadyExists, text));
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(error),
        }
        let listener = platform::private_socket(&path)?;
        let mut door = Self { path, thread: None };
        let hub = Arc::clone(hub);
        let run = move || {
            if let Err(error) = run(listener, &hub, &parts, stop) {
                tracing::error!(%error, "the operator's door ended");
            }
        };
        door.thread = Some(std::thread::Builder::new().name("admin".into()).spawn(run)?);
        Ok(door)
    }

    /// The thread, to be waited for before the door is dropped.
    pub(crate) fn thread(&mut self) -> Option<JoinHandle<()>> {
        self.thread.take()
    }
}

impl Drop for Door {
    fn drop(&mut self) {
        if let Err(error) = fs::remove_file(&self.path) {
            tracing::debug!(%error, "could not remove the operator's door");
        }
    }
}

fn run(
    listener: UnixListener,
    hub: &HubLoop,
    parts: &Parts,
    mut stop: watch::Receiver<bool>,
) -> io::Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let listener = tokio::net::UnixListener::from_std(listener)?;
        let serve = async {
            loop {
                match listener.accept().await {
                    Ok((stream, _)) => serve_one(stream, hub, parts).await,
                    Err(error) => {
                        tracing::warn!(%error, "the operator's door");
                        sleep(ERROR_PAUSE).await;
                    }
                }
            }
        };
        tokio::select! {
            () = serve => {}
            // The sender gone means the same.
            _ = stop.changed() => {}
        }
        Ok(())
    })
}

async fn serve_one(mut stream: tokio::net::UnixStream, hub: &HubLoop, parts: &Parts) {
    let (mut read, mut write) = stream.split();
    let request = timeout(EXCHANGE_WAIT, request(&mut read)).await;
    let is_too_long = matches!(&request, Ok(Ok(line)) if line.len() > REQUEST_BYTES);
    let answer = match request {
        Ok(Ok(line)) if line.is_empty() => return,
        Ok(Ok(_)) if is_too_long => {
            Err(AdminError::Refused(format!("a request may have {REQUEST_BYTES} bytes")))
        }
        Ok(Ok(line)) => answer(&line, hub, parts).await,
        Ok(Err(error)) => {
            tracing::debug!(%error, "the operator's door");
            return;
        }
        Err(_) => Err(AdminError::Refused("no whole request came in time".into())),
    };
    let outcome = match answer {
        Ok(answer) => Outcome::Ok(answer),
        Err(AdminError::Usage(text)) => Outcome::Usage(text),
        Err(error) => Outcome::Error(error.to_string()),
    };
    let Ok(mut line) = serde_json::to_vec(&outcome) else { return };
    line.push(b'\n');
    let say = async {
        write.write_all(&line).await?;
        write.shutdown().await?;
        if is_too_long {
            // Closing with something unread would look like a broken connection.
            tokio::io::copy(&mut read, &mut tokio::io::sink()).await?;
        }
        io::Result::Ok(())
    };
    // Whoever asked is gone, or takes too long: theirs to notice.
    let _ = timeout(EXCHANGE_WAIT, say).await;
}

/// A line without its end, or the beginning of one that is too long.
async fn request(read: impl tokio::io::AsyncRead + Unpin) -> io::Result<Vec<u8>> {
    let most = REQUEST_BYTES as u64 + 1;
    let mut line = Vec::new();
    tokio::io::BufReader::new(read.take(most)).read_until(b'\n', &mut line).await?;
    line.pop_if(|last| *last == b'\n');
    Ok(line)
}

async fn answer(line: &[u8], hub: &HubLoop, parts: &Parts) -> Result<AdminAnswer, AdminError> {
    let request = serde_json::from_slice(line)
        .map_err(|error| AdminError::Refused(format!("not a request: {error}")))?;
    if matches!(request, AdminRequest::Health) {
        return Ok(AdminAnswer::Health(parts.health.check().await));
    }
    if let AdminRequest::Run { line } = &request {
        return match parts.manager.run_for(None, line).await {
            Ok(Answer { lines, data }) => Ok(AdminAnswer::Ran { lines, data }),
            Err(VerbError::Usage(text)) => Err(AdminError::Usage(text)),
            Err(VerbError::Refused(text)) => Err(AdminError::Refused(text)),
        };
    }
    let Question { command, code } = Question::new(&request)?;
    let reply = hub.admin(None, command).await.map_err(AdminError::Refused)?;
    Ok(Question::answer(code.as_ref(), reply))
}

/// The asking end.
pub(super) fn connect(path: &Path) -> io::Result<UnixStream> {
    UnixStream::connect(path)
}

/// Says a line and returns the answer. However slowly it comes, it does not take longer than
/// [`ANSWER_WAIT`].
pub(super) fn exchange(connection: UnixStream, line: &[u8]) -> io::Result<Vec<u8>> {
    exchange_within(ANSWER_WAIT, connection, line)
}

fn exchange_within(wait: Duration, mut connection: UnixStream, line: &[u8]) -> io::Result<Vec<u8>> {
    let no_answer = || {
        let text = format!("nothing whole came within {} s", wait.as_secs());
        io::Error::new(io::ErrorKind::TimedOut, text)
    };
    connection.set_write_timeout(Some(EXCHANGE_WAIT))?;
    connection.write_all(line)?;
    let until = Instant::now() + wait;
    let (mut answer, mut part) = (Vec::new(), [0; 16 * 1024]);
    loop {
        let left = until.saturating_duration_since(Instant::now());
        if left.is_zero() || answer.len() > ANSWER_BYTES {
            break Err(no_answer());
        }
        connection.set_read_timeout(Some(left))?;
        match connection.read(&mut part) {
            Ok(0) if answer.is_empty() => {
                let text = "it closed the connection";
                break Err(io::Error::new(io::ErrorKind::UnexpectedEof, text));
            }
            Ok(0) => break Ok(answer),
            Ok(bytes) => answer.extend_from_slice(&part[..bytes]),
            Err(error) => match error.kind() {
                io::ErrorKind::Interrupted => {}
                // Which of them says that the time is over is the system's choice.
                io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut => break Err(no_answer()),
                _ => break Err(error),
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::thread;

    fn answered(peer: impl FnOnce(UnixStream) + Send + 'static) -> io::Result<Vec<u8>> {
        let (here, there) = UnixStream::pair().unwrap();
        let peer = thread::spawn(move || peer(there));
        let answer = exchange_within(Duration::from_millis(50), here, b"hello\n");
        peer.join().unwrap();
        answer
    }

    #[test]
    fn an_answer_that_never_comes_is_not_waited_for() {
        let silent = answered(|mut peer| {
            let mut rest = Vec::new();
            peer.read_to_end(&mut rest).unwrap();
            assert_eq!(rest, b"hello\n");
        });
        assert_eq!(silent.unwrap_err().kind(), io::ErrorKind::TimedOut);
        // A byte now and then is no answer either.
        let dripping = answered(|mut peer| {
            while peer.write_all(b"x").is_ok() {
                thread::sleep(Duration::from_millis(1));
            }
        });
        assert_eq!(dripping.unwrap_err().kind(), io::ErrorKind::TimedOut);
        let gone = answered(drop);
        assert!(gone.is_err(), "{gone:?}");
        let whole = answered(|mut peer| {
            // Closing with something unread would look like a broken connection.
            peer.read_exact(&mut [0; 6]).unwrap();
            peer.write_all(b"yes").unwrap();
        });
        assert_eq!(whole.unwrap(), b"yes");
    }
}
