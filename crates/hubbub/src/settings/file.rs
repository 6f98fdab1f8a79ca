//! The settings file: reading it, and saying what is wrong with it and where.

use super::{Reach, Settings};
use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

/// Its name in the data folder.
pub(crate) const FILE: &str = "hubbub.toml";

/// Reads a settings file. `None`: there is none.
///
/// # Errors
/// What is wrong with it, with file, line and, as far as one can be guessed, the way out.
pub(crate) fn load(file: &Path) -> Result<Option<Settings>, String> {
    let text = match fs::read_to_string(file) {
        Ok(text) => text,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(format!("can't read the settings {}: {error}", file.display())),
    };
    let mut settings = parse(&text).map_err(|wrong| match wrong.line {
        Some(line) => format!("{}, line {line}: {}", file.display(), wrong.problem),
        None => format!("{}: {}", file.display(), wrong.problem),
    })?;
    // Like everything that names files in a file: from where that file is.
    let folder = file.parent().unwrap_or(Path::new(""));
    for path in [&mut settings.tls.certificate, &mut settings.tls.key].into_iter().flatten() {
        *path = PathBuf::from(folder).join(&*path);
    }
    Ok(Some(settings))
}

/// Keeps an answer in a new settings file. One that is there stays as it is, and is an error.
pub(crate) fn keep(file: &Path, reach: Reach) -> io::Result<()> {
    let mut options = fs::File::options();
    options.write(true).create_new(true);
    #[cfg(unix)]
    {
        use std::os::unix::fs::OpenOptionsExt;
        options.mode(0o600);
    }
    let mut file = options.open(file)?;
    let about =
        "# The settings of this Hubbub server. docs/operating.md lists all that can be here.";
    let who = "# Who may reach it: \"local\" (this computer only), \"lan\" or \"internet\".";
    file.write_all(format!("{about}\n\n{who}\nreach = \"{}\"\n", reach.word()).as_bytes())?;
    file.sync_all()
}

/// What is wrong with a text.
#[derive(Debug)]
struct Wrong {
    line: Option<usize>,
    problem: String,
}

fn parse(text: &str) -> Result<Settings, Wrong> {
    let settings: Settings = toml::from_str(text).map_err(|error| Wrong {
        line: error.span().map(|span| line_of(text, span.start)),
        problem: explain(error.message()),
    })?;
    let whole = |problem| Wrong { line: None, problem };
    settings.check().map_err(whole)?;
    settings.limits.check().map_err(whole)?;
    Ok(settings)
}

/// The number of the line that holds this byte, from 1.
fn line_of(text: &str, at: usize) -> usize {
    1 + text.bytes().take(at).filter(|byte| *byte == b'\n').count()
}

