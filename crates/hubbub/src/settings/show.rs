//! The settings as they hold, each with where it comes from: what `hubbub config show` prints. As a file,
//! it means the same.

use super::layer::Layer;
use super::limits::OF_ROOMS;
use super::watching::LOG_LEVEL;
use super::{LogFormat, Place, Plan, Reach};
use hubbub_protocol::frame::Retention;
use hubbub_protocol::{PrivatePolicy, Registration};
use hubbub_server::{Limited, Rate, Rates};
use std::fmt::Display;
use std::path::Path;
use toml::{Table, Value};

/// One setting as it holds.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Shown {
    /// As in the file; none at the top of it.
    pub(crate) section: &'static str,
    pub(crate) key: &'static str,
    pub(crate) value: Value,
    /// For people.
    pub(crate) origin: String,
}

impl Shown {
    /// The name with its section.
    pub(crate) fn path(&self) -> String {
        path(self.section, self.key)
    }
}

fn path(section: &str, key: &str) -> String {
    if section.is_empty() { key.into() } else { format!("{section}.{key}") }
}

struct List<'a> {
    layer: &'a Layer,
    shown: Vec<Shown>,
}

impl List<'_> {
    /// A setting with a value that doesn't depend on others.
    fn add(&mut self, section: &'static str, key: &'static str, value: impl Into<Value>) {
        self.add_after(section, key, value, None);
    }

    /// One whose value follows from something else where nobody has set it.
    fn add_after(
        &mut self,
        section: &'static str,
        key: &'static str,
        value: impl Into<Value>,
        follows_from: Option<&str>,
    ) {
        let set = self.layer.origin(&path(section, key)).map(ToString::to_string);
        let origin = set.or(follows_from.map(Into::into)).unwrap_or_else(|| "default".into());
        self.shown.push(Shown { section, key, value: value.into(), origin });
    }

    fn add_rates(&mut self, section: &'static str, kinds: &[Limited], rates: &Rates) {
        for &kind in kinds {
            self.add(section, kind.word(), rate(rates[kind]));
        }
    }
}

