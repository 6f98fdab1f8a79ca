//! Where log lines go, and how they look: for people on a terminal, as JSON for programs. They go to
//! stderr, so that stdout holds only what was asked for, or to whom [`redirect`] names.
//!
//! Names and addresses of others stand in these lines. In both formats nothing leaves here that a
//! terminal would obey or hide: neither control characters nor what turns the direction of text. And each
//! event is one line, whatever is in it.

use crate::printer::escape_invisible;
use crate::settings::{LOG_LEVEL, LogFormat, LogSettings, NO_LEVEL, level_filter};
use hubbub_protocol::sanitize;
use serde_json::{Map, Value};
use std::fmt::{self, Debug, Write as _};
use std::io::{self, IsTerminal, Write};
use std::sync::atomic::{AtomicU8, Ordering};
use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};
use tracing::field::{Field, Visit};
use tracing::{Event, Level, Subscriber};
use tracing_subscriber::fmt::format::Writer;
use tracing_subscriber::fmt::{FmtContext, FormatEvent, FormatFields, MakeWriter};
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::registry::LookupSpan;
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{EnvFilter, Registry, reload};

/// What is logged, for this start; as for tracing-subscriber's `EnvFilter`.
const LEVEL_VARIABLE: &str = "HUBBUB_LOG";
/// How, for this start: `auto`, `human` or `json`.
const FORMAT_VARIABLE: &str = "HUBBUB_LOG_FORMAT";

const HUMAN: u8 = 0;
const COLOURED: u8 = 1;
const JSON: u8 = 2;

/// How lines look now.
static LOOK: AtomicU8 = AtomicU8::new(HUMAN);
/// Changes what is logged.
static FILTER: OnceLock<reload::Handle<EnvFilter, Registry>> = OnceLock::new();
/// What the settings say of it. The environment may say otherwise.
static CHOSEN: Mutex<Option<LogSettings>> = Mutex::new(None);
/// Who takes the lines instead of stderr.
static TAKER: Mutex<Option<TakesLines>> = Mutex::new(None);

/// What is done with a line, without its end.
pub(crate) type TakesLines = Box<dyn Fn(&str) + Send>;

/// Begins to log, for people. Whoever runs a server says [`choose`] when its settings are read.
pub(crate) fn start() {
    LOOK.store(human(), Ordering::Relaxed);
    let (filter, handle) = reload::Layer::new(filter(None));
    let lines = tracing_subscriber::fmt::layer().event_format(Lines).with_writer(Taker);
    tracing_subscriber::registry().with(filter).with(lines).init();
    let _ = FILTER.set(handle);
    if let Some(Err(problem)) = format_of_environment() {
        tracing::warn!("{FORMAT_VARIABLE}: {problem}");
    }
    if let Some(Err(problem)) = level_of_environment() {
        tracing::warn!("{LEVEL_VARIABLE}: {problem}");
    }
}

/// Logs as a server does whose settings are these: the environment goes before them. May be said again.
pub(crate) fn choose(settings: &LogSettings) {
    let of_environment = format_of_environment().and_then(Result::ok);
    let look = match of_environment.or(settings.format).unwrap_or(LogFormat::Auto) {
        LogFormat::Human => human(),
        LogFormat::Json => JSON,
        LogFormat::Auto if io::stderr().is_terminal() => human(),
        // A file, a pipe, the journal of a service.
        LogFormat::Auto => JSON,
    };
    LOOK.store(look, Ordering::Relaxed);
    if let Some(handle) = FILTER.get() {
        // It fails only when nothing logs any more.
        let _ = handle.reload(filter(settings.level.as_deref()));
    }
    *chosen() = Some(settings.clone());
}

/// What would be otherwise if these settings were chosen now, a line for each.
pub(crate) fn changes(settings: &LogSettings) -> Vec<String> {
    let now = chosen().clone().unwrap_or_default();
    let is_fixed = (
        matches!(format_of_environment(), Some(Ok(_))),
        matches!(level_of_environment(), Some(Ok(_))),
    );
    let format = |settings: &LogSettings| settings.format.unwrap_or(LogFormat::Auto).word();
    let level = |settings: &LogSettings| settings.level.as_deref().unwrap_or(LOG_LEVEL).to_owned();
    [
        change("format", format(&now), format(settings), is_fixed.0.then_some(FORMAT_VARIABLE)),
        change("level", &level(&now), &level(settings), is_fixed.1.then_some(LEVEL_VARIABLE)),
    ]
    .into_iter()
    .flatten()
    .collect()
}

