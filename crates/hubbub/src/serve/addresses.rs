//! The addresses of this computer: those to listen on, and those to share.

use crate::settings::{Reach, is_open};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener};

/// Beginnings of the names of interfaces behind which no person sits: containers and virtual machines.
const VIRTUAL: &[&str] = &[
    "docker",
    "br-",
    "veth",
    "vEthernet",
    "virbr",
    "vmnet",
    "vboxnet",
    "lxc",
    "lxd",
    "cni",
    "flannel",
    "podman",
    "cali",
    "kube",
];

/// Where a server with this reach listens: once for IPv4, and once for IPv6 where there is any.
pub(crate) fn to_listen_on(reach: Reach) -> Vec<IpAddr> {
    let (four, six) = match reach {
        Reach::Local => (Ipv4Addr::LOCALHOST, Ipv6Addr::LOCALHOST),
        Reach::Lan | Reach::Internet => (Ipv4Addr::UNSPECIFIED, Ipv6Addr::UNSPECIFIED),
    };
    let has_six = TcpListener::bind((six, 0)).is_ok();
    let six = has_six.then_some(IpAddr::V6(six));
    std::iter::once(IpAddr::V4(four)).chain(six).collect()
}

/// A port that is free on all of these for the moment.
pub(crate) fn free_port(ips: &[IpAddr]) -> std::io::Result<u16> {
    let first = ips.first().copied().unwrap_or(IpAddr::V4(Ipv4Addr::LOCALHOST));
    Ok(TcpListener::bind((first, 0))?.local_addr()?.port())
}

/// An address under which a server is reached.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Reached {
    pub(crate) address: SocketAddr,
    /// Nothing but TLS is spoken there.
    pub(crate) is_tls_only: bool,
}

/// Those under which others reach what listens here, for everything and for TLS alone: each that stands
/// for all becomes those of this computer, the most useful first. Those of this computer alone are there
/// only if there are no others, and it is empty if there is no network.
pub(crate) fn to_share(listening: &[SocketAddr], listening_tls: &[SocketAddr]) -> Vec<Reached> {
    let own = of_this_computer();
    let mut shared: Vec<Reached> = Vec::new();
    let everything = listening.iter().map(|address| (address, false));
    let tls = listening_tls.iter().map(|address| (address, true));
    let all: Vec<_> = everything.chain(tls).collect();
    let has_open = all.iter().any(|(address, _)| is_open(address));
    for (address, is_tls_only) in all {
        if has_open && !is_open(address) {
            continue;
        }
        if !address.ip().is_unspecified() {
            shared.push(Reached { address: *address, is_tls_only });
            continue;
        }
        let same_family = own.iter().filter(|own| own.ip.is_ipv4() == address.is_ipv4());
        shared.extend(same_family.map(|own| {
            let address = SocketAddr::new(own.ip, address.port());
            Reached { address, is_tls_only }
        }));
    }
    let rank = |ip: IpAddr| own.iter().position(|own| own.ip == ip).unwrap_or(0);
    shared.sort_by_key(|reached| (reached.is_tls_only, rank(reached.address.ip())));
    shared.dedup();
    shared
}

/// An address of an interface.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Own {
    interface: String,
    ip: IpAddr,
}

fn of_this_computer() -> Vec<Own> {
    use if_addrs::IfOperStatus::{Down, LowerLayerDown, NotPresent};
    // Without a list there is nothing to share, and the server runs all the same.
    let interfaces = if_addrs::get_if_addrs().unwrap_or_default();
    let up = interfaces
        .into_iter()
        .filter(|interface| !matches!(interface.oper_status, Down | LowerLayerDown | NotPresent));
    sorted(up.map(|interface| Own { ip: interface.ip(), interface: interface.name }).collect())
}

