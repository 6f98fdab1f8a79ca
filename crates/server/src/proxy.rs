//! The header of the PROXY protocol, version 2, with which a load balancer or reverse proxy says for
//! whom it connects (HAProxy's `proxy-protocol.txt`, section 2.2).
//!
//! From whom it is taken is the operator's choice and the lane's business. Version 1 (a line of text)
//! is not taken: any HTTP client could be made to write one.

use hubbub_protocol::MonoMs;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

/// How every header begins (section 2.2).
pub const SIGNATURE: [u8; 12] = *b"\r\n\r\n\0\r\nQUIT\n";
/// The longest header that is taken, in bytes. The spec asks for 536 at least; a proxy's notes about a
/// client's certificate are longer.
pub const HEADER_BYTES_MAX: usize = 4096;

/// Signature, version and command, family, length.
const FIXED_BYTES: usize = 16;
/// The family and protocol bytes that name somebody (section 2.2): TCP over IPv4, and over IPv6.
const TCP4: u8 = 0x11;
const TCP6: u8 = 0x21;
/// Their addresses: two of each, and two ports.
const TCP4_BYTES: usize = 12;
const TCP6_BYTES: usize = 36;
/// `PP2_TYPE_SSL`, whose first byte has this bit if the client came by TLS (section 2.2.5).
const TYPE_SSL: u8 = 0x20;
const CLIENT_SSL: u8 = 0x01;

/// What the bytes that have come so far are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Parsed {
    /// The beginning of a header, perhaps.
    Unfinished,
    /// No header that is taken here, whatever comes.
    Bad,
    /// A header.
    Header {
        /// Its length in bytes; what follows is the client's.
        bytes: usize,
        /// Who the client is. `None`: the proxy speaks for itself (a health check).
        client: Option<Client>,
    },
}

/// For whom a proxy connects.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Client {
    /// Its address.
    pub peer: SocketAddr,
    /// Whether it came to the proxy by TLS.
    pub by_tls: bool,
}

/// Looks at the first bytes of a connection. A verdict other than `Unfinished` never changes with more
/// bytes.
#[must_use]
pub fn parse(bytes: &[u8]) -> Parsed {
    let begun = bytes.len().min(SIGNATURE.len());
    if bytes[..begun] != SIGNATURE[..begun] {
        return Parsed::Bad;
    }
    // "The highest four bits contains the version … it must always be sent as \x2". The lowest: LOCAL
    // is 0, PROXY is 1; "receivers must drop connections presenting unexpected values".
    let is_local = match bytes.get(12) {
        None => return Parsed::Unfinished,
        Some(0x20) => true,
        Some(0x21) => false,
        Some(_) => return Parsed::Bad,
    };
    // Whoever is spoken for must have an address: the limits count by it. "The receiver is free to
    // reject" the other families.
    let address_bytes = match (is_local, bytes.get(13)) {
        (_, None) => return Parsed::Unfinished,
        // "The receiver must … discard the protocol block including the family".
        (true, Some(_)) => 0,
        (false, Some(&TCP4)) => TCP4_BYTES,
        (false, Some(&TCP6)) => TCP6_BYTES,
        (false, Some(_)) => return Parsed::Bad,
    };
    let Some(&[high, low]) = bytes.get(14..FIXED_BYTES) else { return Parsed::Unfinished };
    let length = usize::from(u16::from_be_bytes([high, low]));
    let whole = FIXED_BYTES + length;
    if length < address_bytes || whole > HEADER_BYTES_MAX {
        return Parsed::Bad;
    }
    let Some(block) = bytes.get(FIXED_BYTES..whole) else { return Parsed::Unfinished };
    let client = (!is_local).then(|| client(block, address_bytes));
    match client {
        None => Parsed::Header { bytes: whole, client: None },
        Some(Some(client)) => Parsed::Header { bytes: whole, client: Some(client) },
        Some(None) => Parsed::Bad,
    }
}

/// Source address, destination address, source port, destination port; then notes. `None`: the
/// notes are no list of notes.
fn client(block: &[u8], address_bytes: usize) -> Option<Client> {
    let (addresses, notes) = block.split_at(address_bytes);
    let (address, ports): (IpAddr, &[u8]) = match addresses.len() {
        TCP4_BYTES => {
            let (source, _) = addresses.split_first_chunk::<4>()?;
            (Ipv4Addr::from(*source).into(), &addresses[8..])
        }
        _ => {
            let (source, _) = addresses.split_first_chunk::<16>()?;
            (Ipv6Addr::from(*source).into(), &addresses[32..])
        }
    };
    let (port, _) = ports.split_first_chunk::<2>()?;
    let peer = SocketAddr::new(address, u16::from_be_bytes(*port));
    Some(Client { peer, by_tls: came_by_tls(notes)? })
}

/// Looks through the notes: type, length (two bytes), value (section 2.2, "Type-Length-Value").
fn came_by_tls(mut notes: &[u8]) -> Option<bool> {
    let mut by_tls = false;
    while let Some((&kind, rest)) = notes.split_first() {
        let (length, rest) = rest.split_first_chunk::<2>()?;
        let (value, rest) = rest.split_at_checked(usize::from(u16::from_be_bytes(*length)))?;
        if kind == TYPE_SSL {
            by_tls |= value.first()? & CLIENT_SSL != 0;
        }
        notes = rest;
    }
    Some(by_tls)
}

/// Speaks of connections without a header, but not of each: a proxy that is set up wrongly makes one
/// for every client.
#[derive(Debug, Default)]
pub(crate) struct Complaints {
    again_at: MonoMs,
    unsaid: u64,
}

