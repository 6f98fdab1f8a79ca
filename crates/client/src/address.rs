//! Where a server is, and by which key it is known: what people write, read.

use hubbub_protocol::Fingerprint;
use hubbub_protocol::sanitize::is_invisible;
use std::fmt;

/// The port of a Hubbub server, if none is named.
pub const DEFAULT_PORT: u16 = 5000;

/// A server's host and port, and its key where that is known. Shown as host and port.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct ServerAddress {
    /// A name or an IP address, without brackets.
    pub host: String,
    /// Its port.
    pub port: u16,
    /// The key of its authority: no other one is taken.
    pub fingerprint: Option<Fingerprint>,
}

/// Why an address is none.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AddressError {
    /// No host.
    #[error("the address '{0}' names no host; write host, host:port or [ipv6]:port")]
    NoHost(String),
    /// Not a port.
    #[error("the port '{port}' in '{address}' is not a number from 1 to 65535")]
    Port {
        /// What was given.
        address: String,
        /// What should be a port.
        port: String,
    },
    /// Another scheme.
    #[error("'{0}' is no Hubbub address; it should begin with hubbub://, or with the host")]
    Scheme(String),
    /// No fingerprint where one should be.
    #[error(
        "'{fingerprint}' in '{address}' is no fingerprint of a key: that has 43 letters, digits, - and _"
    )]
    Fingerprint {
        /// What was given.
        address: String,
        /// What should be a fingerprint.
        fingerprint: String,
    },
    /// Something in it that no address has.
    #[error("the address '{0}' is not understood; write host, host:port or [ipv6]:port")]
    Malformed(String),
}

impl std::str::FromStr for ServerAddress {
    type Err = AddressError;

    /// Reads `host`, `host:port`, `[v6]`, `[v6]:port`, a bare IPv6 address, and each with
    /// `hubbub://` before and one `/` behind, and `#` with a fingerprint behind that.
    fn from_str(text: &str) -> Result<Self, AddressError> {
        let address = text.trim();
        let (rest, fingerprint) = match address.split_once('#') {
            Some((rest, fingerprint)) => (rest, Some(fingerprint)),
            None => (address, None),
        };
        let rest = match rest.split_once("://") {
            Some((scheme, rest)) if scheme.eq_ignore_ascii_case("hubbub") => {
                rest.strip_suffix('/').unwrap_or(rest)
            }
            Some(_) => return Err(AddressError::Scheme(address.into())),
            None => rest,
        };
        let malformed = || AddressError::Malformed(address.into());
        let (host, port) = if let Some(inner) = rest.strip_prefix('[') {
            let (host, after) = inner.split_once(']').ok_or_else(malformed)?;
            if host.parse::<std::net::Ipv6Addr>().is_err() && !host.contains('%') {
                return Err(malformed());
            }
            match after.strip_prefix(':') {
                Some(port) => (host, Some(port)),
                None if after.is_empty() => (host, None),
                None => return Err(malformed()),
            }
        } else if rest.parse::<std::net::Ipv6Addr>().is_ok() {
            (rest, None)
        } else {
            match rest.split_once(':') {
                Some((host, port)) => (host, Some(port)),
                None => (rest, None),
            }
        };
        if host.is_empty() {
            return Err(AddressError::NoHost(address.into()));
        }
        // What can't be seen makes another host of what looks like a known one.
        let is_wrong =
            |c: char| c.is_whitespace() || c.is_control() || is_invisible(c) || "/@[]".contains(c);
        if host.contains(is_wrong) {
            return Err(malformed());
        }
        let port = match port {
            None => DEFAULT_PORT,
            Some(port) => match port.parse() {
                Ok(number) if number > 0 && port.bytes().all(|b| b.is_ascii_digit()) => number,
                _ => {
                    return Err(AddressError::Port { address: address.into(), port: port.into() });
                }
            },
        };
        let fingerprint = fingerprint.map(|text| {
            text.parse().map_err(|_| AddressError::Fingerprint {
                address: address.into(),
                fingerprint: text.into(),
            })
        });
        Ok(Self { host: host.into(), port, fingerprint: fingerprint.transpose()? })
    }
}

impl ServerAddress {
    /// All of it, as others can paste it: with its scheme, and with the fingerprint if it has one.
    #[must_use]
    pub fn in_full(&self) -> String {
        let fingerprint = self.fingerprint.map(|key| format!("#{key}")).unwrap_or_default();
        format!("hubbub://{self}{fingerprint}")
    }
}

impl fmt::Display for ServerAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.host.contains(':') {
            write!(f, "[{}]:{}", self.host, self.port)
        } else {
            write!(f, "{}:{}", self.host, self.port)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_people_write_is_read() {
        for (text, shown) in [
            ("box", "box:5000"),
            (" box:6000 ", "box:6000"),
            ("10.0.0.7", "10.0.0.7:5000"),
            ("[::1]", "[::1]:5000"),
            ("[fe80::1%eth0]:7", "[fe80::1%eth0]:7"),
            ("::1", "[::1]:5000"),
            ("hubbub://box:6000", "box:6000"),
            ("HUBBUB://[::1]:6000/", "[::1]:6000"),
        ] {
            let address: ServerAddress = text.parse().unwrap();
            assert_eq!(address.to_string(), shown);
            assert_eq!(shown.parse(), Ok(address));
        }
    }

    #[test]
    fn a_fingerprint_is_part_of_the_full_address() {
        let key = Fingerprint::of_key(b"a key");
        for text in [format!("box#{key}"), format!("hubbub://box:5000/#{key}")] {
            let address: ServerAddress = text.parse().unwrap();
            assert_eq!(address.fingerprint, Some(key));
            assert_eq!(address.to_string(), "box:5000");
            assert_eq!(address.in_full(), format!("hubbub://box:5000#{key}"));
            assert_eq!(address.in_full().parse(), Ok(address));
        }
        let address: ServerAddress = format!("[::1]#{key}").parse().unwrap();
        assert_eq!(address.in_full(), format!("hubbub://[::1]:5000#{key}"));
        let known: ServerAddress = "box".parse().unwrap();
        assert_eq!(known.in_full(), "hubbub://box:5000");
    }

    #[test]
    fn what_is_wrong_is_named() {
        for (text, part) in [
            ("", "names no host"),
            (":5000", "names no host"),
            ("box:", "the port '' in 'box:'"),
            ("box:70000", "'70000'"),
            ("box:+5", "'+5'"),
            ("box:0", "'0'"),
            ("http://box", "no Hubbub address"),
            ("[::1", "not understood"),
            ("[box]:5", "not understood"),
            ("box/room", "not understood"),
            ("\u{feff}box", "not understood"),
            ("b\u{200b}ox", "not understood"),
            ("\u{202e}xob", "not understood"),
            ("box#", "'' in 'box#' is no fingerprint"),
            ("box:1#lobby", "'lobby' in 'box:1#lobby' is no fingerprint"),
            ("#x", "names no host"),
        ] {
            let error = text.parse::<ServerAddress>().unwrap_err().to_string();
            assert!(error.contains(part), "{text}: {error}");
        }
    }
}
