//! The names and addresses by which this server is reached, as they stand in its certificate.

use super::facts::Facts;
use crate::config::StartError;
use crate::{clock, platform};
use hubbub_protocol::WallMs;
use rustls_pki_types::DnsName;
use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// Names and addresses in one certificate. A computer with more (of containers, mostly) is reached by
/// the others by native clients alone, which keep the key of the authority and look at no name.
pub(super) const SUBJECTS_MAX: usize = 64;
/// Names that an operator may add: some places are kept for what the computer knows of itself.
const CHOSEN_MAX: usize = 50;

/// What this computer knows about itself at one moment.
#[derive(Clone, Debug)]
pub(super) struct Surroundings {
    pub(super) now: WallMs,
    pub(super) host: String,
    /// Of its network interfaces.
    pub(super) addresses: Vec<IpAddr>,
}

impl Surroundings {
    pub(super) fn look() -> Self {
        let addresses = platform::interface_addresses().unwrap_or_else(|error| {
            // Each minute again, if so: the start warns once.
            tracing::debug!(%error, "can't read the addresses of this computer");
            Vec::new()
        });
        Self { now: clock::wall(), host: platform::host_name(), addresses }
    }
}

/// A name or an address that a certificate is for (RFC 5280, section 4.2.1.6).
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Subject {
    /// In small letters.
    Dns(String),
    Address(IpAddr),
}

impl Subject {
    /// Reads what people write.
    fn parse(text: &str) -> Option<Self> {
        let text = text.trim();
        let bare = text.strip_prefix('[').and_then(|t| t.strip_suffix(']')).unwrap_or(text);
        if let Ok(address) = bare.parse::<IpAddr>() {
            let address = address.to_canonical();
            let is_of_one = !address.is_unspecified() && !address.is_multicast();
            return is_of_one.then_some(Self::Address(address));
        }
        let name = text.strip_suffix('.').unwrap_or(text);
        let below = name.strip_prefix("*.").unwrap_or(name);
        DnsName::try_from(below).ok().map(|_| Self::Dns(name.to_ascii_lowercase()))
    }
}

impl fmt::Display for Subject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Dns(name) => f.write_str(name),
            Self::Address(address) => address.fmt(f),
        }
    }
}

/// The names that an operator chose, checked.
pub(super) fn chosen(names: &[String]) -> Result<Vec<Subject>, StartError> {
    let wrong = |name: &String, problem: String| StartError::CertificateName {
        name: name.clone(),
        problem,
    };
    let mut subjects = Vec::new();
    for name in names {
        let subject = Subject::parse(name).ok_or_else(|| {
            let hint = "it must be a DNS name such as chat.example.org or an IP address, without a port; other letters than those of ASCII as their xn-- form";
            wrong(name, hint.to_owned())
        })?;
        if !subjects.contains(&subject) {
            subjects.push(subject);
        }
        if subjects.len() > CHOSEN_MAX {
            return Err(wrong(name, format!("there are more than {CHOSEN_MAX} names")));
        }
    }
    Ok(subjects)
}

/// All that the server's certificate should be for; what matters most comes first.
pub(super) fn wanted(surroundings: &Surroundings, chosen: &[Subject]) -> Vec<Subject> {
    let mut all = vec![
        Subject::Dns("localhost".into()),
        Subject::Address(Ipv4Addr::LOCALHOST.into()),
        Subject::Address(Ipv6Addr::LOCALHOST.into()),
    ];
    if let Some(host) = host(surroundings) {
        let short = host.split('.').next().unwrap_or_default().to_owned();
        all.push(Subject::Dns(host));
        if short != "localhost" {
            // As mDNS calls it (RFC 6762, section 3).
            all.push(Subject::Dns(format!("{short}.local")));
            all.push(Subject::Dns(short));
        }
    }
    all.extend_from_slice(chosen);
    let mut addresses: Vec<IpAddr> =
        surroundings.addresses.iter().map(IpAddr::to_canonical).filter(is_reachable).collect();
    // The same order each time, or which of too many are left out would change with each look.
    addresses.sort_by_key(|address| (staying(address), *address));
    all.extend(addresses.into_iter().map(Subject::Address));
    let mut seen = std::collections::BTreeSet::new();
    all.retain(|subject| seen.insert(subject.clone()));
    all.truncate(SUBJECTS_MAX);
    all
}

