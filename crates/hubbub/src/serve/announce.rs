//! What a server says when it has started: lines for programs, and a screen for people.
//!
//! The screen never wraps and never needs more than is there: what is less important stands above what
//! must be seen, so that it is what scrolls away.

#[cfg(test)]
mod tests;

use super::addresses::{Reached, is_public};
use super::qr::{self, Code};
use super::terminal::{Look, wrap};
use crate::settings::{PORT, Reach, is_open};
use hubbub_protocol::fingerprint::FINGERPRINT_WORDS;
use hubbub_protocol::{Fingerprint, Registration};
use std::fmt;
use std::io::{self, Write};
use std::net::{Ipv6Addr, SocketAddr};

/// Columns before every line.
const INDENT: &str = "  ";
/// Columns between the code and what stands beside it.
const GAP: usize = 3;
/// What stands beside the code needs so many.
const BESIDE_COLUMNS_MIN: usize = 30;
/// The screen below the code, and the line for what comes after.
const BELOW_ROWS: usize = 5;
/// How the server is told something, and stopped.
const CONSOLE: &str = "Type help for what you can do here, exit to stop the server.";
/// From so many rows on there is room for the quiet zone of the standard.
const ROWS_FOR_QUIET: usize = 30;

/// What there is to say.
pub(crate) struct Facts<'a> {
    pub(crate) reach: Reach,
    /// Where it listens for everything.
    pub(crate) listening: &'a [SocketAddr],
    /// Where it listens for TLS alone.
    pub(crate) listening_tls: &'a [SocketAddr],
    /// Where others reach it, the best first.
    pub(crate) shared: &'a [Reached],
    /// Names that lead to it.
    pub(crate) names: &'a [String],
    pub(crate) fingerprint: Fingerprint,
    pub(crate) guests: bool,
    pub(crate) plaintext_passwords: bool,
    pub(crate) registration: Registration,
    /// Whether the operator brought a certificate.
    pub(crate) has_certificate: bool,
    pub(crate) wants_code: bool,
    /// Whether a prompt follows.
    pub(crate) has_console: bool,
    /// What makes somebody the first admin, as long as there is none. For people alone.
    pub(crate) setup: Option<&'a str>,
}

/// Says it to programs. These lines are promised: others are added behind them.
pub(crate) fn to_program(facts: &Facts<'_>, out: &mut impl Write) -> io::Result<()> {
    for address in facts.listening {
        writeln!(out, "listening on {address} (native, plain, tls)")?;
    }
    for address in facts.listening_tls {
        writeln!(out, "listening on {address} (tls)")?;
    }
    writeln!(out, "fingerprint {}", facts.fingerprint)?;
    writeln!(out, "words {}", facts.fingerprint.words().join(" "))
}

/// Says it to whoever sits at the terminal.
pub(crate) fn to_person(facts: &Facts<'_>, look: &Look, out: &mut impl Write) -> io::Result<()> {
    let screen = Screen { facts, look };
    let lines = match facts.reach {
        Reach::Local => screen.local(),
        Reach::Lan | Reach::Internet => screen.open(),
    };
    lines.iter().try_for_each(|line| writeln!(out, "{}", line.trim_end()))
}

struct Screen<'a> {
    facts: &'a Facts<'a>,
    look: &'a Look,
}

