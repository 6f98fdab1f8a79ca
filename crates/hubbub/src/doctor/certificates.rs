//! Whether the keys and certificates can be used, and for how long.

use super::{Findings, Level};
use hubbub_protocol::Fingerprint;
use hubbub_server::OwnCertificate;
use hubbub_server::inspect::{CertificateLook, Which, certificates};
use std::path::Path;

/// Returns by what clients know the server, if that is there.
pub(super) fn check(
    data: &Path,
    brought: Option<&OwnCertificate>,
    findings: &mut Findings,
) -> Option<Fingerprint> {
    let mut own = None;
    for look in certificates(data, brought) {
        own = own.or(look.fingerprint);
        tell(&look, findings);
    }
    own
}

fn tell(look: &CertificateLook, findings: &mut Findings) {
    let (name, whose) = match look.which {
        Which::Authority => {
            ("authority", "the server's own authority, by whose key clients know it,")
        }
        Which::Server => ("server cert", "the server's own certificate"),
        Which::Brought => ("certificate", "the certificate of the settings"),
    };
    let file = look.file.display();
    if look.is_key_open {
        let help = format!("chmod 600 the key beside or in {file}");
        let text = format!("everybody on this computer can read the key of {whose}");
        findings.advise(name, Level::Warning, text.trim_end_matches(','), help);
    }
    match (&look.problem, &look.worry, &look.until) {
        (Some(problem), ..) if look.which == Which::Server => {
            let text = format!("{file} can't be used ({problem}); the next start makes another");
            findings.add(name, Level::Note, text);
        }
        (Some(problem), ..) => {
            let help = match look.which {
                Which::Brought => "correct [tls] in the settings, or renew it",
                _ => {
                    "restore the folder tls from a backup: with another key every client asks its user"
                }
            };
            findings.advise(name, Level::Problem, problem.clone(), help);
        }
        (None, Some(worry), _) if look.which == Which::Server => {
            let text = format!("{whose}: {worry}; the server renews it by itself");
            findings.add(name, Level::Note, text);
        }
        (None, Some(worry), _) => {
            let level = if worry.contains("has ended") { Level::Problem } else { Level::Warning };
            findings.advise(
                name,
                level,
                format!("{file}: {worry}"),
                "renew it; then kill -HUP the server",
            );
        }
        (None, None, Some(until)) => {
            findings.add(name, Level::Ok, format!("{whose} is valid until {until}"));
        }
        (None, None, None) => {
            let text = format!("there is none yet; the next start makes {whose}");
            findings.add(name, Level::Note, text.trim_end_matches(','));
        }
    }
}