/// What holds for a server with this plan, which is made of this layer. In the order of the example.
pub(crate) fn show(layer: &Layer, plan: &Plan) -> Vec<Shown> {
    let mut list = List { layer, shown: Vec::new() };
    let (server, hub) = (&plan.server, &plan.server.hub);
    let stated = layer.settings.reach.unwrap_or(Reach::Local);
    // Where an open address has made the policy stricter.
    let widened = (plan.reach != stated).then_some(match &plan.place {
        Place::At(_) => "an address in `listen` that others reach",
        Place::For(..) => "an address in `listen` of [tls] that others reach",
    });
    match &plan.place {
        Place::For(reach, port) => {
            list.add("", "reach", reach.word());
            list.add("", "port", i64::from(*port));
        }
        Place::At(listen) => {
            let is_said = layer.settings.reach == Some(plan.reach);
            list.add("", "reach", plan.reach.word());
            if let (false, Some(widened), Some(last)) = (is_said, widened, list.shown.last_mut()) {
                last.origin = widened.into();
            }
            list.add("", "listen", texts(listen));
        }
    }
    let reach = format!("reach = \"{}\"", plan.reach.word());
    let from_reach = widened.unwrap_or(&reach);
    let is = |reaches: &[Reach]| reaches.contains(&plan.reach).then_some(from_reach);
    list.add_after("", "guests", hub.guests, is(&[Reach::Internet]));
    let registration = match hub.registration {
        Registration::Open => "open",
        Registration::Invite => "invite",
        Registration::Closed => "closed",
    };
    list.add_after("", "registration", registration, is(&[Reach::Internet]));
    let plaintext = hub.plaintext_passwords;
    list.add_after("", "plaintext_passwords", plaintext, is(&[Reach::Lan, Reach::Internet]));
    let private = match hub.private {
        PrivatePolicy::Ask => "ask",
        PrivatePolicy::Open => "open",
        PrivatePolicy::Closed => "closed",
    };
    list.add("", "private", private);
    list.add("", "history", if hub.retention == Retention::None { "none" } else { "forever" });
    list.add("", "audit_days", number(hub.audit_ms / super::plan::DAY_MS));

    if let Some(own) = &server.tls.certificate {
        list.add("tls", "certificate", absolute(&own.chain));
        list.add("tls", "key", absolute(&own.key));
    }
    list.add("tls", "names", texts(&server.tls.names));
    list.add("tls", "listen", texts(&server.listen_tls));

    let limits = &hub.limits;
    list.add("limits", "connects", rate(limits.connects));
    list.add("limits", "connections_per_address", i64::from(limits.connections_per_address));
    list.add("limits", "connections", i64::from(limits.connections));
    list.add("limits", "exempt", texts(&limits.exempt));
    list.add("limits", "login_s", number(server.login_ms / 1000));
    list.add("limits", "idle_probe_s", number(server.probe_ms / 1000));
    list.add("limits", "proxies", texts(&server.proxies));
    list.add_rates("limits.user", Limited::ALL, &limits.user);
    list.add_rates("limits.address", Limited::ALL, &limits.address);
    list.add_rates("limits.room", OF_ROOMS, &limits.room);
    let intake = &limits.intake;
    list.add("limits.intake", "reads", rate(intake.reads));
    list.add("limits.intake", "bytes", rate(intake.bytes));
    list.add("limits.intake", "address_reads", rate(intake.address_reads));
    list.add("limits.intake", "address_bytes", rate(intake.address_bytes));

    list.add("outbox", "bytes", size(server.outbox.bytes));
    list.add("outbox", "frames", size(server.outbox.frames));
    list.add("outbox", "age_s", number(server.outbox.age_ms / 1000));
    list.add("outbox", "all_bytes", size(server.outboxes_bytes));

    if let Some(address) = &server.health {
        list.add("health", "listen", address.to_string());
    }
    let log = &layer.settings.log;
    list.add("log", "format", log.format.unwrap_or(LogFormat::Auto).word());
    list.add("log", "level", log.level.as_deref().unwrap_or(LOG_LEVEL));

    let (transcripts, files) = (&layer.settings.transcripts, &server.transcripts);
    list.add("transcripts", "rooms", texts(transcripts.rooms.as_deref().unwrap_or_default()));
    list.add("transcripts", "all", transcripts.all.unwrap_or(false));
    list.add("transcripts", "folder", files.folder.display().to_string());
    list.add("transcripts", "rotate_bytes", number(files.rotate_bytes));
    list.add("transcripts", "keep", i64::from(files.keep));
    list.shown
}

fn texts<T: Display>(values: &[T]) -> Value {
    Value::Array(values.iter().map(|value| Value::String(value.to_string())).collect())
}

fn rate(rate: Rate) -> Value {
    let halves = [("burst", rate.burst), ("per_minute", rate.per_minute)];
    let halves = halves.map(|(key, value)| (key.to_owned(), Value::Integer(value.into())));
    Value::Table(Table::from_iter(halves))
}

fn number(value: u64) -> Value {
    Value::Integer(i64::try_from(value).unwrap_or(i64::MAX))
}

fn size(value: usize) -> Value {
    number(u64::try_from(value).unwrap_or(u64::MAX))
}

