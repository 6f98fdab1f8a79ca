//! Plays a transcript: types what is typed into real netcats, runs what is run, and compares what
//! comes.

use crate::document::{Step, What};
use crate::support::{LIMIT, Running, Serve, netcat};
use std::collections::{BTreeMap, VecDeque};
use std::process::Command;
use std::time::Instant;

/// What the server says to who says nothing for a while.
const GREETING: [&str; 2] = ["-- This is a Hubbub chat server.", "What is your name?"];
const IN_SYNC: &str = "-- In sync: the server has done everything before this.";
/// The address of the document.
const ADDRESS: &str = "127.0.0.1 5000";
/// A shell's `hubbub` is the one of this test, on its folder.
const HUBBUB: &str = r#"hubbub() { "$HUBBUB" "$@" --data "$DATA"; }"#;

/// The values of `$NAME`, as they were seen first.
pub(crate) type Values = BTreeMap<String, String>;

/// A server, and who is there.
struct World {
    folder: tempfile::TempDir,
    serve: Option<Serve>,
    people: BTreeMap<String, Person>,
    values: Values,
}

/// Somebody with netcat.
struct Person {
    netcat: Running,
    /// Who begins by typing may be greeted if that takes long: that is not told in a transcript.
    unasked: VecDeque<&'static str>,
}

/// Plays one transcript to its end, and makes sure that nothing comes that it doesn't show.
pub(crate) fn replay(steps: &[Step]) -> Result<(), String> {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let mut world = World { folder, serve: None, people: BTreeMap::new(), values: Values::new() };
    for Step { number, what } in steps {
        world.play(what).map_err(|error| format!("docs/plain.md:{number}: {error}"))?;
    }
    let last = steps.last().map_or(0, |step| step.number);
    world.nothing_else().map_err(|error| format!("docs/plain.md:{last}: behind it, {error}"))
}

impl World {
    fn play(&mut self, what: &What) -> Result<(), String> {
        match what {
            What::Types { who, line } => {
                let line = filled(line, &self.values)?;
                self.person(who, true).netcat.type_line(&line);
            }
            What::Reads { who, line } => {
                let got = self.person(who, false).line().ok_or("the connection has ended")?;
                compare(line, &got, &mut self.values)?;
            }
            What::Ends { who } => {
                let mut person = self.people.remove(who).ok_or("nobody was connected")?;
                // Netcat waits for the end of its own input too.
                drop(person.netcat.stdin.take());
                if let Some(line) = person.line() {
                    return Err(format!("{line:?} came instead"));
                }
            }
            What::Runs { command, prints } => match command.strip_prefix("hubbub serve ") {
                Some(options) => {
                    assert!(self.serve.is_none() && prints.is_empty(), "a server runs already");
                    let options: Vec<&str> = options.split(' ').collect();
                    self.serve = Some(Serve::with("127.0.0.1:0", self.folder.path(), &options));
                }
                None => self.run(command, prints)?,
            },
        }
        Ok(())
    }

    fn serve(&mut self) -> &Serve {
        self.serve.get_or_insert_with(|| Serve::new(self.folder.path()))
    }

    fn person(&mut self, who: &str, types: bool) -> &mut Person {
        if !self.people.contains_key(who) {
            let unasked = if types { GREETING.into() } else { VecDeque::new() };
            let person = Person { netcat: netcat(self.serve()), unasked };
            self.people.insert(who.to_owned(), person);
        }
        self.people.get_mut(who).expect("just inserted")
    }