/// Between two complaints, in milliseconds.
const COMPLAINT_MS: u64 = 10_000;

impl Complaints {
    pub(crate) fn no_header(&mut self, now: MonoMs, proxy: SocketAddr) {
        if now < self.again_at {
            self.unsaid += 1;
            return;
        }
        tracing::info!(
            %proxy,
            before = self.unsaid,
            "closed a connection of a proxy that sent no PROXY protocol header (version 2)"
        );
        self.again_at = now.plus(COMPLAINT_MS);
        self.unsaid = 0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn header(command: u8, family: u8, block: &[u8]) -> Vec<u8> {
        let length = u16::try_from(block.len()).unwrap().to_be_bytes();
        [&SIGNATURE[..], &[command, family], &length, block].concat()
    }

    const FOUR: [u8; 12] = [192, 0, 2, 7, 198, 51, 100, 1, 0x30, 0x39, 0x13, 0x88];

    fn client_of(bytes: &[u8]) -> Option<Client> {
        match parse(bytes) {
            Parsed::Header { client, .. } => client,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn the_client_of_each_family_is_found() {
        let four = client_of(&header(0x21, TCP4, &FOUR)).unwrap();
        assert_eq!(four, Client { peer: "192.0.2.7:12345".parse().unwrap(), by_tls: false });
        let source: Ipv6Addr = "2001:db8::7".parse().unwrap();
        let six = [&source.octets()[..], &[0; 16], &[0x30, 0x39, 0, 1]].concat();
        let six = client_of(&header(0x21, TCP6, &six)).unwrap();
        assert_eq!(six.peer, "[2001:db8::7]:12345".parse().unwrap());
    }

    #[test]
    fn a_health_check_is_the_proxy_itself_whatever_else_it_says() {
        for block in [&[][..], &FOUR, &[0xff; 300]] {
            for family in [0, TCP4, 0xff] {
                let bytes = header(0x20, family, block);
                let parsed = Parsed::Header { bytes: bytes.len(), client: None };
                assert_eq!(parse(&bytes), parsed);
            }
        }
    }

    #[test]
    fn notes_are_passed_over_and_the_one_about_tls_is_read() {
        let note = |kind: u8, value: &[u8]| {
            let length = u16::try_from(value.len()).unwrap().to_be_bytes();
            [&[kind][..], &length, value].concat()
        };
        let with = |notes: &[Vec<u8>]| header(0x21, TCP4, &[&FOUR[..], &notes.concat()].concat());
        let (host, unique) = (note(0x02, b"chat.example"), note(0x05, &[7; 128]));
        let tls = note(TYPE_SSL, &[CLIENT_SSL, 0, 0, 0, 0]);
        let clear = note(TYPE_SSL, &[0, 0, 0, 0, 1]);
        assert!(!client_of(&with(&[host.clone(), unique.clone()])).unwrap().by_tls);
        assert!(!client_of(&with(&[host.clone(), clear])).unwrap().by_tls);
        assert!(client_of(&with(&[host.clone(), tls, unique])).unwrap().by_tls);
        let cut = [&FOUR[..], &host[..host.len() - 1]].concat();
        assert_eq!(parse(&header(0x21, TCP4, &cut)), Parsed::Bad);
        assert_eq!(parse(&with(&[note(TYPE_SSL, b"")])), Parsed::Bad);
    }

    #[test]
    fn what_names_nobody_or_is_no_header_is_bad_at_the_first_byte_that_shows_it() {
        for (bytes, what) in [
            (b"PROXY TCP4 1.2.3.4 5.6.7.8 1 2\r\n".to_vec(), "version 1"),
            (b"\x16\x03".to_vec(), "TLS"),
            (header(0x21, TCP4, &FOUR[..11]), "a short block"),
            (header(0x11, TCP4, &FOUR)[..13].to_vec(), "another version"),
            (header(0x22, TCP4, &FOUR)[..13].to_vec(), "another command"),
            (header(0x21, 0x00, &FOUR)[..14].to_vec(), "nobody"),
            (header(0x21, 0x12, &FOUR)[..14].to_vec(), "UDP"),
            (header(0x21, 0x31, &[0; 216])[..14].to_vec(), "a path"),
            (header(0x20, 0, &vec![0; HEADER_BYTES_MAX - 15])[..16].to_vec(), "too long"),
        ] {
            assert_eq!(parse(&bytes), Parsed::Bad, "{what}");
        }
        let longest = header(0x20, 0, &vec![0; HEADER_BYTES_MAX - 16]);
        assert_eq!(parse(&longest), Parsed::Header { bytes: HEADER_BYTES_MAX, client: None });
    }

    proptest! {
        #[test]
        fn a_verdict_never_changes_with_more_bytes(
            rest in any::<Vec<u8>>(), cut in 0usize..100, begin in 0usize..=16
        ) {
            let bytes = [&header(0x21, TCP4, &FOUR)[..begin], &rest].concat();
            let early = parse(&bytes[..cut.min(bytes.len())]);
            if early != Parsed::Unfinished {
                prop_assert_eq!(parse(&bytes), early);
            }
        }

        #[test]
        fn a_header_is_known_at_its_last_byte_and_not_before(rest in any::<Vec<u8>>()) {
            let header = header(0x21, TCP4, &FOUR);
            for end in 0..header.len() {
                prop_assert_eq!(parse(&header[..end]), Parsed::Unfinished);
            }
            let known = parse(&header);
            prop_assert_eq!(parse(&[&header[..], &rest].concat()), known);
        }
    }
}
