//! Settings in environment variables: `HUBBUB__LIMITS__LOGIN_S=60` is `login_s = 60` in `[limits]`.
//!
//! A value is what would stand in the file. Where that is no TOML, it is taken as a string, so that quotes
//! can be left out; and lists can be written with commas alone. One half of a rate
//! (`HUBBUB__LIMITS__USER__JOINS__BURST`) leaves the other as it is below.
//!
//! Two of these variables are no settings, but say where they are: [`DATA`] and [`CONFIG`].

use super::example::example;
use super::layer::{Layer, Leaf, Origin, Problem, Problems, SECTIONS};
use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::PathBuf;
use toml::{Table, Value};

/// What the names of these variables begin with; sections are set off in the same way.
const PREFIX: &str = "HUBBUB__";
const SEPARATOR: &str = "__";
/// The data folder, for all commands, where no option says it.
pub(crate) const DATA: &str = "HUBBUB__DATA";
/// The settings file, where no option says it.
pub(crate) const CONFIG: &str = "HUBBUB__CONFIG";
/// Settings that are lists.
pub(super) const LISTS: [&str; 6] =
    ["listen", "tls.names", "tls.listen", "limits.exempt", "limits.proxies", "transcripts.rooms"];
/// The two halves of a rate.
const HALVES: [&str; 2] = ["burst", "per_minute"];

/// A path in one of the two variables that say where things are.
pub(crate) fn path(name: &str) -> Result<Option<PathBuf>, Problem> {
    match std::env::var_os(name) {
        Some(value) if value.is_empty() => {
            Err(wrong(name, "it is empty: write a path, or unset it"))
        }
        value => Ok(value.map(PathBuf::from)),
    }
}

/// What the variables of this process say. `below` is the layer that lies below.
pub(super) fn load(below: &Layer) -> Result<Layer, Problems> {
    layer(std::env::vars_os(), below)
}

fn layer(
    variables: impl Iterator<Item = (OsString, OsString)>,
    below: &Layer,
) -> Result<Layer, Problems> {
    let mut problems = Vec::new();
    let mut ours = BTreeMap::new();
    for (name, value) in variables {
        // A name that is no text is none of ours.
        let Ok(name) = name.into_string() else { continue };
        if !name.starts_with(PREFIX) || [DATA, CONFIG].contains(&name.as_str()) {
            continue;
        }
        match value.into_string() {
            Ok(value) => _ = ours.insert(name, value),
            Err(_) => problems.push(wrong(&name, "it is no UTF-8")),
        }
    }
    let mut leaves: BTreeMap<Vec<String>, Leaf> = BTreeMap::new();
    // In alphabetical order, so that a rate comes before its halves.
    for (name, text) in ours {
        match leaf(&name, &text, &leaves, below) {
            Ok(leaf) => _ = leaves.insert(leaf.path.clone(), leaf),
            Err(text) => problems.push(wrong(&name, text)),
        }
    }
    let whole = Origin::Variable(format!("{PREFIX}…"));
    match Layer::of(leaves.into_values().collect(), &whole) {
        Ok(layer) if problems.is_empty() => Ok(layer),
        Ok(_) => Err(Problems(problems)),
        Err(Problems(others)) => {
            problems.extend(others);
            Err(Problems(problems))
        }
    }
}

fn wrong(name: &str, text: impl Into<String>) -> Problem {
    Problem { origin: Some(Origin::Variable(name.into())), text: text.into() }
}

/// The value of one variable, in its place.
fn leaf(
    name: &str,
    text: &str,
    others: &BTreeMap<Vec<String>, Leaf>,
    below: &Layer,
) -> Result<Leaf, String> {
    if name != name.to_ascii_uppercase() {
        return Err(format!("write it {}", name.to_ascii_uppercase()));
    }
    let rest = name.strip_prefix(PREFIX).unwrap_or(name).to_ascii_lowercase();
    let path: Vec<String> = rest.split(SEPARATOR).map(str::to_owned).collect();
    let origin = Origin::Variable(name.to_owned());
    let as_string = || Value::String(text.to_owned());
    if let Some((half, rate)) = path.split_last()
        && HALVES.contains(&half.as_str())
        && rate.len() > 1
        && SECTIONS.contains(&rate[..rate.len() - 1].join(".").as_str())
    {
        let mut value = whole_rate(rate, others, below);
        value.insert(half.clone(), toml_value(text).unwrap_or_else(as_string));
        return Ok(Leaf { path: rate.to_vec(), value: Value::Table(value), origin });
    }
    let is_list = LISTS.contains(&path.join(".").as_str());
    let value = match toml_value(text) {
        Some(value) if !is_list || value.is_array() => value,
        _ if is_list => {
            let items = text.split(',').map(str::trim).filter(|item| !item.is_empty());
            Value::Array(items.map(|item| Value::String(item.to_owned())).collect())
        }
        _ => as_string(),
    };
    let leaf = Leaf { path, value, origin };
    // A name that looks like a number is a name all the same.
    if !is_list && !leaf.value.is_str() && !leaf.is_good() {
        let other = Leaf { value: as_string(), ..leaf.clone() };
        if other.is_good() {
            return Ok(other);
        }
    }
    Ok(leaf)
}

