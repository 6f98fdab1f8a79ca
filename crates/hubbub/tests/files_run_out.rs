//! The real program with few files: those that are connected go on, the store works, others are turned
//! away at once, and when some go, new ones get in.
#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used)]

mod support;

use std::io::{BufRead, BufReader, Write};
use std::net::TcpStream;
use std::process::Command;
use std::time::{Duration, Instant};
use support::{LIMIT, Running, Serve, hubbub, printed};

const FILES: usize = 64;
const TURNED_AWAY: usize = 20;

/// Somebody on the plain door.
struct Somebody(BufReader<TcpStream>);

impl Somebody {
    /// `None` for whom the server has no place.
    fn come(address: &str, name: &str) -> Option<Self> {
        let mut stream = TcpStream::connect(address).unwrap();
        stream.set_read_timeout(Some(LIMIT)).unwrap();
        // It may be closed already.
        let _ = stream.write_all(format!("{name}\n").as_bytes());
        let mut somebody = Self(BufReader::new(stream));
        let welcome = somebody.line()?;
        assert!(welcome.contains("Welcome"), "{welcome}");
        Some(somebody)
    }

    fn line(&mut self) -> Option<String> {
        let mut line = String::new();
        match self.0.read_line(&mut line) {
            Ok(0) => None,
            Ok(_) => Some(line),
            Err(error) if error.kind() == std::io::ErrorKind::ConnectionReset => None,
            Err(error) => panic!("turned away too late: {error}"),
        }
    }

    /// Everything that is said up to the answer to a fence.
    fn ask(&mut self, words: &str) -> Vec<String> {
        self.0.get_mut().write_all(format!("{words}\n/sync\n").as_bytes()).unwrap();
        let mut lines = Vec::new();
        loop {
            let line = self.line().expect("it goes on");
            if line.contains("In sync") {
                return lines;
            }
            lines.push(line);
        }
    }
}

#[test]
fn those_who_are_here_go_on_when_files_run_out() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().to_str().unwrap();
    let serve = hubbub(&["serve", "--listen", "127.0.0.1:0", "--data", data]);
    let mut command = Command::new("sh");
    let few = format!("ulimit -n {FILES}; exec \"$0\" \"$@\"");
    command.arg("-c").arg(few).arg(serve.get_program()).args(serve.get_args());
    command.envs(serve.get_envs().filter_map(|(name, value)| Some((name, value?))));
    let process = Running::start(command);
    let line = process.out.until("listening on ");
    let serve = Serve { address: line.split(' ').nth(2).unwrap().to_owned(), process };

    let mut here = Vec::new();
    while let Some(somebody) = Somebody::come(&serve.address, &format!("user{}", here.len())) {
        here.push(somebody);
        assert!(here.len() < FILES, "it has no limit");
    }
    assert!(here.len() >= 2, "{} have a place", here.len());
    let mut turned_away = 0;
    while turned_away < TURNED_AWAY {
        match Somebody::come(&serve.address, &format!("more{}", here.len())) {
            None => turned_away += 1,
            // Something else had a file for a moment when the last one came.
            Some(somebody) => here.push(somebody),
        }
        assert!(here.len() < FILES, "it has no limit");
    }
    // Everything works for those who are here: what they say is kept, found and read again.
    for (number, somebody) in here.iter_mut().enumerate() {
        let lines = somebody.ask(&format!("words of {number}"));
        assert!(!lines.iter().any(|line| line.starts_with('!')), "{lines:?}");
    }
    let history = here[0].ask("/history");
    assert!(history.iter().any(|line| line.contains("words of 0")), "{history:?}");
    // The operator gets in, too.
    assert!(printed(folder.path(), &["audit"]).contains("user0"));

    let count = here.len();
    here.truncate(count - 2);
    let began = Instant::now();
    let back = loop {
        // The places are free as soon as the server has heard of it.
        if let Some(somebody) = Somebody::come(&serve.address, "late") {
            break somebody;
        }
        assert!(began.elapsed() < LIMIT, "nobody gets in");
        std::thread::sleep(Duration::from_millis(5));
    };
    drop((back, here));
    let Serve { mut process, .. } = serve;
    process.signal("TERM");
    assert!(process.wait().success());
    let told = std::iter::from_fn(|| process.err.next());
    let told: Vec<String> = told.filter(|line| line.contains("open files")).collect();
    assert_eq!(told.len(), 1, "{told:?}");
}