/// From wherever the file may be that it is written to.
fn absolute(path: &Path) -> String {
    std::path::absolute(path).unwrap_or_else(|_| path.to_owned()).display().to_string()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::settings::{example, file};
    use std::collections::BTreeSet;
    use std::path::PathBuf;

    fn shown(text: &str) -> (Plan, Vec<Shown>) {
        let layer = file::parse(Path::new("/etc/hubbub.toml"), text).unwrap();
        let plan = Plan::new(layer.settings.clone(), PathBuf::new());
        let shown = show(&layer, &plan);
        (plan, shown)
    }

    fn origin(text: &str, path: &str) -> String {
        let (_, shown) = shown(text);
        let one = shown.into_iter().find(|shown| shown.path() == path);
        one.unwrap_or_else(|| panic!("{path} is shown")).origin
    }

    #[test]
    fn what_is_shown_means_the_same_as_what_was_read() {
        for text in [
            "",
            &example(),
            "reach = \"internet\"\nport = 7\nguests = true",
            "listen = [\"0.0.0.0:7\", \"[::1]:8\"]",
            "reach = \"internet\"\nlisten = [\"127.0.0.1:7\"]",
            "[tls]\nlisten = [\"0.0.0.0:7\"]",
            "listen = [\"127.0.0.1:7\"]\n[tls]\nlisten = [\"0.0.0.0:7\"]",
            "history = \"none\"\nprivate = \"closed\"\naudit_days = 4
            [tls]\nnames = [\"a\"]\ncertificate = \"/a b\\\"c\"\nkey = \"/b\"
            [limits]\nproxies = [\"10.0.0.0/8\"]\nexempt = []\nlogin_s = 9\nidle_probe_s = 8
            [limits.user]\njoins = { per_minute = 0 }\n[outbox]\nage_s = 3\nall_bytes = 1000000",
        ] {
            let (plan, shown) = shown(text);
            let mut section = "";
            let mut again = String::new();
            for shown in shown {
                if shown.section != section {
                    section = shown.section;
                    again += &format!("[{section}]\n");
                }
                again += &format!("{} = {}\n", shown.key, shown.value);
            }
            let (same, _) = self::shown(&again);
            assert_eq!((same.reach, &same.place), (plan.reach, &plan.place), "{again}");
            assert_eq!(format!("{:?}", same.server), format!("{:?}", plan.server), "{again}");
        }
    }

    /// What the parser knows of a section, by its own words.
    fn known(section: &str) -> BTreeSet<String> {
        let text = if section.is_empty() { "x = 1".into() } else { format!("[{section}]\nx = 1") };
        let error = toml::from_str::<crate::settings::Settings>(&text).unwrap_err();
        let words = error.message().split('`').skip(3).step_by(2);
        words.map(|word| path(section, word)).collect()
    }

    #[test]
    fn every_setting_that_there_is_is_shown() {
        let sections: BTreeSet<String> =
            crate::settings::layer::SECTIONS.iter().map(ToString::to_string).collect();
        let mut known: BTreeSet<String> =
            sections.iter().map(String::as_str).chain([""]).flat_map(known).collect();
        assert!(known.contains("limits.user.joins") && known.is_superset(&sections), "{known:?}");
        known.retain(|path| !sections.contains(path));
        let paths = |text| shown(text).1.iter().map(Shown::path).collect::<BTreeSet<_>>();
        let mut all = paths(
            "listen = [\"127.0.0.1:7\"]\n[tls]\ncertificate = \"a\"\nkey = \"b\"\n[health]\nlisten = \"127.0.0.1:8\"",
        );
        all.extend(paths(""));
        assert_eq!(all, known);
    }

    #[test]
    fn every_list_can_be_written_with_commas_in_the_environment() {
        let (_, shown) = shown("listen = [\"127.0.0.1:7\"]");
        let lists = shown.iter().filter(|shown| shown.value.is_array()).map(Shown::path);
        let lists: BTreeSet<String> = lists.collect();
        let known = crate::settings::environment::LISTS.iter().map(ToString::to_string).collect();
        assert_eq!(lists, known);
    }

    #[test]
    fn it_is_told_where_each_setting_comes_from() {
        let text =
            "reach = \"internet\"\n\nguests = true\n[limits.user]\njoins = { per_minute = 0 }";
        assert_eq!(origin(text, "reach"), "/etc/hubbub.toml:1");
        assert_eq!(origin(text, "guests"), "/etc/hubbub.toml:3");
        assert_eq!(origin(text, "limits.user.joins"), "/etc/hubbub.toml:5");
        assert_eq!(origin(text, "registration"), "reach = \"internet\"");
        assert_eq!(origin(text, "port"), "default");
        assert_eq!(origin("reach = \"lan\"", "guests"), "default");
        assert_eq!(origin("reach = \"lan\"", "plaintext_passwords"), "reach = \"lan\"");
        let open = "listen = [\"0.0.0.0:7\"]";
        for path in ["reach", "plaintext_passwords"] {
            assert_eq!(origin(open, path), "an address in `listen` that others reach");
        }
        let tls = "[tls]\nlisten = [\"0.0.0.0:7\"]";
        assert_eq!(origin(tls, "reach"), "default");
        let from = origin(tls, "plaintext_passwords");
        assert_eq!(from, "an address in `listen` of [tls] that others reach");
    }
}
