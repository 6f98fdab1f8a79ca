//! What the program can print about itself.

use crate::cli::Arguments;
use clap::CommandFactory;
use std::error::Error;
use std::io::Write;
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

pub(crate) fn man() -> Result<ExitCode, Box<dyn Error>> {
    let mut out = std::io::stdout().lock();
    clap_mangen::Man::new(Arguments::command()).render(&mut out)?;
    Ok(ExitCode::SUCCESS)
}