/// Without those that nobody can use; what most people can use comes first.
fn sorted(mut all: Vec<Own>) -> Vec<Own> {
    // A link-local IPv6 address means nothing without the name of the other side's interface.
    all.retain(|own| match own.ip {
        IpAddr::V4(ip) => !ip.is_loopback() && !ip.is_unspecified(),
        IpAddr::V6(ip) => !ip.is_loopback() && !ip.is_unspecified() && !ip.is_unicast_link_local(),
    });
    all.sort_by_key(|own| {
        let is_virtual = VIRTUAL.iter().any(|name| own.interface.starts_with(name));
        let kind = match own.ip {
            IpAddr::V4(ip) if ip.is_private() => 0,
            IpAddr::V4(ip) if ip.is_link_local() => 4,
            IpAddr::V4(_) => 1,
            IpAddr::V6(ip) if ip.is_unique_local() => 2,
            IpAddr::V6(_) => 3,
        };
        (is_virtual, kind)
    });
    all
}

/// Whether the whole internet could reach it, as far as the address tells.
pub(crate) fn is_public(ip: IpAddr) -> bool {
    match ip {
        IpAddr::V4(ip) => {
            // RFC 6598: behind the translation of a provider.
            let is_shared = ip.octets()[0] == 100 && (64..128).contains(&ip.octets()[1]);
            !(ip.is_private() || ip.is_link_local() || ip.is_loopback() || is_shared)
        }
        // Most IPv6 networks let nothing in, so such an address is nothing to count on.
        IpAddr::V6(_) => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_most_people_can_use_comes_first() {
        let all = [
            ("lo", "127.0.0.1"),
            ("lo", "::1"),
            ("docker0", "172.17.0.1"),
            ("eth0", "fe80::1"),
            ("eth0", "2001:db8::5"),
            ("eth0", "fd00::5"),
            ("eth1", "169.254.7.7"),
            ("tailscale0", "100.64.0.9"),
            ("eth0", "192.168.1.5"),
        ];
        let own = |(interface, ip): &(&str, &str)| Own {
            interface: (*interface).into(),
            ip: ip.parse().unwrap(),
        };
        let sorted = sorted(all.iter().map(own).collect());
        let ips: Vec<String> = sorted.iter().map(|own| own.ip.to_string()).collect();
        let wanted = ["192.168.1.5", "100.64.0.9", "fd00::5", "2001:db8::5", "169.254.7.7"];
        assert_eq!(ips[..5], wanted);
        assert_eq!(ips[5..], ["172.17.0.1"], "containers last, loopback and link-local not at all");
    }

    #[test]
    fn an_address_that_is_named_is_the_one_to_share() {
        let reached = |address: &str, is_tls_only| {
            let address = address.parse().unwrap();
            Reached { address, is_tls_only }
        };
        let listening = ["127.0.0.1:5", "192.0.2.7:5"].map(|text| text.parse().unwrap());
        let shared = to_share(&listening, &["192.0.2.7:6".parse().unwrap()]);
        let named = [reached("192.0.2.7:5", false), reached("192.0.2.7:6", true)];
        assert_eq!(shared, named, "others can't use loopback");

        let local = to_share(&listening[..1], &["192.0.2.7:6".parse().unwrap()]);
        assert_eq!(local, [reached("192.0.2.7:6", true)], "not even where the other is for TLS");
        let local = to_share(&listening[..1], &["127.0.0.1:6".parse().unwrap()]);
        assert_eq!(local, [reached("127.0.0.1:5", false), reached("127.0.0.1:6", true)]);
        for every in ["0.0.0.0:6", "[::]:6"] {
            let shared = to_share(&listening[..1], &[every.parse().unwrap()]);
            assert!(
                shared.iter().all(|one| one.is_tls_only && is_open(&one.address)),
                "{shared:?}"
            );
        }
    }

    #[test]
    fn each_reach_has_its_addresses() {
        assert!(to_listen_on(Reach::Local).iter().all(IpAddr::is_loopback));
        for reach in [Reach::Lan, Reach::Internet] {
            assert!(to_listen_on(reach).iter().all(IpAddr::is_unspecified));
        }
        assert_eq!(to_listen_on(Reach::Local)[0], IpAddr::V4(Ipv4Addr::LOCALHOST));
    }

    #[test]
    fn only_addresses_that_no_router_hides_are_public() {
        for (ip, public) in [
            ("203.0.113.9", true),
            ("192.168.1.5", false),
            ("100.64.0.1", false),
            ("fd00::1", false),
        ] {
            assert_eq!(is_public(ip.parse().unwrap()), public, "{ip}");
        }
    }
}
