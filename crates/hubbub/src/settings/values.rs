//! Single values of the settings, checked where they are read.

use hubbub_protocol::limits;
use ipnet::IpNet;
use serde::de::Error;
use serde::{Deserialize, Deserializer};
use std::net::IpAddr;
use std::str::FromStr;

/// Who may reach the server.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Reach {
    /// This computer only.
    Local,
    /// The local network.
    Lan,
    /// Everybody.
    Internet,
}

impl Reach {
    /// Its word in the settings file, and its option with two dashes before.
    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::Local => "local",
            Self::Lan => "lan",
            Self::Internet => "internet",
        }
    }
}

/// A network, or a single address.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub(crate) struct Net(pub(crate) IpNet);

impl FromStr for Net {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let single = || text.parse::<IpAddr>().map(IpNet::from);
        text.parse::<IpNet>().or_else(|_| single()).map(|net| Self(net.trunc())).map_err(|_| {
            format!("'{text}' is no network: write 10.0.0.0/8, fd00::/8 or an address")
        })
    }
}

impl TryFrom<String> for Net {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        text.parse()
    }
}

/// A host name or an address, as a certificate has it.
pub(crate) fn host_name(text: &str) -> Result<String, String> {
    /// RFC 1035, section 2.3.4.
    const NAME_MAX: usize = 253;
    const LABEL_MAX: usize = 63;
    let label = |label: &str| {
        (1..=LABEL_MAX).contains(&label.len())
            && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
            && !label.starts_with('-')
            && !label.ends_with('-')
    };
    let is_name = text.len() <= NAME_MAX && text.split('.').all(label);
    if is_name || text.parse::<IpAddr>().is_ok() {
        return Ok(text.to_owned());
    }
    Err(format!(
        "'{text}' is no host name: write it as chat.example (others as xn--…) or an address"
    ))
}

/// Names that are all [`host_name`]s.
pub(super) fn host_names<'de, D: Deserializer<'de>>(
    from: D,
) -> Result<Option<Vec<String>>, D::Error> {
    let names = Vec::<String>::deserialize(from)?;
    let names: Result<_, _> = names.iter().map(|name| host_name(name)).collect();
    names.map(Some).map_err(D::Error::custom)
}

/// A number from `MIN` to `MAX`.
pub(super) fn within<'de, D: Deserializer<'de>, const MIN: u64, const MAX: u64>(
    from: D,
) -> Result<Option<u64>, D::Error> {
    let number = u64::deserialize(from)?;
    if (MIN..=MAX).contains(&number) {
        return Ok(Some(number));
    }
    Err(D::Error::custom(format!("{number} is not from {MIN} to {MAX}")))
}

/// A number of bytes that has room for the longest frame, or it would close connections that do
/// nothing wrong.
pub(super) fn room_for_a_frame<'de, D: Deserializer<'de>>(
    from: D,
) -> Result<Option<usize>, D::Error> {
    let bytes = usize::deserialize(from)?;
    let least = 2 * limits::FRAME_BYTES;
    if bytes >= least {
        return Ok(Some(bytes));
    }
    Err(D::Error::custom(format!("{bytes} bytes are too few: the longest frames need {least}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_network_is_one_or_a_single_address() {
        for (text, shown) in [
            ("10.1.2.3/8", "10.0.0.0/8"),
            ("10.1.2.3", "10.1.2.3/32"),
            ("fd00::1", "fd00::1/128"),
            ("::/0", "::/0"),
        ] {
            assert_eq!(text.parse::<Net>().unwrap().0.to_string(), shown);
        }
        for wrong in ["", "10.0.0.0/33", "box", "10.0.0", "10.0.0.0/-1"] {
            assert!(wrong.parse::<Net>().is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_name_for_a_certificate_is_a_host_name_or_an_address() {
        for good in ["chat.example", "box", "xn--bcher-kva.example", "10.0.0.7", "fd00::1"] {
            assert_eq!(host_name(good).unwrap(), good);
        }
        let long = ["a"; 130].join(".");
        for wrong in ["", "a b", "a..b", "-a", "bücher.example", "a:5000", "*", "a/b", &long] {
            assert!(host_name(wrong).is_err(), "{wrong}");
        }
    }
}