/// The message of the parser in our words, with what was meant, where that can be guessed. What isn't
/// understood here stays as it is.
fn explain(message: &str) -> String {
    let (what, rest) = match message.split_once('`') {
        Some(("unknown field ", rest)) => ("is no setting here", rest),
        Some(("unknown variant ", rest)) => ("is none of its values", rest),
        _ => return message.trim_end().replace('\n', ", "),
    };
    // The words stand between backticks: the wrong one first, then those that there are.
    let mut words = rest.split('`').step_by(2);
    let wrong = words.next().unwrap_or_default();
    let there_are: Vec<&str> = words.filter(|word| !word.is_empty()).collect();
    let near = there_are
        .iter()
        .map(|word| (strsim::jaro_winkler(wrong, word), *word))
        .filter(|(likeness, _)| *likeness > 0.8)
        .max_by(|one, other| one.0.total_cmp(&other.0));
    match near {
        Some((_, word)) => format!("`{wrong}` {what}; did you mean `{word}`?"),
        None => format!("`{wrong}` {what}; there are: {}", there_are.join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, line: usize, parts: &[&str]) {
        let wrong = parse(text).expect_err(text);
        assert_eq!(wrong.line, Some(line), "{text}: {wrong:?}");
        for part in parts {
            assert!(wrong.problem.contains(part), "{text}: {wrong:?}");
        }
        assert!(!wrong.problem.contains('\n'), "one line: {wrong:?}");
    }

    #[test]
    fn what_is_wrong_is_named_with_its_line_and_what_was_meant() {
        check("port = 5000\ngests = true\n", 2, &["`gests`", "did you mean `guests`?"]);
        check("reach = \"lann\"", 1, &["`lann`", "did you mean `lan`?"]);
        check("\n\nreach = \"moon\"", 3, &["`moon`", "local, lan, internet"]);
        check("[tls]\ncertifcate = \"a\"", 2, &["did you mean `certificate`?"]);
        check("[limit]\nlogin_s = 5", 1, &["did you mean `limits`?"]);
        check("[limits.user]\nmesages = { burst = 1, per_minute = 1 }", 2, &["`messages`?"]);
        check("[limits.room]\npins = { burst = 1, per_minute = 1 }", 2, &["messages, bytes"]);
        check("[limits]\nconnects = { burst = 1, per_hour = 1 }", 2, &["`per_hour`"]);
        check("port = 70000", 1, &["70000"]);
        check("port = \"5000\"", 1, &["string"]);
        check("guests = \"yes\"", 1, &["boolean"]);
        check("a = \n", 1, &[]);
    }

    #[test]
    fn values_that_cannot_work_are_refused_with_their_line() {
        check("audit_days = 0", 1, &["0 is not from 1 to 36500"]);
        check("[limits]\nlogin_s = 0", 2, &["from 1 to 86400"]);
        check("[limits]\nexempt = [\n  \"127.0.0.1\",\n  \"box\",\n]", 2, &["'box' is no network"]);
        check("[limits]\nconnects = { burst = 0, per_minute = 9 }", 2, &["per_minute = 0"]);
        check("[limits]\nconnects = { per_minute = 9 }", 2, &["`burst`"]);
        check("[limits.user.joins]\nburst = 5", 1, &["per_minute"]);
        check("[outbox]\nbytes = 1000", 2, &["131072"]);
        check("[tls]\nnames = [\"a b\"]", 2, &["'a b' is no host name"]);
        check("listen = [\"127.0.0.1\"]", 1, &["address"]);
    }

    #[test]
    fn what_does_not_go_together_is_refused() {
        for (text, part) in [
            ("reach = \"local\"\nlisten = [\"[::1]:1\", \"0.0.0.0:5000\"]", "0.0.0.0:5000"),
            ("port = 1\nlisten = [\"127.0.0.1:5000\"]", "`listen`"),
            ("listen = []", "no address"),
            ("[tls]\ncertificate = \"a.pem\"", "go together"),
            ("[limits.user]\nbytes = { burst = 100, per_minute = 100 }", "4096"),
        ] {
            let wrong = parse(text).expect_err(text);
            assert!(wrong.problem.contains(part), "{text}: {wrong:?}");
        }
        parse("[limits.user]\nbytes = { per_minute = 0 }").unwrap();
        parse("reach = \"internet\"\nlisten = [\"127.0.0.1:5000\"]").unwrap();
        parse("reach = \"local\"\nlisten = [\"[::ffff:127.0.0.1]:5000\"]").unwrap();
    }

    #[test]
    fn a_kept_answer_is_read_and_replaces_nothing() {
        let folder = tempfile::tempdir().unwrap();
        for reach in [Reach::Local, Reach::Lan, Reach::Internet] {
            let file = folder.path().join(reach.word());
            keep(&file, reach).unwrap();
            assert_eq!(load(&file).unwrap().unwrap().reach, Some(reach));
            assert!(keep(&file, Reach::Local).is_err());
            assert_eq!(load(&file).unwrap().unwrap().reach, Some(reach));
        }
    }

    #[test]
    fn files_are_named_from_where_the_settings_are() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join(FILE);
        assert!(load(&file).unwrap().is_none(), "there is none");
        fs::write(&file, "[tls]\ncertificate = \"a.pem\"\nkey = \"/etc/a.key\"").unwrap();
        let tls = load(&file).unwrap().unwrap().tls;
        assert_eq!(tls.certificate, Some(folder.path().join("a.pem")));
        assert_eq!(tls.key, Some(PathBuf::from("/etc/a.key")));
        fs::write(&file, "x = 1").unwrap();
        let error = load(&file).unwrap_err();
        assert!(error.contains("hubbub.toml, line 1: `x`"), "{error}");
    }
}
