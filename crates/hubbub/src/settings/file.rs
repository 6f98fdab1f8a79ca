//! The settings file: reading it, and saying what is wrong with it and where.

use super::Reach;
use super::layer::{Layer, Leaf, Origin, Problem, Problems, SECTIONS};
use serde::Deserialize;
use std::fs;
use std::io::{self, Write};
use std::path::Path;
use std::sync::Arc;
use toml::de::{DeTable, DeValue, ValueDeserializer};

/// Its name in the data folder.
pub(crate) const FILE: &str = "hubbub.toml";

/// Reads a settings file. `None`: there is none.
///
/// # Errors
/// All that is wrong with it, with file, line and, as far as one can be guessed, the way out.
pub(crate) fn load(file: &Path) -> Result<Option<Layer>, Problems> {
    let text = match fs::read_to_string(file) {
        Ok(text) => text,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => {
            let origin = Some(Origin::Line(file.into(), None));
            return Err(
                Problem { origin, text: format!("can't read the settings: {error}") }.into()
            );
        }
    };
    let mut layer = parse(file, &text)?;
    // Like everything that names files in a file: from where that file is.
    layer.resolve_files(file.parent().unwrap_or(Path::new("")));
    Ok(Some(layer))
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
        "# The settings of this Hubbub server. `hubbub config default` prints all that there are.";
    let who = "# Who may reach it: \"local\" (this computer only), \"lan\" or \"internet\".";
    file.write_all(format!("{about}\n\n{who}\nreach = \"{}\"\n", reach.word()).as_bytes())?;
    file.sync_all()
}

/// The settings in a text.
pub(super) fn parse(file: &Path, text: &str) -> Result<Layer, Problems> {
    let file: Arc<Path> = file.into();
    let line = |at: Option<usize>| Origin::Line(Arc::clone(&file), at.map(|at| line_of(text, at)));
    let document = DeTable::parse(text).map_err(|error| {
        let origin = Some(line(error.span().map(|span| span.start)));
        Problem { origin, text: super::words::explain(error.message()) }
    })?;
    let (mut leaves, mut problems) = (Vec::new(), Vec::new());
    collect(document.into_inner(), &[], &mut |path, at, value| match value {
        Ok(value) => leaves.push(Leaf { path, value, origin: line(Some(at)) }),
        Err(text) => problems.push(Problem { origin: Some(line(Some(at))), text }),
    });
    let layer = Layer::of(leaves, &line(None));
    let mut problems = match layer {
        Ok(layer) if problems.is_empty() => return Ok(layer),
        Ok(_) => problems,
        Err(Problems(others)) => [problems, others].concat(),
    };
    problems.sort_by_key(|problem| match &problem.origin {
        Some(Origin::Line(_, line)) => *line,
        _ => None,
    });
    Err(Problems(problems))
}

/// All single values of a table, with their names and where the names stand.
fn collect(
    table: DeTable<'_>,
    inside: &[String],
    found: &mut dyn FnMut(Vec<String>, usize, Result<toml::Value, String>),
) {
    for (key, value) in table {
        let at = key.span().start;
        let path = [inside, &[key.into_inner().into_owned()]].concat();
        if SECTIONS.contains(&path.join(".").as_str())
            && matches!(value.get_ref(), DeValue::Table(_))
        {
            if let DeValue::Table(table) = value.into_inner() {
                collect(table, &path, found);
            }
            continue;
        }
        let value = toml::Value::deserialize(ValueDeserializer::from(value));
        found(path, at, value.map_err(|error| super::words::explain(error.message())));
    }
}

/// The number of the line that holds this byte, from 1.
fn line_of(text: &str, at: usize) -> usize {
    1 + text.bytes().take(at).filter(|byte| *byte == b'\n').count()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::path::PathBuf;

    fn problems(text: &str) -> Vec<Problem> {
        parse(Path::new(FILE), text).expect_err(text).0
    }

    fn check(text: &str, line: usize, parts: &[&str]) {
        let [wrong] = &problems(text)[..] else { panic!("{text}: {:?}", problems(text)) };
        assert_eq!(wrong.origin, Some(Origin::Line(Path::new(FILE).into(), Some(line))), "{text}");
        for part in parts {
            assert!(wrong.text.contains(part), "{text}: {wrong:?}");
        }
        assert!(!wrong.text.contains('\n'), "one line: {wrong:?}");
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
        check("guests = \"yes\"", 1, &["expected true or false"]);
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
            let wrong = problems(text);
            assert!(wrong.len() == 1 && wrong[0].text.contains(part), "{text}: {wrong:?}");
        }
        check("port = 1\n\n[tls]\nkey = \"a.pem\"", 4, &["go together"]);
        let good = |text: &str| parse(Path::new(FILE), text).unwrap();
        good("[limits.user]\nbytes = { per_minute = 0 }");
        good("reach = \"internet\"\nlisten = [\"127.0.0.1:5000\"]");
        good("reach = \"local\"\nlisten = [\"[::ffff:127.0.0.1]:5000\"]");
    }

    #[test]
    fn all_that_is_wrong_is_told_in_the_order_of_the_lines() {
        let text = "port = 70000\nreach = \"lann\"\naudit_days = 5\n[outbox]\nbytes = 1\nx = 1";
        let wrong: Vec<_> = problems(text).iter().map(Problem::to_string).collect();
        let begins = ["line 1: ", "line 2: ", "line 5: ", "line 6: `x`"];
        assert_eq!(wrong.len(), begins.len(), "{wrong:?}");
        for (wrong, begin) in wrong.iter().zip(begins) {
            assert!(wrong.starts_with(&format!("hubbub.toml, {begin}")), "{wrong}");
        }
    }

    #[test]
    fn a_kept_answer_is_read_and_replaces_nothing() {
        let folder = tempfile::tempdir().unwrap();
        for reach in [Reach::Local, Reach::Lan, Reach::Internet] {
            let file = folder.path().join(reach.word());
            keep(&file, reach).unwrap();
            assert_eq!(load(&file).unwrap().unwrap().settings.reach, Some(reach));
            assert!(keep(&file, Reach::Local).is_err());
            assert_eq!(load(&file).unwrap().unwrap().settings.reach, Some(reach));
        }
    }

    #[test]
    fn files_are_named_from_where_the_settings_are() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join(FILE);
        assert!(load(&file).unwrap().is_none(), "there is none");
        fs::write(&file, "[tls]\ncertificate = \"a.pem\"\nkey = \"/etc/a.key\"").unwrap();
        let tls = load(&file).unwrap().unwrap().settings.tls;
        assert_eq!(tls.certificate, Some(folder.path().join("a.pem")));
        assert_eq!(tls.key, Some(PathBuf::from("/etc/a.key")));
        fs::write(&file, "x = 1").unwrap();
        let error = load(&file).unwrap_err().to_string();
        assert!(error.contains("hubbub.toml, line 1: `x`"), "{error}");
    }
}
