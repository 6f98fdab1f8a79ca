//! The socket of the operator's door, both of its ends.
//!
//! Whoever can open it may ask everything: it is for its owner alone, in a folder for its owner
//! alone. One connection at a time, each within a few seconds.

use super::{ANSWER_BYTES, AdminError, Outcome, Question, REQUEST_BYTES, SOCKET};
use crate::hub_loop::HubLoop;
use crate::platform;
use std::fs;
use std::io::{self, Read, Write};
use std::os::unix::fs::FileTypeExt;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;
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
            if let Err(error) = run(listener, &hub, stop) {
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

fn run(listener: UnixListener, hub: &HubLoop, mut stop: watch::Receiver<bool>) -> io::Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let listener = tokio::net::UnixListener::from_std(listener)?;
        let serve = async {
            loop {
                match listener.accept().await {
                    Ok((stream, _)) => serve_one(stream, hub).await,
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

async fn serve_one(mut stream: tokio::net::UnixStream, hub: &HubLoop) {
    let (mut read, mut write) = stream.split();
    let request = timeout(EXCHANGE_WAIT, request(&mut read)).await;
    let is_too_long = matches!(&request, Ok(Ok(line)) if line.len() > REQUEST_BYTES);
    let answer = match request {
        Ok(Ok(line)) if line.is_empty() => return,
        Ok(Ok(_)) if is_too_long => {
            Err(AdminError::Refused(format!("a request may have {REQUEST_BYTES} bytes")))
        }
        Ok(Ok(line)) => answer(&line, hub).await,
        Ok(Err(error)) => {
            tracing::debug!(%error, "the operator's door");
            return;
        }
        Err(_) => Err(AdminError::Refused("no whole request came in time".into())),
    };
    let outcome = match answer {
        Ok(answer) => Outcome::Ok(answer),
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

async fn answer(line: &[u8], hub: &HubLoop) -> Result<super::AdminAnswer, AdminError> {
    let request = serde_json::from_slice(line)
        .map_err(|error| AdminError::Refused(format!("not a request: {error}")))?;
    let Question { command, code } = Question::new(&request)?;
    let reply = hub.admin(command).await.map_err(AdminError::Refused)?;
    Ok(Question::answer(code.as_ref(), reply))
}

/// The asking end.
pub(super) fn connect(path: &Path) -> io::Result<UnixStream> {
    UnixStream::connect(path)
}

/// Says a line and returns the answer.
pub(super) fn exchange(mut connection: UnixStream, line: &[u8]) -> io::Result<Vec<u8>> {
    connection.set_write_timeout(Some(EXCHANGE_WAIT))?;
    connection.set_read_timeout(Some(ANSWER_WAIT))?;
    connection.write_all(line)?;
    let mut answer = Vec::new();
    connection.take(ANSWER_BYTES as u64).read_to_end(&mut answer)?;
    if answer.is_empty() {
        return Err(io::Error::new(io::ErrorKind::UnexpectedEof, "it closed the connection"));
    }
    Ok(answer)
}
