//! `hubbub backup`: all of a server in one file, also while it runs.
//!
//! What belongs to it and how it is checked is in `hubbub_server::backup`; here is where it goes, how
//! it can be stopped, and what is told.

use crate::cli::BackupOptions;
use crate::end::{self, End};
use crate::export::file::Target;
use crate::interrupt::Interrupt;
use crate::progress::Progress;
use crate::settings::{Settings, Sources};
use crate::{folder, operator, when};
use hubbub_protocol::{WallMs, sanitize};
use hubbub_server::backup::{self, BackupError, Phase, Summary, Watch};
use jiff::Timestamp;
use jiff::tz::TimeZone;
use serde::Serialize;
use std::error::Error;
use std::io::{self, Write};
use std::path::{Component, Path, PathBuf};
use std::process::ExitCode;

pub(crate) fn run(options: &BackupOptions) -> Result<ExitCode, Box<dyn Error>> {
    end::code(back_up(options))
}

fn back_up(options: &BackupOptions) -> Result<(), End> {
    if options.file == Path::new("-") {
        let text = "a backup can't go to stdout: it is read again and checked before it gets its name. Write a file, and send that";
        return Err(End::Usage(text.into()));
    }
    let data = folder::of(options.data.as_deref())?;
    let now = now();
    let file =
        if options.file.is_dir() { options.file.join(name_for(now)) } else { options.file.clone() };
    let brought = Brought::of(&data, options.config.as_deref())?;
    let watch = watch().map_err(|error| End::Failed(format!("can't wait for Ctrl-C: {error}")))?;
    let target = Target::begin(&file, options.force)?;
    let summary = backup::back_up(&data, &brought.inside, target.written(), now, &watch);
    let summary = summary.map_err(ended)?;
    drop(watch);
    target.finish()?;
    let mut out = io::stdout().lock();
    if options.json {
        return operator::json_line(&mut out, &JsonBackup::new(&file, &summary));
    }
    writeln!(out, "Wrote {}", shown(&file))?;
    describe(&mut out, &summary)?;
    for path in &brought.outside {
        writeln!(out, "Not in it: {}. Keep a copy of it.", shown(path))?;
    }
    writeln!(out, "It is checked. It holds keys and what was said: let nobody else read it.")?;
    Ok(())
}

/// The settings of a server and the certificate that they name.
#[derive(Default)]
struct Brought {
    /// Paths in the folder.
    inside: Vec<PathBuf>,
    /// Paths elsewhere.
    outside: Vec<PathBuf>,
}

impl Brought {
    /// `config` is the settings file that the command line names.
    fn of(data: &Path, config: Option<&Path>) -> Result<Self, End> {
        let mut brought = Self::default();
        let sources = Sources::new(Settings::default(), data, config)
            .map_err(|problem| End::Usage(problem.to_string().into()))?;
        let file = sources.file();
        match file.try_exists() {
            Ok(true) => brought.take(data, file),
            Ok(false) if config.is_some() => {
                let text = format!("there are no settings in {}: no such file", shown(file));
                return Err(End::Usage(text.into()));
            }
            // What is wrong with the settings is for the server's start to say: they are backed up as
            // they are.
            _ => {}
        }
        let Ok(chosen) = sources.read() else { return Ok(brought) };
        let tls = chosen.layer.settings.tls;
        for path in tls.certificate.into_iter().chain(tls.key) {
            brought.take(data, &path);
        }
        Ok(brought)
    }

    fn take(&mut self, data: &Path, path: &Path) {
        let is_plain = |path: &Path| {
            path.components().all(|part| matches!(part, Component::Normal(_) | Component::CurDir))
        };
        let absolute = |path: &Path| std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
        match absolute(path).strip_prefix(absolute(data)) {
            Ok(inside) if is_plain(inside) => self.inside.push(inside.components().collect()),
            _ => self.outside.push(path.to_owned()),
        }
    }
}

pub(crate) fn now() -> WallMs {
    WallMs(u64::try_from(Timestamp::now().as_millisecond()).unwrap_or(0))
}

fn name_for(now: WallMs) -> String {
    format!("hubbub-{}.backup", when::local(now, &TimeZone::UTC, "%Y-%m-%dT%H%M%SZ"))
}

/// Shows how far it is, and listens for Ctrl-C.
pub(crate) fn watch() -> io::Result<Watch> {
    let interrupt = Interrupt::new()?;
    let mut progress = Progress::new();
    Ok(Watch::new(move |at| {
        progress.say(|| {
            let what = match at.phase {
                Phase::Copying => "copying",
                Phase::Checking => "checking",
            };
            match at.bytes {
                Some((done, of)) => format!("{what}: {} of {} MiB", done >> 20, of >> 20),
                None => format!("{what} …"),
            }
        });
        interrupt.came()
    }))
}

/// How a command ends that has not worked.
pub(crate) fn ended(error: BackupError) -> End {
    match error {
        BackupError::Folder(error) => End::Usage(error.into()),
        error @ (BackupError::HoldsData { .. } | BackupError::UnderWay { .. }) => {
            End::Usage(error.into())
        }
        error => End::Failed(error.to_string()),
    }
}