    /// Runs a command, and compares what it prints. Columns are as wide as the document has them.
    fn run(&mut self, command: &str, prints: &[String]) -> Result<(), String> {
        let address = self.serve().address.replace(':', " ");
        let script = filled(&command.replace(ADDRESS, &address), &self.values)?;
        let until = Instant::now() + LIMIT;
        loop {
            let mut shell = Command::new("sh");
            shell.args(["-c", &format!("{HUBBUB}\n{script}")]).env("TZ", "UTC");
            shell.current_dir(self.folder.path());
            shell.env("HUBBUB", env!("CARGO_BIN_EXE_hubbub")).env("DATA", self.folder.path());
            let output = shell.output().expect("a shell runs");
            let stdout = String::from_utf8_lossy(&output.stdout);
            let mut values = self.values.clone();
            let got: Vec<String> = stdout.lines().map(narrow).collect();
            let result = if !output.status.success() || !output.stderr.is_empty() {
                Err(format!("{output:?}"))
            } else if got.len() != prints.len() {
                Err(format!("other lines: {got:#?}"))
            } else {
                let mut pairs = prints.iter().zip(&got);
                pairs.try_for_each(|(line, got)| compare(&narrow(line), got, &mut values))
            };
            // An entry of the audit log waits for nobody, so it may be there a moment later.
            let is_early = got.len() < prints.len() && command.starts_with("hubbub audit");
            if !is_early || Instant::now() > until {
                self.values = values;
                return result;
            }
        }
    }

    /// What one says may reach another a moment later: so everybody asks twice.
    fn nothing_else(&mut self) -> Result<(), String> {
        for _ in 0..2 {
            for (who, person) in &mut self.people {
                person.netcat.type_line("/sync");
                match person.line() {
                    Some(line) if line == IN_SYNC => {}
                    other => return Err(format!("{who}: {other:?}")),
                }
            }
        }
        Ok(())
    }
}

impl Person {
    fn line(&mut self) -> Option<String> {
        loop {
            let line = self.netcat.out.next()?;
            if self.unasked.front() == Some(&&*line) {
                self.unasked.pop_front();
                continue;
            }
            self.unasked.clear();
            return Some(line);
        }
    }
}

/// A line with single blanks.
fn narrow(line: &str) -> String {
    line.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// Cuts a line before its first `$NAME`, and after it.
fn variable(text: &str) -> Option<(&str, &str, &str)> {
    let mut found = text.match_indices('$').filter_map(|(at, _)| {
        let name = &text[at + 1..];
        let is_name = |c: char| c.is_ascii_uppercase() || c.is_ascii_digit();
        let length = name.find(|c| !is_name(c)).unwrap_or(name.len());
        (length > 0).then(|| (&text[..at], &name[..length], &name[length..]))
    });
    found.next()
}

/// A line with its values.
fn filled(text: &str, values: &Values) -> Result<String, String> {
    let Some((before, name, after)) = variable(text) else { return Ok(text.to_owned()) };
    let value = values.get(name).ok_or(format!("nobody has seen ${name} yet"))?;
    Ok(format!("{before}{value}{}", filled(after, values)?))
}

/// Whether a line is as the document has it. A value reaches to the character that follows it there,
/// or over all but blanks.
pub(crate) fn compare(wanted: &str, got: &str, values: &mut Values) -> Result<(), String> {
    let differs = || format!("it came otherwise:\n  {got}");
    let (wanted_now, goes_on) = match wanted.strip_suffix("...") {
        Some(wanted) => (wanted, true),
        None => (wanted, false),
    };
    let (mut wanted, mut rest) = (wanted_now, got);
    while let Some((before, name, after)) = variable(wanted) {
        rest = rest.strip_prefix(before).ok_or_else(differs)?;
        let next = after.chars().next();
        let end = rest.find(|c: char| c.is_whitespace() || Some(c) == next);
        let (value, left) = rest.split_at(end.unwrap_or(rest.len()));
        if value.is_empty() {
            return Err(differs());
        }
        // A clock goes on.
        if !matches!(name, "DAY" | "TIME") {
            let known = values.entry(name.to_owned()).or_insert_with(|| value.to_owned());
            if *known != value {
                return Err(format!("${name} is {value:?} here, not {known:?}:\n  {got}"));
            }
        }
        (wanted, rest) = (after, left);
    }
    let same = if goes_on { rest.starts_with(wanted) } else { rest == wanted };
    if same { Ok(()) } else { Err(differs()) }
}
