//! Where a server is: what people write, read.

use std::fmt;

/// The port of a Hubbub server, if none is named.
pub const DEFAULT_PORT: u16 = 5000;

/// A server's host and port.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct ServerAddress {
    /// A name or an IP address, without brackets.
    pub host: String,
    /// Its port.
    pub port: u16,
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
    /// Something in it that no address has.
    #[error("the address '{0}' is not understood; write host, host:port or [ipv6]:port")]
    Malformed(String),
}

impl std::str::FromStr for ServerAddress {
    type Err = AddressError;

    /// Reads `host`, `host:port`, `[v6]`, `[v6]:port`, a bare IPv6 address, and each with
    /// `hubbub://` before and one `/` behind.
    fn from_str(text: &str) -> Result<Self, AddressError> {
        let address = text.trim();
        let rest = match address.split_once("://") {
            Some((scheme, rest)) if scheme.eq_ignore_ascii_case("hubbub") => {
                rest.strip_suffix('/').unwrap_or(rest)
            }
            Some(_) => return Err(AddressError::Scheme(address.into())),
            None => address,
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
        if host.contains(|c: char| c.is_whitespace() || c.is_control() || "/@[]".contains(c)) {
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
        Ok(Self { host: host.into(), port })
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
        ] {
            let error = text.parse::<ServerAddress>().unwrap_err().to_string();
            assert!(error.contains(part), "{text}: {error}");
        }
    }
}
