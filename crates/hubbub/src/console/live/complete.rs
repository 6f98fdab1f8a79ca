//! What a line can go on with: verbs, and what the table says that they take.

use hubbub_server::verbs::{self, Manager, Takes, VERBS, Verb};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::channel;
use std::thread;
use std::time::Duration;

/// So many are offered.
const CHOICES_MAX: usize = 200;

/// Whoever types waits no longer for names.
const NAMES_WAIT: Duration = Duration::from_millis(300);

/// Knows what there is at the moment.
pub(super) trait Names {
    fn names(&self, of: Takes) -> Vec<String>;
}

/// Asks the server, but never waits for long: while it hangs, Tab finds nothing.
#[derive(Debug)]
pub(super) struct Asking {
    manager: Manager,
    /// One question at a time: those that are never answered don't pile up.
    is_asking: Arc<AtomicBool>,
}

impl Asking {
    pub(super) fn new(manager: Manager) -> Self {
        Self { manager, is_asking: Arc::default() }
    }
}

impl Names for Asking {
    fn names(&self, of: Takes) -> Vec<String> {
        let manager = self.manager.clone();
        soon(&self.is_asking, move || manager.names(of))
    }
}

/// What is answered soon enough, else nothing.
fn soon(
    is_asking: &Arc<AtomicBool>,
    ask: impl FnOnce() -> Vec<String> + Send + 'static,
) -> Vec<String> {
    if is_asking.swap(true, Ordering::AcqRel) {
        return Vec::new();
    }
    let done = Done(Arc::clone(is_asking));
    let (to, answer) = channel();
    let run = move || {
        let names = ask();
        // Before the answer: whoever has it may ask again.
        drop(done);
        let _ = to.send(names);
    };
    match thread::Builder::new().name("console-names".into()).spawn(run) {
        Ok(_) => answer.recv_timeout(NAMES_WAIT).unwrap_or_default(),
        Err(_) => Vec::new(),
    }
}

/// The question is over, whatever came of it.
struct Done(Arc<AtomicBool>);

impl Drop for Done {
    fn drop(&mut self) {
        self.0.store(false, Ordering::Release);
    }
}

/// What could stand in place of the word before the cursor.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Completion {
    /// Where that word begins.
    pub(super) from: usize,
    pub(super) choices: Vec<String>,
}

/// For what stands before the cursor.
pub(super) fn complete(before: &str, names: &impl Names) -> Completion {
    let start = before
        .rfind(char::is_whitespace)
        .map_or(0, |at| at + before[at..].chars().next().map_or(0, char::len_utf8));
    let (done, current) = before.split_at(start);
    let mut done = done.split_whitespace();
    let Some(verb) = done.next() else {
        let word = current.strip_prefix('/').unwrap_or(current);
        return Completion { from: before.len() - word.len(), choices: verbs_like(word) };
    };
    let wanted = current.to_lowercase();
    let takes = known(verb).map(|verb| Position::after(verb, done).takes(current));
    let mut choices: Vec<_> = takes
        .unwrap_or_default()
        .into_iter()
        .filter(|takes| *takes != Takes::Text)
        .flat_map(|takes| names.names(takes).into_iter().map(move |name| written(takes, name)))
        .filter(|name| name.to_lowercase().starts_with(&wanted))
        .collect();
    choices.sort_unstable();
    choices.dedup();
    choices.truncate(CHOICES_MAX);
    Completion { from: start, choices }
}

/// What could follow, to be shown behind the cursor.
pub(super) fn hint(line: &str) -> Option<String> {
    let mut words = line.split_whitespace();
    let typed = words.next()?;
    let word = typed.strip_prefix('/').unwrap_or(typed).to_lowercase();
    let is_open = !line.ends_with(char::is_whitespace);
    let Some(verb) = known(typed) else {
        // Only where it can be nothing else.
        let [one] = &verbs_like(&word)[..] else { return None };
        let verb = verbs::find(one)?;
        let rest = one.strip_prefix(word.as_str())?;
        let is_alone = is_open && words.next().is_none() && !word.is_empty();
        return is_alone.then(|| format!("{rest} {}", verb.arguments).trim_end().to_owned());
    };
    let mut position = Position::after(verb, words);
    let arguments: Vec<_> = verb.arguments.split_whitespace().collect();
    if is_open && line.split_whitespace().count() == 1 {
        position.argument = 0;
    }
    let rest = arguments.get(position.argument..).unwrap_or_default().join(" ");
    let gap = if is_open { " " } else { "" };
    (!rest.is_empty()).then(|| format!("{gap}{rest}"))
}

fn known(word: &str) -> Option<&'static Verb> {
    verbs::find(&word.strip_prefix('/').unwrap_or(word).to_lowercase())
}

/// The first words of verbs, or if none is so, the others.
fn verbs_like(word: &str) -> Vec<String> {
    let word = word.to_lowercase();
    let with = |skip: usize, take: usize| -> Vec<String> {
        let words = VERBS.iter().flat_map(|verb| verb.words.iter().skip(skip).take(take));
        words.filter(|known| known.starts_with(&word)).map(ToString::to_string).collect()
    };
    let mut choices = with(0, 1);
    if choices.is_empty() {
        choices = with(1, usize::MAX);
    }
    choices.sort_unstable();
    choices
}

