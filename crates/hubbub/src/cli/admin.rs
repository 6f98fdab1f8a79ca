//! The command line of `hubbub admin`, made from the table of verbs: so none can be missing here, in the
//! man page or in the completions.

use clap::builder::StyledStr;
use clap::{Arg, ArgAction, ArgMatches, Command, Error, FromArgMatches, Subcommand, value_parser};
use hubbub_server::verbs::{self, VERBS, Verb};
use std::ffi::OsString;
use std::path::PathBuf;

const JSON: &str = "json";
const DATA: &str = "data";
const ARGUMENTS: &str = "arguments";

/// A verb with what follows it.
#[derive(Debug)]
pub(crate) struct AdminCommand {
    pub(crate) verb: &'static Verb,
    /// Without spaces around them.
    pub(crate) arguments: Vec<String>,
    pub(crate) json: bool,
    pub(crate) data: Option<PathBuf>,
}

impl Subcommand for AdminCommand {
    fn augment_subcommands(command: Command) -> Command {
        // `help` is a verb like the others.
        let command = command.disable_help_subcommand(true).subcommand_required(true);
        command.arg_required_else_help(true).subcommands(VERBS.iter().map(subcommand))
    }

    fn augment_subcommands_for_update(command: Command) -> Command {
        Self::augment_subcommands(command)
    }

    fn has_subcommand(name: &str) -> bool {
        verbs::find(name).is_some()
    }
}

impl FromArgMatches for AdminCommand {
    fn from_arg_matches(matches: &ArgMatches) -> Result<Self, Error> {
        let missing = || Error::new(clap::error::ErrorKind::MissingSubcommand);
        let (name, matches) = matches.subcommand().ok_or_else(missing)?;
        let verb = verbs::find(name).ok_or_else(missing)?;
        let arguments = match matches.try_get_many::<String>(ARGUMENTS) {
            Ok(Some(arguments)) => arguments.map(|text| text.trim().to_owned()).collect(),
            _ => Vec::new(),
        };
        let json = matches.get_flag(JSON);
        Ok(Self { verb, arguments, json, data: matches.get_one(DATA).cloned() })
    }

    fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> Result<(), Error> {
        *self = Self::from_arg_matches(matches)?;
        Ok(())
    }
}

fn subcommand(verb: &Verb) -> Command {
    let name = verb.words[0];
    let mut command =
        Command::new(name)
            .about(sentence(verb.help))
            .visible_aliases(verb.words[1..].to_vec())
            .override_usage(usage(verb))
            .arg(Arg::new(JSON).long(JSON).action(ArgAction::SetTrue).help(
                "Print one JSON object for programs. More fields may follow in later versions.",
            ))
            .arg(
                Arg::new(DATA)
                    .long(DATA)
                    .value_name("DIR")
                    .value_parser(value_parser!(PathBuf))
                    .help("The server's data folder [default: the same as of `hubbub serve`]."),
            );
    if !verb.about.is_empty() {
        command = command.long_about(format!("{}.\n\n{}", upper(verb.help), verb.about));
    }
    if !verb.arguments.is_empty() {
        let mut needed = needed(verb);
        let count = needed.clone().count();
        let arguments = Arg::new(ARGUMENTS)
            .value_name(needed.next().unwrap_or("ARGUMENTS"))
            .num_args(count..)
            .required(count > 0)
            .hide(true);
        command = command.arg(arguments);
    }
    command
}

/// The arguments that there must be: those without brackets.
fn needed(verb: &Verb) -> impl Iterator<Item = &'static str> + Clone + use<> {
    verb.arguments.split_whitespace().filter(|argument| !argument.starts_with('['))
}

fn usage(verb: &Verb) -> StyledStr {
    let text = format!("hubbub admin {} [OPTIONS] {}", verb.words[0], verb.arguments);
    text.trim_end().to_owned().into()
}

/// The help of other commands begins with a capital letter, and so does this.
fn sentence(help: &str) -> StyledStr {
    upper(help).into()
}

fn upper(text: &str) -> String {
    let mut chars = text.chars();
    let first = chars.next().map(|first| first.to_uppercase().collect::<String>());
    first.unwrap_or_default() + chars.as_str()
}

/// What clap shows for `hubbub admin VERB --help` and for `hubbub admin --help`: for where no server runs
/// that could be asked for help.
pub(crate) fn help(of: Option<&String>) -> String {
    let command = AdminCommand::augment_subcommands(Command::new("hubbub admin"));
    let shown: Vec<OsString> = match of.and_then(|word| verbs::find(word)) {
        Some(verb) => vec!["hubbub admin".into(), verb.words[0].into(), "--help".into()],
        None => vec!["hubbub admin".into(), "--help".into()],
    };
    command.try_get_matches_from(shown).err().map(|help| help.to_string()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::{Arguments, Command as Cli};
    use clap::{CommandFactory, Parser};

    fn parsed(line: &[&str]) -> Result<AdminCommand, Error> {
        let arguments = Arguments::try_parse_from([&["hubbub", "admin"], line].concat())?;
        let Cli::Admin(command) = arguments.command else { panic!("{line:?}") };
        Ok(command)
    }

    #[test]
    fn every_verb_has_help_and_is_listed() {
        let mut whole = Arguments::command();
        let admin = whole.find_subcommand_mut("admin").unwrap();
        let list = admin.render_long_help().to_string();
        for verb in VERBS {
            assert!(!verb.help.is_empty() && !verb.help.ends_with('.'), "{:?}", verb.id);
            let row = list.lines().find(|line| line.trim().starts_with(verb.words[0]));
            assert!(row.is_some(), "{}: {list}", verb.words[0]);
            let one = help(Some(&verb.words[0].to_owned()));
            let about = verb.about.split_whitespace().next().unwrap_or_default();
            assert!(one.contains(&upper(verb.help)) && one.contains(about), "{one}");
            let usage = format!("hubbub admin {} [OPTIONS] {}", verb.words[0], verb.arguments);
            assert!(one.contains(usage.trim_end()), "{one}");
            for word in verb.words {
                let needed = vec!["x"; needed(verb).count()];
                let command = parsed(&[&[*word], &needed[..]].concat()).unwrap();
                assert_eq!(command.verb.id, verb.id);
            }
        }
        whole.debug_assert();
    }

    #[test]
    fn every_verb_fits_a_narrow_terminal() {
        for verb in VERBS {
            let line = format!("  {}  {}", verb.usage(), verb.help);
            assert!(line.len() <= 100, "{line}");
            let lines = crate::console::wrapped(&line, 80);
            assert!(lines.len() <= 2 && lines.iter().all(|line| line.len() <= 80), "{lines:#?}");
        }
    }

    #[test]
    fn options_stand_anywhere_and_a_dash_needs_two_before_it() {
        let command = parsed(&["kick", "bob", "too loud", "--json", "--data", "/x"]).unwrap();
        assert_eq!(command.arguments, ["bob", "too loud"]);
        assert!(command.json && command.data.is_some());
        assert_eq!(parsed(&["announce", "--", "--soon"]).unwrap().arguments, ["--soon"]);
        assert!(!parsed(&["stats"]).unwrap().json);
    }

    #[test]
    fn what_can_not_be_right_is_wrong_usage() {
        for line in [&["kick"][..], &["stats", "now"], &["stast"], &["announce", "--soon"], &[]] {
            let error = parsed(line).unwrap_err();
            assert_eq!(error.exit_code(), 2, "{line:?}");
        }
        let text = parsed(&["stast"]).unwrap_err().to_string();
        assert!(text.contains("'stats'"), "{text}");
    }
}