/// A text as a value of the file, if it is one and no more than that.
fn toml_value(text: &str) -> Option<Value> {
    let mut table: Table = toml::from_str(&format!("value = {text}")).ok()?;
    let value = table.remove("value")?;
    table.is_empty().then_some(value)
}

/// A rate of which only one half is said: as it is said elsewhere, and at last as it is by default.
fn whole_rate(path: &[String], others: &BTreeMap<Vec<String>, Leaf>, below: &Layer) -> Table {
    let defaults: Table = toml::from_str(&example()).unwrap_or_default();
    let default =
        path.iter().try_fold(&Value::Table(defaults), |value, key| value.get(key)).cloned();
    let others = others.get(path).map(|leaf| leaf.value.clone());
    let mut rate = Table::new();
    for value in [default, below.value(path).cloned(), others].into_iter().flatten() {
        if let Value::Table(value) = value {
            rate.extend(value);
        }
    }
    rate
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::settings::{Plan, Reach};
    use hubbub_server::{Limited, Rate};
    use std::path::{Path, PathBuf};

    fn file(text: &str) -> Layer {
        super::super::file::parse(Path::new("hubbub.toml"), text).unwrap()
    }

    fn environment(variables: &[(&str, &str)], below: &Layer) -> Result<Layer, Problems> {
        let variables = variables.iter().map(|(name, value)| (name.into(), value.into()));
        layer(variables, below)
    }

    fn planned(variables: &[(&str, &str)], below: &str) -> Plan {
        let below = file(below);
        let own = environment(variables, &below).unwrap();
        Plan::new(own.over(below).unwrap().settings, PathBuf::new())
    }

    fn refused(name: &str, value: &str) -> String {
        let problems = environment(&[(name, value)], &Layer::default()).unwrap_err();
        assert_eq!(problems.0.len(), 1, "{problems}");
        problems.to_string()
    }

    #[test]
    fn a_variable_goes_before_the_file() {
        let plan = planned(
            &[
                ("HUBBUB__REACH", "lan"),
                ("HUBBUB__PORT", "6000"),
                ("HUBBUB__GUESTS", "false"),
                ("HUBBUB__LIMITS__LOGIN_S", "7"),
                ("HUBBUB_LOG", "is no setting"),
                ("HUBBUB__DATA", "is none of these"),
                ("PATH", "/bin"),
            ],
            "reach = \"local\"\nport = 1\naudit_days = 3\n[limits]\nlogin_s = 9\nidle_probe_s = 8",
        );
        assert_eq!(plan.reach, Reach::Lan);
        assert_eq!(plan.place, crate::settings::Place::For(Reach::Lan, 6000));
        assert!(!plan.server.hub.guests);
        assert_eq!((plan.server.login_ms, plan.server.probe_ms), (7_000, 8_000));
        assert_eq!(plan.server.hub.audit_ms, 3 * 24 * 60 * 60 * 1000);
    }

    #[test]
    fn a_list_can_be_written_as_in_the_file_or_with_commas() {
        for names in ["[\"a\", \"b\"]", "a,b", " a , b,"] {
            let plan = planned(&[("HUBBUB__TLS__NAMES", names)], "");
            assert_eq!(plan.server.tls.names, ["a", "b"], "{names}");
        }
        let plan = planned(&[("HUBBUB__LIMITS__PROXIES", "10.0.0.1,fd00::/8")], "");
        assert_eq!(plan.server.proxies.len(), 2);
        let plan = planned(&[("HUBBUB__LISTEN", "[::1]:7, 127.0.0.1:7")], "port = 1");
        let at = ["[::1]:7", "127.0.0.1:7"].map(|at| at.parse().unwrap());
        assert_eq!(plan.place, crate::settings::Place::At(at.to_vec()));
        let plan = planned(&[("HUBBUB__LIMITS__EXEMPT", "")], "");
        assert!(plan.server.hub.limits.exempt.is_empty());
    }

    #[test]
    fn a_half_of_a_rate_leaves_the_other_as_it_is() {
        let joins = |variables: &[(&str, &str)], below: &str| {
            planned(variables, below).server.hub.limits.user[Limited::Joins]
        };
        const JOINS: &str = "HUBBUB__LIMITS__USER__JOINS";
        const BURST: &str = "HUBBUB__LIMITS__USER__JOINS__BURST";
        const MINUTE: &str = "HUBBUB__LIMITS__USER__JOINS__PER_MINUTE";
        let below = "[limits.user]\njoins = { burst = 7, per_minute = 8 }";
        assert_eq!(joins(&[(JOINS, "{burst=5,per_minute=6}")], below), Rate::new(5, 6));
        assert_eq!(joins(&[(BURST, "5"), (MINUTE, "6")], ""), Rate::new(5, 6));
        assert_eq!(joins(&[(BURST, "5")], below), Rate::new(5, 8));
        assert_eq!(joins(&[(MINUTE, "5")], ""), Rate::new(600, 5));
        assert_eq!(joins(&[(JOINS, "{burst=5,per_minute=6}"), (MINUTE, "9")], ""), Rate::new(5, 9));
        assert_eq!(joins(&[(MINUTE, "0")], below), Rate::FREE);
        let error = refused(BURST, "many");
        assert!(error.starts_with(BURST) && error.contains("many"), "{error}");
        let connects = planned(&[("HUBBUB__LIMITS__CONNECTS__BURST", "3")], "");
        assert_eq!(connects.server.hub.limits.connects, Rate::new(3, 600));
    }

    #[test]
    fn what_is_wrong_is_named_as_in_the_file() {
        for (name, value, part) in [
            ("HUBBUB__GESTS", "true", "`gests` is no setting here; did you mean `guests`?"),
            ("HUBBUB__LIMIT__LOGIN_S", "5", "did you mean `limits`?"),
            ("HUBBUB__TLS__CERTIFCATE", "a", "did you mean `certificate`?"),
            ("HUBBUB__REACH", "lann", "did you mean `lan`?"),
            ("HUBBUB__PORT", "70000", "70000"),
            ("HUBBUB__GUESTS", "yes", "expected true or false"),
            ("HUBBUB__AUDIT_DAYS", "0", "0 is not from 1 to 36500"),
            ("HUBBUB__LIMITS__PROXIES", "box", "'box' is no network"),
            ("HUBBUB__", "x", "is no setting here"),
            ("HUBBUB__port", "1", "HUBBUB__PORT"),
            ("HUBBUB__GUESTS", "true\nreach = \"internet\"", "expected true or false"),
            ("HUBBUB__LIMITS", "{ login_s = 0 }", "from 1 to 86400"),
        ] {
            let error = refused(name, value);
            assert!(error.starts_with(name) && error.contains(part), "{error}");
        }
        let both = [("HUBBUB__GESTS", "1"), ("HUBBUB__PORT", "x")];
        let problems = environment(&both, &Layer::default()).unwrap_err();
        assert_eq!(problems.0.len(), 2, "all of it is told: {problems}");
        let error = refused("HUBBUB__TLS__CERTIFICATE", "a.pem");
        assert!(error.contains("go together"), "{error}");
    }

    #[test]
    fn a_name_that_looks_like_a_number_is_a_name() {
        let layer = environment(
            &[("HUBBUB__TLS__CERTIFICATE", "12"), ("HUBBUB__TLS__KEY", "true")],
            &Layer::default(),
        );
        assert_eq!(layer.unwrap().settings.tls.key, Some("true".into()));
    }

    #[test]
    fn a_port_that_has_no_say_is_named() {
        let below = file("\nlisten = [\"127.0.0.1:7\"]");
        let own = environment(&[("HUBBUB__PORT", "6000")], &below).unwrap();
        let error = own.over(below).unwrap_err().to_string();
        for part in ["HUBBUB__PORT", "6000", "hubbub.toml:2"] {
            assert!(error.contains(part), "{error}");
        }
    }
}