fn change(key: &str, now: &str, then: &str, fixed_by: Option<&str>) -> Option<String> {
    let still = fixed_by.map_or_else(String::new, |name| format!(" (but {name} goes before it)"));
    (now != then).then(|| format!("log.{key}: {now:?} -> {then:?}{still}"))
}

/// Gives all lines to somebody else from now on, without their ends: a console that has a prompt on the
/// terminal. What it does must not log, and must be quick: whoever logs waits for it.
pub(crate) fn redirect(taker: TakesLines) {
    *taken() = Some(taker);
}

/// Lines go to stderr again.
pub(crate) fn restore() {
    *taken() = None;
}

fn taken() -> MutexGuard<'static, Option<TakesLines>> {
    TAKER.lock().unwrap_or_else(PoisonError::into_inner)
}

fn chosen() -> MutexGuard<'static, Option<LogSettings>> {
    CHOSEN.lock().unwrap_or_else(PoisonError::into_inner)
}

fn human() -> u8 {
    let has_colours = io::stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none();
    if has_colours { COLOURED } else { HUMAN }
}

fn filter(of_settings: Option<&str>) -> EnvFilter {
    let of_environment = level_of_environment().and_then(Result::ok);
    let of_settings = || of_settings.and_then(level_filter);
    of_environment.or_else(of_settings).unwrap_or_else(|| EnvFilter::new(LOG_LEVEL))
}

/// An empty variable counts as none.
fn word_of_environment(name: &str) -> Option<String> {
    let word = std::env::var_os(name).filter(|word| !word.is_empty())?;
    Some(word.to_string_lossy().into_owned())
}

fn level_of_environment() -> Option<Result<EnvFilter, String>> {
    let word = word_of_environment(LEVEL_VARIABLE)?;
    Some(level_filter(&word).ok_or_else(|| format!("`{}` {NO_LEVEL}", in_short(&word))))
}

fn format_of_environment() -> Option<Result<LogFormat, String>> {
    let word = word_of_environment(FORMAT_VARIABLE)?;
    Some(
        LogFormat::of_word(&word)
            .ok_or_else(|| format!("`{}` is none of auto, human, json", in_short(&word))),
    )
}

fn in_short(word: &str) -> String {
    word.escape_debug().take(40).collect()
}

/// Makes lines of events.
struct Lines;

impl<S, N> FormatEvent<S, N> for Lines
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    N: for<'a> FormatFields<'a> + 'static,
{
    fn format_event(
        &self,
        _: &FmtContext<'_, S, N>,
        mut writer: Writer<'_>,
        event: &Event<'_>,
    ) -> fmt::Result {
        let mut fields = Fields::default();
        event.record(&mut fields);
        // Microseconds; a clock out of any calendar counts as 1970.
        let now = jiff::Timestamp::now();
        let line = line(LOOK.load(Ordering::Relaxed), *event.metadata().level(), now, fields);
        writeln!(writer, "{line}")
    }
}

/// What an event says.
#[derive(Default)]
struct Fields {
    message: String,
    others: Map<String, Value>,
}

impl Fields {
    fn take(&mut self, field: &Field, value: Value) {
        match (field.name(), value) {
            ("message", Value::String(text)) => self.message = text,
            (name, value) => {
                // These three are ours.
                let is_ours = matches!(name, "timestamp" | "level" | "message");
                let name = if is_ours { format!("{name}_") } else { name.to_owned() };
                self.others.insert(name, value);
            }
        }
    }
}

impl Visit for Fields {
    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        self.take(field, Value::String(format!("{value:?}")));
    }
    fn record_str(&mut self, field: &Field, value: &str) {
        self.take(field, value.into());
    }
    fn record_u64(&mut self, field: &Field, value: u64) {
        self.take(field, value.into());
    }
    fn record_i64(&mut self, field: &Field, value: i64) {
        self.take(field, value.into());
    }
    fn record_f64(&mut self, field: &Field, value: f64) {
        self.take(field, value.into());
    }
    fn record_bool(&mut self, field: &Field, value: bool) {
        self.take(field, value.into());
    }
    fn record_error(&mut self, field: &Field, value: &(dyn std::error::Error + 'static)) {
        self.take(field, Value::String(value.to_string()));
    }
}

