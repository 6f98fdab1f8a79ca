//! Whether the server can listen where its settings say, or does so.

use super::{Findings, Level};
use crate::health;
use crate::serve::addresses;
use crate::settings::{Place, Plan};
use hubbub_client::{Contact, Security, ServerAddress, Trust};
use hubbub_protocol::Fingerprint;
use hubbub_server::{StartError, inspect};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener};
use std::path::Path;
use std::time::Duration;

const NAME: &str = "port";
const HEALTH: &str = "health";
/// How long whoever listens there has to say who it is.
const CONTACT_MAX: Duration = Duration::from_secs(3);

/// Where the server would listen.
pub(super) fn places(plan: &Plan) -> Vec<SocketAddr> {
    let mut places = match &plan.place {
        Place::At(listen) => listen.clone(),
        Place::For(reach, port) => {
            let ips = addresses::to_listen_on(*reach);
            ips.into_iter().map(|ip| SocketAddr::new(ip, *port)).collect()
        }
    };
    places.extend(&plan.server.listen_tls);
    places
}

pub(super) fn check(data: &Path, plan: &Plan, own: Option<Fingerprint>, findings: &mut Findings) {
    let runs = inspect::is_in_use(data).unwrap_or(false);
    for address in places(plan) {
        look_at(address, runs, own, findings);
    }
    if let Some(address) = plan.server.health {
        look_at_health(address, runs, findings);
    }
    if TcpListener::bind((Ipv6Addr::LOCALHOST, 0)).is_ok() {
        findings.add("IPv6", Level::Ok, "this computer has it");
    } else {
        findings.add("IPv6", Level::Note, "this computer has none: it is IPv4 alone");
    }
}

fn look_at(address: SocketAddr, runs: bool, own: Option<Fingerprint>, findings: &mut Findings) {
    if address.port() == 0 {
        findings.add(NAME, Level::Note, format!("{address}: each start picks another port"));
        return;
    }
    match inspect::try_to_listen(address) {
        Ok(()) if runs => {
            let text = format!("{address} is free, though a server runs on this folder");
            findings.add(NAME, Level::Note, format!("{text}: it was told to listen elsewhere"));
        }
        Ok(()) => findings.add(NAME, Level::Ok, format!("{address} is free")),
        Err(StartError::AddressTaken { .. }) if own.is_some_and(|own| is_ours(address, own)) => {
            findings.add(NAME, Level::Ok, format!("{address}: this server listens there"));
        }
        Err(StartError::AddressTaken { address, hint }) => {
            let text = format!("{address} is taken, and whoever listens there is not this server");
            findings.advise(NAME, Level::Problem, text, hint);
        }
        Err(error) => findings.add(NAME, Level::Problem, error.to_string()),
    }
}

/// The listener over HTTP, which has no key to prove who it is.
fn look_at_health(address: SocketAddr, runs: bool, findings: &mut Findings) {
    if address.port() == 0 {
        findings.add(HEALTH, Level::Note, format!("{address}: each start picks another port"));
        return;
    }
    match inspect::try_to_listen(address) {
        Ok(()) if runs => {
            let text = format!("{address} is free, though a server runs on this folder");
            findings.add(HEALTH, Level::Note, format!("{text}: it was told to tell elsewhere"));
        }
        Ok(()) => findings.add(HEALTH, Level::Ok, format!("{address} is free")),
        Err(StartError::AddressTaken { .. }) if runs && health::answers(reachable(address)) => {
            let text = format!("{address}: a server tells there how it is; this one, it seems");
            findings.add(HEALTH, Level::Note, text);
        }
        Err(StartError::AddressTaken { address, .. }) => {
            let text = format!("{address} is taken, and whoever listens there is not this server");
            let help = "end the other program, or choose another address in [health]";
            findings.advise(HEALTH, Level::Problem, text, help);
        }
        Err(error) => findings.add(HEALTH, Level::Problem, error.to_string()),
    }
}

/// How this computer reaches what listens there.
fn reachable(address: SocketAddr) -> SocketAddr {
    let ip = match address.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => IpAddr::V4(Ipv4Addr::LOCALHOST),
        IpAddr::V6(ip) if ip.is_unspecified() => IpAddr::V6(Ipv6Addr::LOCALHOST),
        ip => ip,
    };
    SocketAddr::new(ip, address.port())
}

/// Whether whoever listens there proves to have our key.
fn is_ours(address: SocketAddr, own: Fingerprint) -> bool {
    let ip = reachable(address).ip();
    let server = ServerAddress { host: ip.to_string(), port: address.port(), fingerprint: None };
    let Ok(runtime) = tokio::runtime::Builder::new_current_thread().enable_all().build() else {
        return false;
    };
    let contact = async {
        let contact = Contact::make(&server, Security::Tls(Trust::Key(own)));
        tokio::time::timeout(CONTACT_MAX, contact).await
    };
    matches!(runtime.block_on(contact), Ok(Ok(_)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_port_that_somebody_else_has_is_a_problem() {
        let somebody = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = somebody.local_addr().unwrap();
        let mut findings = Findings::default();
        look_at(address, false, None, &mut findings);
        assert_eq!(findings.0[0].level, Level::Problem, "{findings:?}");
        assert!(findings.0[0].help.as_ref().unwrap().contains("--port"));
        drop(somebody);
        let mut findings = Findings::default();
        look_at("203.0.113.1:5000".parse().unwrap(), false, None, &mut findings);
        assert_eq!(findings.0[0].level, Level::Problem, "no such address here: {findings:?}");
    }

    #[test]
    fn an_address_for_health_that_somebody_else_has_is_a_problem() {
        let somebody = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = somebody.local_addr().unwrap();
        let mut findings = Findings::default();
        look_at_health(address, false, &mut findings);
        assert_eq!(findings.0[0].level, Level::Problem, "{findings:?}");
        assert!(findings.0[0].help.as_ref().unwrap().contains("[health]"));
    }
}
