//! What the program can print about itself.

use crate::cli::Arguments;
use clap::CommandFactory;
use std::error::Error;
use std::fs;
use std::io::Write;
use std::path::Path;
use std::process::ExitCode;

pub(crate) fn protocol(schema: bool) -> Result<ExitCode, Box<dyn Error>> {
    let mut out = std::io::stdout().lock();
    if schema {
        serde_json::to_writer_pretty(&mut out, &hubbub_protocol::frame::schema())?;
        writeln!(out)?;
    } else {
        writeln!(
            out,
            "Hubbub's native protocol, versions {:?}: one JSON object a line over TCP.\n\
             docs/protocol.md describes it; `hubbub protocol --schema` prints the JSON Schema of all frames.",
            hubbub_protocol::VERSIONS
        )?;
    }
    Ok(ExitCode::SUCCESS)
}

pub(crate) fn completions(shell: clap_complete::Shell) -> Result<ExitCode, Box<dyn Error>> {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut Arguments::command(), "hubbub", &mut script);
    std::io::stdout().lock().write_all(&script)?;
    Ok(ExitCode::SUCCESS)
}

pub(crate) fn man(words: &[String], dir: Option<&Path>) -> Result<ExitCode, Box<dyn Error>> {
    let mut program = Arguments::command().disable_help_subcommand(true);
    if let Some(dir) = dir {
        let written = fs::create_dir_all(dir).and_then(|()| clap_mangen::generate_to(program, dir));
        written.map_err(|error| format!("can't write to {}: {error}", dir.display()))?;
        return Ok(ExitCode::SUCCESS);
    }
    // It names each command with those above it.
    program.build();
    let mut command = &program;
    for word in words {
        command = command.find_subcommand(word).ok_or_else(|| {
            format!(
                "{} has no command {word}: see --help",
                command.get_display_name().unwrap_or("hubbub")
            )
        })?;
    }
    clap_mangen::Man::new(command.clone()).render(&mut std::io::stdout().lock())?;
    Ok(ExitCode::SUCCESS)
}

#[cfg(test)]
mod tests {
    use super::*;
    use hubbub_server::verbs::VERBS;

    #[test]
    fn every_command_and_every_verb_has_a_page_of_its_own() {
        let folder = tempfile::tempdir().unwrap();
        let dir = folder.path().join("man1");
        man(&[], Some(&dir)).unwrap();
        let page = |name: &str| {
            let text = fs::read_to_string(dir.join(format!("{name}.1")));
            text.unwrap_or_else(|error| panic!("{name}: {error}"))
        };
        assert!(page("hubbub-serve").contains("Start a server"));
        for verb in VERBS {
            let text = page(&format!("hubbub-admin-{}", verb.words[0]))
                .replace("\\-", "-")
                .replace("\\*(Aq", "'");
            // A page begins with a capital letter.
            assert!(text.contains(&verb.help[1..]), "{text}");
        }
        assert!(man(&["admin".into(), "juggle".into()], None).is_err());
    }
}