fn line(look: u8, level: Level, now: jiff::Timestamp, fields: Fields) -> String {
    if look == JSON {
        return json(level, now, fields);
    }
    let [dim, colour, plain] = match (look == COLOURED, level) {
        (false, _) => ["", "", ""],
        (true, Level::ERROR) => ["\x1b[2m", "\x1b[31m", "\x1b[0m"],
        (true, Level::WARN) => ["\x1b[2m", "\x1b[33m", "\x1b[0m"],
        (true, Level::INFO) => ["\x1b[2m", "\x1b[32m", "\x1b[0m"],
        (true, _) => ["\x1b[2m", "\x1b[34m", "\x1b[0m"],
    };
    let mut line = format!("{dim}{now:.6}{plain} {colour}{level:>5}{plain} ");
    push_visible(&mut line, &fields.message);
    for (name, value) in &fields.others {
        let _ = write!(line, " {dim}{name}={plain}");
        match value {
            Value::String(text) => push_visible(&mut line, text),
            other => push_visible(&mut line, &other.to_string()),
        }
    }
    line
}

fn json(level: Level, now: jiff::Timestamp, fields: Fields) -> String {
    // In the order in which people read them.
    let message = Value::String(fields.message);
    let mut line = format!(r#"{{"timestamp":"{now:.6}","level":"{level}","message":{message}"#);
    for (name, value) in fields.others {
        let _ = write!(line, ",{}:{value}", Value::String(name));
    }
    line.push('}');
    // JSON escapes C0 alone, and these lines end on terminals as well.
    escape_invisible(&line)
}

/// Appends a text as it is, but for what a terminal would obey or not show: that becomes `\u{…}`.
fn push_visible(line: &mut String, text: &str) {
    for c in text.chars() {
        if c.is_control() || sanitize::is_invisible(c) {
            line.extend(c.escape_unicode());
        } else {
            line.push(c);
        }
    }
}

/// Gives whole lines to stderr, or to whom [`redirect`] named.
struct Taker;

impl<'a> MakeWriter<'a> for Taker {
    type Writer = Self;

    fn make_writer(&'a self) -> Self {
        Self
    }
}

impl Write for Taker {
    /// Each call has one whole line: tracing-subscriber writes an event at once.
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        match &*taken() {
            Some(taker) => taker(String::from_utf8_lossy(line).trim_end_matches('\n')),
            // Where stderr is gone nobody is left to tell, and saying so there would be a panic.
            None => drop(io::stderr().write_all(line)),
        }
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOSTILE: &str = "a\x1b[31mb\nc\rd\u{9b}2Je\u{202e}f\u{200b}\"\\\u{7f}";

    fn fields() -> Fields {
        let mut others = Map::new();
        others.insert("room".into(), HOSTILE.into());
        others.insert("bytes".into(), 12.into());
        Fields { message: format!("said {HOSTILE}"), others }
    }

    fn check(look: u8) -> String {
        let line = line(look, Level::WARN, jiff::Timestamp::UNIX_EPOCH, fields());
        let own = ["\x1b[2m", "\x1b[33m", "\x1b[0m"];
        let rest = own.iter().fold(line.clone(), |line, own| line.replace(own, ""));
        let harmful = |c: char| c.is_control() || sanitize::is_invisible(c);
        assert!(!rest.contains(harmful), "{line:?}");
        line
    }

    #[test]
    fn nothing_that_a_terminal_obeys_gets_into_a_line_for_people() {
        let line = check(HUMAN);
        let begin = "1970-01-01T00:00:00.000000Z  WARN said a\\u{1b}[31mb\\u{a}c\\u{d}d\\u{9b}2Je";
        assert!(line.starts_with(begin), "{line}");
        assert!(line.contains(" bytes=12"), "{line}");
        check(COLOURED);
    }

    #[test]
    fn whoever_takes_the_lines_gets_them_whole() {
        let (to, lines) = std::sync::mpsc::channel();
        redirect(Box::new(move |line| to.send(line.to_owned()).unwrap()));
        Taker.write_all(b"one line\n").unwrap();
        assert_eq!(lines.recv().unwrap(), "one line");
        restore();
        assert!(lines.recv().is_err(), "it is given back");
    }

    #[test]
    fn a_line_of_json_means_what_was_logged_and_is_visible() {
        let line = check(JSON);
        let object: Value = serde_json::from_str(&line).unwrap();
        assert_eq!(object["message"], format!("said {HOSTILE}"));
        assert_eq!(object["room"], HOSTILE);
        assert_eq!(object["bytes"], 12);
        assert_eq!(object["level"], "WARN");
        assert_eq!(object["timestamp"], "1970-01-01T00:00:00.000000Z");
    }
}