/// Where a line stands in a verb's arguments.
struct Position {
    verb: &'static Verb,
    /// Which of them is next, as if none repeated.
    argument: usize,
}

impl Position {
    fn after<'a>(verb: &'static Verb, words: impl Iterator<Item = &'a str>) -> Self {
        let mut position = Self { verb, argument: 0 };
        for word in words {
            if position.is_room_left_out(word) {
                position.argument += 1;
            }
            position.argument += 1;
        }
        position
    }

    /// A room has `#` before it, and what has none is what comes behind it.
    fn is_room_left_out(&self, word: &str) -> bool {
        let rest = self.verb.takes.get(self.argument..).unwrap_or_default();
        matches!(rest, [Takes::Room, _, ..]) && !word.starts_with('#')
    }

    /// What a word that begins so can be.
    fn takes(&self, current: &str) -> Vec<Takes> {
        let takes = self.verb.takes;
        let rest = takes.get(self.argument..).unwrap_or_default();
        match rest {
            [Takes::Room, ..] if current.starts_with('#') => vec![Takes::Room],
            [Takes::Room, next, ..] if current.is_empty() => vec![Takes::Room, *next],
            [Takes::Room, next, ..] => vec![*next],
            [first, ..] => vec![*first],
            // The last one repeats.
            [] => takes.last().copied().into_iter().collect(),
        }
    }
}

fn written(takes: Takes, name: String) -> String {
    match takes {
        Takes::Room if !name.starts_with('#') => format!("#{name}"),
        _ => name,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Fixed;

    impl Names for Fixed {
        fn names(&self, of: Takes) -> Vec<String> {
            let names: &[&str] = match of {
                Takes::Room => &["lobby", "#Work~3f2a"],
                Takes::User => &["ann", "bob", "Bernd"],
                Takes::Verb => &["stats", "sessions"],
                Takes::Text => &["never"],
            };
            names.iter().map(ToString::to_string).collect()
        }
    }

    fn choices(before: &str) -> Vec<String> {
        complete(before, &Fixed).choices
    }

    #[test]
    fn verbs_come_first_and_then_what_they_take() {
        assert_eq!(choices("st"), ["stats"]);
        assert_eq!(choices("/ST"), ["stats"]);
        assert_eq!(complete("/st", &Fixed).from, 1);
        assert_eq!(choices("bro"), ["broadcast"], "another word for announce");
        assert_eq!(choices("").len(), VERBS.len());
        assert_eq!(choices("help s"), ["sessions", "stats"]);
        assert_eq!(choices("kick b"), ["Bernd", "bob"]);
        assert_eq!(choices("kick "), ["#Work~3f2a", "#lobby", "Bernd", "ann", "bob"]);
        assert_eq!(choices("kick #l"), ["#lobby"]);
        assert_eq!(
            complete("kick #lobby bo", &Fixed),
            Completion { from: 12, choices: vec!["bob".into()] }
        );
        assert_eq!(choices("kick bob b"), [""; 0], "a reason is anything");
        assert_eq!(choices("kick #lobby bob "), [""; 0]);
        assert_eq!(choices("bans #"), ["#Work~3f2a", "#lobby"]);
        assert_eq!(choices("nonsense b"), [""; 0]);
        assert_eq!(choices("stats "), [""; 0]);
    }

    #[test]
    fn a_server_that_hangs_holds_nobody_up_who_types() {
        let is_asking = Arc::default();
        let names = || vec!["lobby".to_owned()];
        assert_eq!(soon(&is_asking, names), ["lobby"]);
        let (go_on, hangs) = channel::<()>();
        let (ended, ends) = channel::<()>();
        let hang = move || {
            let _ended = ended;
            let _ = hangs.recv();
            Vec::new()
        };
        assert_eq!(soon(&is_asking, hang), [""; 0]);
        assert_eq!(soon(&is_asking, || panic!("one question at a time")), [""; 0]);
        drop(go_on);
        assert!(ends.recv().is_err(), "it goes on");
        while is_asking.load(Ordering::Acquire) {
            thread::yield_now();
        }
        assert_eq!(soon(&is_asking, names), ["lobby"]);
    }

    #[test]
    fn a_hint_says_what_is_missing() {
        for (line, wanted) in [
            ("", None),
            ("s", None),
            ("anno", Some("unce TEXT")),
            ("kick", Some(" [#ROOM] NAME [REASON]")),
            ("kick ", Some("[#ROOM] NAME [REASON]")),
            ("kick #lobby ", Some("NAME [REASON]")),
            ("kick bob", Some(" [REASON]")),
            ("kick bob too loud", None),
            ("ban bob ", Some("[TIME] [REASON]")),
            ("/ban bob 2h ", Some("[REASON]")),
            ("stats", None),
            ("announce hello", None),
            ("nonsense ", None),
        ] {
            assert_eq!(hint(line).as_deref(), wanted, "{line:?}");
        }
    }
}