/// What a certificate should be for and is not.
pub(super) fn lacking(wanted: &[Subject], facts: &Facts) -> Vec<Subject> {
    wanted.iter().filter(|subject| !facts.subjects.contains(subject)).cloned().collect()
}

/// The name of this computer, if others can ask for it.
pub(super) fn host(surroundings: &Surroundings) -> Option<String> {
    match Subject::parse(&surroundings.host)? {
        Subject::Dns(name) if !name.starts_with('*') => Some(name),
        Subject::Dns(_) | Subject::Address(_) => None,
    }
}

/// Link-local addresses of IPv6 mean nothing without an interface, for which certificates have no
/// place; those of loopback are always in.
fn is_reachable(address: &IpAddr) -> bool {
    let is_one = !address.is_unspecified() && !address.is_multicast() && !address.is_loopback();
    is_one
        && match address {
            IpAddr::V4(_) => true,
            IpAddr::V6(address) => !address.is_unicast_link_local(),
        }
}

/// The less an address is likely to stay, the higher: the public ones of IPv6 change daily for privacy
/// (RFC 8981).
fn staying(address: &IpAddr) -> u8 {
    match address {
        IpAddr::V4(_) => 0,
        IpAddr::V6(address) if address.is_unique_local() => 1,
        IpAddr::V6(_) => 2,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(host: &str, addresses: &[&str]) -> Surroundings {
        let addresses = addresses.iter().map(|address| address.parse().unwrap()).collect();
        Surroundings { now: WallMs(0), host: host.into(), addresses }
    }

    fn texts(subjects: &[Subject]) -> Vec<String> {
        subjects.iter().map(ToString::to_string).collect()
    }

    const FIXED: [&str; 3] = ["localhost", "127.0.0.1", "::1"];

    #[test]
    fn a_certificate_is_for_all_by_which_others_reach_this_computer() {
        let here = at(
            "Box.Example.org",
            &["127.0.0.1", "::1", "fe80::1", "2001:db8::5", "fd00::2", "192.168.1.20", "0.0.0.0"],
        );
        let chosen = chosen(&["Chat.Example.org.".into(), "[2001:db8::5]".into()]).unwrap();
        let mut expected = FIXED.to_vec();
        expected.extend(["box.example.org", "box.local", "box", "chat.example.org"]);
        expected.extend(["2001:db8::5", "192.168.1.20", "fd00::2"]);
        assert_eq!(texts(&wanted(&here, &chosen)), expected);
    }

    #[test]
    fn a_host_name_that_is_no_name_is_left_out() {
        for host in ["", "Bob's Mac", "localhost", "10.0.0.1", "-x", "*.x", "a\nb", "fü"] {
            assert_eq!(texts(&wanted(&at(host, &[]), &[])), FIXED, "{host:?}");
        }
    }

    #[test]
    fn too_many_addresses_are_cut_and_always_the_same() {
        let mut addresses: Vec<String> = (0..100).map(|n| format!("2001:db8::{n:x}")).collect();
        addresses.push("10.0.0.1".into());
        let of = |all: &[String]| {
            let all: Vec<&str> = all.iter().map(String::as_str).collect();
            wanted(&at("box", &all), &chosen(&["chat.example.org".into()]).unwrap())
        };
        let before = of(&addresses);
        assert_eq!(before.len(), SUBJECTS_MAX);
        for kept in ["10.0.0.1", "chat.example.org", "box"] {
            assert!(texts(&before).contains(&kept.to_owned()), "{kept}");
        }
        addresses.reverse();
        assert_eq!(of(&addresses), before);
    }

    #[test]
    fn a_name_that_no_certificate_can_have_is_refused() {
        let long = "x".repeat(64);
        for name in [
            "",
            "a b",
            "box:5000",
            "fe80::1%eth0",
            "bücher.example",
            "0.0.0.0",
            "ff02::1",
            "10.0.0.256",
            &long,
            "*",
            "a.*.b",
        ] {
            let error = chosen(&["fine".into(), name.into()]).unwrap_err();
            assert!(
                matches!(&error, StartError::CertificateName { name: said, .. } if said == name)
            );
            assert!(error.to_string().contains("chat.example.org"), "{error}");
        }
        let many: Vec<String> = (0..51).map(|n| format!("n{n}.example")).collect();
        assert!(chosen(&many).unwrap_err().to_string().contains("n50.example"));
        assert_eq!(chosen(&many[..50]).unwrap().len(), 50);
    }
}