impl Screen<'_> {
    fn local(&self) -> Vec<String> {
        let look = self.look;
        let mut lines = vec![String::new()];
        self.add(&mut lines, "Hubbub is running, for this computer only.", |text| look.bold(text));
        lines.push(String::new());
        if let Some(server) = self.facts.shared.first().map(host) {
            let short = if server.port == PORT { server.host.clone() } else { server.to_string() };
            let talk = (netcat(&server), "talk here, from another terminal");
            let tail = (format!("hubbub tail {short} --room lobby"), "read along");
            for (command, what) in (!server.is_tls_only).then_some(talk).into_iter().chain([tail]) {
                let line = format!("{INDENT}{INDENT}{command:<40}");
                if line.len() + INDENT.len() + what.len() <= look.columns {
                    lines.push(format!("{line}{INDENT}{}", look.dim(what)));
                } else {
                    lines.push(line);
                }
            }
            lines.push(String::new());
        }
        let words = self.words().join(" ");
        self.add(&mut lines, &format!("Its key in six words: {words}"), str::to_owned);
        let stop = if self.facts.has_console { CONSOLE } else { "Ctrl-C stops it." };
        let more = format!("{stop} Let others in with: hubbub serve --lan (or --internet)");
        self.add(&mut lines, &more, |text| look.dim(text));
        let setup = self.setup(self.columns());
        if !setup.is_empty() {
            lines.push(String::new());
            lines.extend(setup.iter().map(|line| format!("{INDENT}{line}")));
        }
        lines
    }

    fn open(&self) -> Vec<String> {
        let best = self.best();
        let mut lines = vec![String::new()];
        if self.facts.reach == Reach::Internet {
            for paragraph in self.for_the_internet() {
                self.add(&mut lines, &paragraph, str::to_owned);
                lines.push(String::new());
            }
        }
        let others = self.others(best.as_ref());
        if !others.is_empty() {
            let title = match self.facts.reach {
                Reach::Internet => "Addresses of this computer:",
                Reach::Lan | Reach::Local => "Other addresses of this computer:",
            };
            self.add(&mut lines, title, str::to_owned);
            for other in &others {
                self.address(&mut lines, other);
            }
            lines.push(String::new());
        }
        let code = best.as_ref().and_then(|best| self.code(best));
        match &code {
            Some(code) => self.beside(&mut lines, code),
            None => {
                let columns = self.columns();
                lines.extend(
                    self.panel(columns, false).iter().map(|line| format!("{INDENT}{line}")),
                );
            }
        }
        lines.push(String::new());
        match &best {
            Some(best) => self.address(&mut lines, best),
            None => self.no_address(&mut lines),
        }
        lines
    }

    /// How to become the first admin.
    fn setup(&self, columns: usize) -> Vec<String> {
        let Some(token) = self.facts.setup else { return Vec::new() };
        let mut lines = wrap("No admin yet. Come in, /register, and say there:", columns);
        lines.push(format!("{INDENT}{}", self.look.bold(&format!("/setup {token}"))));
        lines
    }

    /// What to do that a computer can't: the router, the firewall, who may come in.
    fn for_the_internet(&self) -> Vec<String> {
        let (port, is_tls_only) = self.port();
        let way = match self.facts.shared.first().map(|reached| reached.address) {
            _ if !self.is_open() => format!(
                "It listens for this computer alone. What stands before it, such as a proxy, is what \
                 others reach; let that pass connections on to port {port} here."
            ),
            Some(address) if is_public(address.ip()) => {
                "This computer has a public address, so no router needs to be told.".to_owned()
            }
            Some(address) => format!(
                "Forward TCP port {port} on your router to {}, port {port}: that is this computer. \
                 Give others your router's public address, or a name that leads to it.",
                address.ip()
            ),
            None => format!(
                "This computer has no network now. When it has, forward TCP port {port} on your \
                 router to it."
            ),
        };
        let firewall = match self.is_open() {
            true => format!("A firewall here must let TCP port {port} in."),
            false => String::new(),
        };
        let tls = if is_tls_only { "Nothing but TLS is spoken there." } else { "" };
        let certificate = if self.facts.has_certificate {
            "Programs are shown your certificate; Hubbub's own clients keep to the key below."
        } else {
            "For a certificate that other programs trust: --certificate FILE --key FILE."
        };
        let guests = if self.facts.guests {
            "Guests may come in (--guests no refuses them)."
        } else {
            "Guests are refused (--guests yes lets them in)."
        };
        let register = match self.facts.registration {
            Registration::Open => "Everybody may register (--registration invite asks for a code).",
            Registration::Invite => {
                "To register, people need a code that `hubbub invite new` makes (--registration \
                 open lets everybody)."
            }
            Registration::Closed => "Nobody may register (--registration invite asks for a code).",
        };
        let first = [&way, &firewall, tls, certificate].map(str::trim).join(" ");
        vec![first, format!("{guests} {register}")]
    }

    /// The address to share, if there is one.
    fn best(&self) -> Option<Shared> {
        let first = self.facts.shared.first();
        match self.facts.reach {
            Reach::Internet => match self.facts.names.first() {
                Some(name) => Some(self.named(name)),
                None => first.filter(|reached| is_public(reached.address.ip())).map(host),
            },
            Reach::Lan | Reach::Local if self.is_open() => first.map(host),
            Reach::Lan | Reach::Local => None,
        }
    }

    fn all(&self) -> impl Iterator<Item = (&SocketAddr, bool)> {
        let everything = self.facts.listening.iter().map(|address| (address, false));
        everything.chain(self.facts.listening_tls.iter().map(|address| (address, true)))
    }

    /// Whether others than this computer reach it.
    fn is_open(&self) -> bool {
        self.all().any(|(address, _)| is_open(address))
    }

    /// The port for others, and whether nothing but TLS is spoken there.
    fn port(&self) -> (u16, bool) {
        let open = self.all().find(|(address, _)| is_open(address));
        let best = open.or_else(|| self.all().next());
        best.map_or((0, false), |(address, is_tls_only)| (address.port(), is_tls_only))
    }

    fn named(&self, name: &str) -> Shared {
        let (port, is_tls_only) = self.port();
        Shared { host: name.to_owned(), port, is_tls_only }
    }

    fn others(&self, best: Option<&Shared>) -> Vec<Shared> {
        let names: &[String] = match self.facts.reach {
            Reach::Internet => &[],
            Reach::Lan | Reach::Local => self.facts.names,
        };
        let names = names.iter().map(|name| self.named(name));
        let shared = self.facts.shared.iter().filter(|_| self.is_open());
        let mut all: Vec<_> = names.chain(shared.map(host)).collect();
        all.retain(|address| Some(address) != best);
        all
    }

    /// An address in the forms that there are for it.
    fn address(&self, lines: &mut Vec<String>, address: &Shared) {
        let link = self.link_that_fits(address);
        let room = self.columns().saturating_sub(INDENT.len());
        let lets_in = self.facts.guests || self.facts.plaintext_passwords;
        let netcat = (lets_in && !address.is_tls_only).then(|| netcat(address));
        match netcat {
            Some(netcat) if link.len() + GAP + netcat.len() <= room => {
                lines.push(format!("{INDENT}{INDENT}{link}{:GAP$}{netcat}", ""));
            }
            Some(netcat) => {
                lines.push(format!("{INDENT}{INDENT}{link}"));
                lines.push(format!("{INDENT}{INDENT}{netcat}"));
            }
            None => lines.push(format!("{INDENT}{INDENT}{link}")),
        }
    }

    /// Instead of an address.
    fn no_address(&self, lines: &mut Vec<String>) {
        match self.facts.reach {
            Reach::Internet => {
                let address = self.named("ADDRESS");
                lines.push(format!("{INDENT}{INDENT}{}", self.link_that_fits(&address)));
            }
            Reach::Lan | Reach::Local => {
                let text = match self.is_open() {
                    true => "This computer is in no network now, so there is no address to share.",
                    false => "It listens for this computer alone, so there is no address to share.",
                };
                self.add(lines, text, str::to_owned);
            }
        }
    }

    /// The whole link, or where that is too wide to be copied from here, the one that leaves the
    /// comparing to people and the six words.
    fn link_that_fits(&self, address: &Shared) -> String {
        let link = self.link(address);
        if 2 * INDENT.len() + link.len() <= self.look.columns {
            return link;
        }
        format!("hubbub://{address}")
    }

    fn link(&self, address: &Shared) -> String {
        format!("hubbub://{address}#{}", self.facts.fingerprint)
    }

    /// The code of the address, if it is wished and fits with all that must be seen together with it.
    fn code(&self, best: &Shared) -> Option<Code> {
        let look = self.look;
        if !self.facts.wants_code || !look.blocks {
            return None;
        }
        let quiet = if look.rows < ROWS_FOR_QUIET { 2 } else { 4 };
        let code = qr::code(&self.link(best), quiet, look.styles)?;
        let columns = INDENT.len() + code.columns + GAP + BESIDE_COLUMNS_MIN;
        let fits = columns <= look.columns && code.lines.len() + BELOW_ROWS <= look.rows;
        fits.then_some(code)
    }

    /// The code, and beside it what belongs to it.
    fn beside(&self, lines: &mut Vec<String>, code: &Code) {
        let columns = self.look.columns.saturating_sub(INDENT.len() + code.columns + GAP);
        let panel = self.panel(columns, true);
        let above = code.lines.len().saturating_sub(panel.len()) / 2;
        for (row, line) in code.lines.iter().enumerate() {
            let text = row.checked_sub(above).and_then(|row| panel.get(row));
            let text = text.map_or("", String::as_str);
            lines.push(format!("{INDENT}{line}{:GAP$}{text}", ""));
        }
    }

    /// What must be seen, in so many columns.
    fn panel(&self, columns: usize, has_code: bool) -> Vec<String> {
        let look = self.look;
        let title = match self.facts.reach {
            Reach::Internet => "Hubbub is running, for the internet.",
            Reach::Lan | Reach::Local => "Hubbub is running, for the local network.",
        };
        let compare = "Whoever comes for the first time compares these six words with you:";
        let share = match (has_code, self.facts.reach) {
            (true, _) => "Scan the code, or share the address below.",
            (false, Reach::Internet) if self.best().is_none() => {
                "Share this, with your public address or name in place of ADDRESS:"
            }
            (false, _) if self.best().is_none() => "",
            (false, _) => "Share this address:",
        };
        let is_for_netcat = self.facts.listening.iter().any(is_open);
        let netcat = match (self.facts.guests, self.facts.plaintext_passwords) {
            _ if !is_for_netcat => "",
            // Who is alone yet has something more important to read, and there is no room for both.
            _ if self.facts.setup.is_some() => "",
            (true, false) => "netcat (nc) is for guests: others can read along there.",
            (_, true) => "Others can read along what goes through netcat (nc).",
            (false, false) => "",
        };
        let text = |text: &str| wrap(text, columns);
        let dim = |text: &str| match text {
            "" => Vec::new(),
            text => wrap(text, columns).iter().map(|line| look.dim(line)).collect(),
        };
        let words = self.words();
        // In equal parts, which are easier to read out.
        let fits = INDENT.len() + words.join(" ").len() <= columns;
        let parts = words.chunks(if fits { FINGERPRINT_WORDS } else { FINGERPRINT_WORDS / 2 });
        let words = parts.map(|part| format!("{INDENT}{}", look.bold(&part.join(" ")))).collect();
        let title = text(title).iter().map(|line| look.bold(line)).collect();
        let paragraphs: [Vec<String>; 7] = [
            title,
            text(compare),
            words,
            dim(netcat),
            self.setup(columns),
            dim(if self.facts.has_console { CONSOLE } else { "Ctrl-C stops the server." }),
            text(share),
        ];
        let said = paragraphs.into_iter().filter(|lines| lines.iter().any(|line| !line.is_empty()));
        said.collect::<Vec<_>>().join(&[String::new()][..])
    }

    fn words(&self) -> [&'static str; FINGERPRINT_WORDS] {
        self.facts.fingerprint.words()
    }

    /// Columns for text.
    fn columns(&self) -> usize {
        self.look.columns.saturating_sub(INDENT.len())
    }

    /// Adds text in as many lines as it needs.
    fn add(&self, lines: &mut Vec<String>, text: &str, style: impl Fn(&str) -> String) {
        let wrapped = wrap(text, self.columns());
        lines.extend(wrapped.iter().map(|line| format!("{INDENT}{}", style(line))));
    }
}

/// An address as it is given to others.
#[derive(Debug, PartialEq, Eq)]
struct Shared {
    host: String,
    port: u16,
    is_tls_only: bool,
}

impl fmt::Display for Shared {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.host.parse::<Ipv6Addr>() {
            Ok(ip) => write!(f, "[{ip}]:{}", self.port),
            Err(_) => write!(f, "{}:{}", self.host, self.port),
        }
    }
}

fn host(reached: &Reached) -> Shared {
    let Reached { address, is_tls_only } = *reached;
    Shared { host: address.ip().to_string(), port: address.port(), is_tls_only }
}

fn netcat(address: &Shared) -> String {
    format!("nc {} {}", address.host, address.port)
}
