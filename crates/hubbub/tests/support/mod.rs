//! The real program as other processes. Waiting is by line or by exit, within a limit.
#![allow(dead_code, unreachable_pub, reason = "each test binary uses its own part")]

pub mod front;

use std::io::{BufRead, BufReader, Read, Write};
use std::path::Path;
use std::process::{Child, ChildStdin, Command, ExitStatus, Output, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::time::{Duration, Instant};

/// Whatever takes longer hangs.
pub const LIMIT: Duration = Duration::from_secs(30);

/// What is told when a server is met for the first time. What it says is tested in `known.rs`;
/// everywhere else it is left out.
const FIRST_MEETING: &str = " is new here. Its key: ";

thread_local! {
    /// Each test has known servers of its own, none at first.
    static SETTINGS: tempfile::TempDir = tempfile::tempdir().expect("a folder");
}

/// The program with arguments, as a user called `ann` in UTC.
pub fn hubbub(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_hubbub"));
    command.args(arguments).env("HUBBUB_LOG", "warn").env("USER", "ann").env("TZ", "UTC");
    SETTINGS.with(|folder| command.env("HUBBUB_KNOWN_SERVERS", folder.path().join("known")));
    command
}

/// Runs to the end, with this on stdin.
pub fn run_with(arguments: &[&str], stdin: &[u8]) -> Output {
    let mut command = hubbub(arguments);
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().expect("the program starts");
    // A program that ends before it has read everything is for the caller to judge.
    let _ = child.stdin.take().expect("piped").write_all(stdin);
    child.wait_with_output().expect("the program ends")
}

/// Runs to the end, with nothing on stdin.
pub fn run(arguments: &[&str]) -> Output {
    run_with(arguments, b"")
}

/// The exit code and stderr, but for a first meeting; stdout has to be empty.
pub fn code(output: &Output) -> (Option<i32>, String) {
    assert_eq!(String::from_utf8_lossy(&output.stdout), "");
    let told = String::from_utf8_lossy(&output.stderr);
    let lines = told.split_inclusive('\n').filter(|line| !line.contains(FIRST_MEETING));
    (output.status.code(), lines.collect())
}

/// The lines of a stream, collected by a thread.
pub struct Lines {
    lines: Receiver<String>,
}

impl Lines {
    fn of(stream: impl Read + Send + 'static) -> Self {
        let (to, lines) = channel();
        std::thread::spawn(move || {
            for line in BufReader::new(stream).split(b'\n').map_while(Result::ok) {
                let line = String::from_utf8_lossy(&line).into_owned();
                if !line.contains(FIRST_MEETING) && to.send(line).is_err() {
                    return;
                }
            }
        });
        Self { lines }
    }

    /// The next line; `None` at the end.
    pub fn next(&self) -> Option<String> {
        match self.lines.recv_timeout(LIMIT) {
            Ok(line) => Some(line),
            Err(RecvTimeoutError::Disconnected) => None,
            Err(RecvTimeoutError::Timeout) => panic!("no line came"),
        }
    }

    /// Reads on to the line that contains this.
    pub fn until(&self, wanted: &str) -> String {
        let mut before = Vec::new();
        loop {
            match self.next() {
                Some(line) if line.contains(wanted) => return line,
                Some(line) => before.push(line),
                None => panic!("the output ended without {wanted:?}: {before:?}"),
            }
        }
    }
}

/// A child that is killed with the test.
pub struct Running {
    child: Child,
    pub out: Lines,
    pub err: Lines,
    pub stdin: Option<ChildStdin>,
}

impl Running {
    pub fn start(mut command: Command) -> Self {
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().expect("the program starts");
        let out = Lines::of(child.stdout.take().expect("piped"));
        let err = Lines::of(child.stderr.take().expect("piped"));
        let stdin = child.stdin.take();
        Self { child, out, err, stdin }
    }

    /// Types a line. Whether it arrives, only the answer shows.
    pub fn type_line(&mut self, line: &str) {
        let stdin = self.stdin.as_mut().expect("its input is open");
        let _ = stdin.write_all(format!("{line}\n").as_bytes());
    }

    pub fn signal(&self, name: &str) {
        let pid = self.child.id().to_string();
        let status = Command::new("kill").args(["-s", name, &pid]).status().expect("kill runs");
        assert!(status.success());
    }

    /// The number of the process.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// Waits for the end.
    pub fn wait(&mut self) -> ExitStatus {
        let until = Instant::now() + LIMIT;
        loop {
            if let Some(status) = self.child.try_wait().expect("a child can be waited for") {
                return status;
            }
            assert!(Instant::now() < until, "the program does not end");
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    /// `kill -9`, as far as the program is concerned.
    pub fn kill(mut self) {
        self.child.kill().expect("a child can be killed");
        self.wait();
    }

    pub fn is_running(&mut self) -> bool {
        self.child.try_wait().expect("a child can be waited for").is_none()
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A running `hubbub serve`.
pub struct Serve {
    pub process: Running,
    pub address: String,
}

impl Serve {
    /// On a free port.
    pub fn new(data: &Path) -> Self {
        Self::at("127.0.0.1:0", data)
    }

    pub fn at(listen: &str, data: &Path) -> Self {
        Self::with(listen, data, &[])
    }

    /// With more options.
    pub fn with(listen: &str, data: &Path, more: &[&str]) -> Self {
        let data = data.to_str().expect("UTF-8");
        let serve = ["serve", "--listen", listen, "--data", data];
        let process = Running::start(hubbub(&[&serve, more].concat()));
        let line = process.out.until("listening on ");
        let address = line.split(' ').nth(2).expect("an address").to_owned();
        Self { process, address }
    }

    /// Kills it and starts another on the same folder and port.
    pub fn crash(self, data: &Path) -> Self {
        self.process.kill();
        Self::at(&self.address, data)
    }

    pub fn stop(mut self) -> ExitStatus {
        self.process.signal("TERM");
        self.process.wait()
    }
}

/// Somebody with netcat, which shuts down its side at the end of its input.
pub fn netcat(serve: &Serve) -> Running {
    let (host, port) = serve.address.rsplit_once(':').expect("an address");
    let mut command = Command::new("nc");
    command.args(["-N", host, port]);
    Running::start(command)
}

/// `hubbub tail` of a room, after it has begun.
pub fn tail(address: &str, more: &[&str]) -> Running {
    Running::start(hubbub(&[&["tail", address], more].concat()))
}

/// Sends with success.
pub fn send(address: &str, room: &str, text: &str) {
    let output = run(&["send", address, "--room", room, text]);
    assert_eq!(code(&output), (Some(0), String::new()));
}

/// Runs a command on this folder.
pub fn on(data: &Path, arguments: &[&str]) -> std::process::Output {
    run(&[arguments, &["--data", data.to_str().unwrap()]].concat())
}

/// What it prints, having succeeded in silence.
pub fn printed(data: &Path, arguments: &[&str]) -> String {
    let output = on(data, arguments);
    assert_eq!(output.status.code(), Some(0), "{arguments:?}: {output:?}");
    assert!(output.stderr.is_empty(), "{output:?}");
    String::from_utf8(output.stdout).unwrap()
}