/// A path in one line of visible characters.
pub(crate) fn shown(path: &Path) -> String {
    sanitize::for_terminal_line(&path.display().to_string()).into_owned()
}

/// What is in a backup, for people.
pub(crate) fn describe(out: &mut impl Write, summary: &Summary) -> io::Result<()> {
    let zone = TimeZone::system();
    let minute = |time| when::local(time, &zone, "%Y-%m-%d %H:%M:%S");
    if let Some(label) = &summary.label {
        let program = sanitize::for_terminal_line(&label.program);
        writeln!(out, "  made        {} by hubbub {program}", minute(label.created))?;
    }
    let contents = &summary.contents;
    writeln!(
        out,
        "  rooms       {}, and {} private chats",
        contents.rooms, contents.private_chats
    )?;
    let newest = contents.newest.map(|time| format!(", the newest of {}", minute(time)));
    writeln!(out, "  messages    {}{}", contents.messages, newest.unwrap_or_default())?;
    writeln!(out, "  accounts    {}", contents.accounts)?;
    let files = if summary.files.is_empty() { "none".into() } else { summary.files.join(", ") };
    writeln!(out, "  files       {}", sanitize::for_terminal_line(&files))?;
    writeln!(out, "  size        {}", size(summary.bytes))
}

/// Bytes for people.
pub(crate) fn size(bytes: u64) -> String {
    const UNITS: [&str; 5] = ["B", "KiB", "MiB", "GiB", "TiB"];
    let mut unit = 0;
    let mut tenths = u128::from(bytes) * 10;
    while tenths >= 10_240 && unit + 1 < UNITS.len() {
        tenths /= 1024;
        unit += 1;
    }
    match unit {
        0 => format!("{bytes} B"),
        _ => format!("{}.{} {}", tenths / 10, tenths % 10, UNITS[unit]),
    }
}

/// A backup for programs.
#[derive(Serialize)]
pub(crate) struct JsonBackup<'a> {
    file: String,
    bytes: u64,
    created: Option<u64>,
    hubbub: Option<&'a str>,
    version: i64,
    pub(crate) epoch: u32,
    rooms: u64,
    private_chats: u64,
    messages: u64,
    accounts: u64,
    newest: Option<u64>,
    files: &'a [String],
}

impl<'a> JsonBackup<'a> {
    pub(crate) fn new(file: &Path, summary: &'a Summary) -> Self {
        let (contents, label) = (&summary.contents, summary.label.as_ref());
        Self {
            file: file.display().to_string(),
            bytes: summary.bytes,
            created: label.map(|label| label.created.0),
            hubbub: label.map(|label| label.program.as_str()),
            version: contents.version,
            epoch: contents.epoch.0,
            rooms: contents.rooms,
            private_chats: contents.private_chats,
            messages: contents.messages,
            accounts: contents.accounts,
            newest: contents.newest.map(|time| time.0),
            files: &summary.files,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_for_people() {
        assert_eq!(size(0), "0 B");
        assert_eq!(size(1023), "1023 B");
        assert_eq!(size(1536), "1.5 KiB");
        assert_eq!(size(5 << 30), "5.0 GiB");
        assert!(size(u64::MAX).ends_with(" TiB"));
    }

    #[test]
    fn a_certificate_in_the_folder_comes_along_and_one_elsewhere_is_told_of() {
        let folder = tempfile::tempdir().unwrap();
        let write = |text: &str| std::fs::write(folder.path().join("hubbub.toml"), text).unwrap();
        write("[tls]\ncertificate = \"./my/chat.pem\"\nkey = \"/etc/chat.key\"");
        let brought = Brought::of(folder.path(), None).unwrap();
        assert_eq!(brought.inside, [PathBuf::from("hubbub.toml"), PathBuf::from("my/chat.pem")]);
        assert_eq!(brought.outside, [PathBuf::from("/etc/chat.key")]);
        write("[tls]\ncertificate = \"../chat.pem\"\nkey = \"k\"");
        let brought = Brought::of(folder.path(), None).unwrap();
        assert_eq!(brought.outside, [folder.path().join("../chat.pem")]);
        write("nonsense");
        let brought = Brought::of(folder.path(), None).unwrap();
        assert_eq!((brought.inside, brought.outside), (vec![PathBuf::from("hubbub.toml")], vec![]));
    }

    #[test]
    fn a_settings_file_elsewhere_is_told_of_and_its_certificate_comes_along() {
        let (folder, etc) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let config = etc.path().join("chat.toml");
        let certificate = folder.path().join("chat.pem");
        let text = format!("[tls]\ncertificate = {certificate:?}\nkey = \"chat.key\"");
        std::fs::write(&config, text).unwrap();
        let brought = Brought::of(folder.path(), Some(&config)).unwrap();
        assert_eq!(brought.inside, [PathBuf::from("chat.pem")]);
        assert_eq!(brought.outside, [config, etc.path().join("chat.key")]);
        let gone = Brought::of(folder.path(), Some(&etc.path().join("gone.toml")));
        assert!(matches!(gone, Err(End::Usage(_))));
    }
}
