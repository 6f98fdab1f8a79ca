//! Whether a firewall on this computer lets others in. Never changes anything; what can't be known
//! without root is a note, and a router's firewall can't be seen at all.

use super::network::places;
use super::{Findings, Level, ask};
use crate::settings::{Plan, is_open};
use std::collections::BTreeSet;

const NAME: &str = "firewall";

pub(super) fn check(plan: &Plan, findings: &mut Findings) {
    let places = places(plan);
    let ports: BTreeSet<u16> =
        places.iter().filter(|at| is_open(at) && at.port() != 0).map(|at| at.port()).collect();
    if ports.is_empty() {
        let text = "not in the way: only this computer is to reach the server";
        findings.add(NAME, Level::Ok, text);
        return;
    }
    for port in ports {
        look_for(port, findings);
    }
}

#[cfg(not(target_os = "linux"))]
fn look_for(port: u16, findings: &mut Findings) {
    let text = format!("see that the system's firewall lets TCP port {port} in");
    findings.add(NAME, Level::Note, text);
}

#[cfg(target_os = "linux")]
fn look_for(port: u16, findings: &mut Findings) {
    let is_root = rustix::process::geteuid().is_root();
    if ask("firewall-cmd", &["--state"]).as_deref() == Some("running") {
        return firewalld(port, findings);
    }
    let has_ufw = std::fs::read_to_string("/etc/ufw/ufw.conf").is_ok_and(|text| ufw_is_on(&text));
    if has_ufw {
        return ufw(port, is_root, findings);
    }
    if !is_root {
        let text = format!("whether one keeps TCP port {port} out can't be known without root");
        let help = "if others can't connect: sudo nft list ruleset";
        return findings.advise(NAME, Level::Note, text, help);
    }
    let rules = ask("nft", &["list", "ruleset"]).filter(|rules| !rules.is_empty());
    let rules = rules.or_else(|| ask("iptables", &["-S", "INPUT"]));
    match rules.map(|rules| judge(&rules, port)) {
        None => {
            let text = format!("neither nft nor iptables says whether TCP port {port} is let in");
            findings.add(NAME, Level::Note, text);
        }
        Some(Verdict::Open) => {
            findings.add(NAME, Level::Ok, format!("nothing seems to keep TCP port {port} out"));
        }
        Some(Verdict::Named) => {
            findings.add(NAME, Level::Ok, format!("its rules name TCP port {port}"));
        }
        Some(Verdict::Closed) => {
            let text = format!("it drops what no rule lets in, and none names TCP port {port}");
            let help = format!(
                "let it in, such as: nft add rule inet filter input tcp dport {port} accept"
            );
            findings.advise(NAME, Level::Warning, text, help);
        }
    }
}

#[cfg(target_os = "linux")]
fn firewalld(port: u16, findings: &mut Findings) {
    let query = format!("--query-port={port}/tcp");
    // It ends with an error where the answer is no, and where we may not ask.
    if ask("firewall-cmd", &[&query]).as_deref() == Some("yes") {
        return findings.add(NAME, Level::Ok, format!("firewalld lets TCP port {port} in"));
    }
    let text = format!("firewalld runs, and doesn't say that it lets TCP port {port} in");
    let help = format!(
        "sudo firewall-cmd --permanent --add-port={port}/tcp && sudo firewall-cmd --reload"
    );
    findings.advise(NAME, Level::Warning, text, help);
}

#[cfg(target_os = "linux")]
fn ufw(port: u16, is_root: bool, findings: &mut Findings) {
    let help = format!("sudo ufw status; sudo ufw allow {port}/tcp");
    match ask("ufw", &["status"]).filter(|_| is_root) {
        Some(status) if ufw_allows(&status, port) => {
            findings.add(NAME, Level::Ok, format!("ufw lets TCP port {port} in"));
        }
        Some(_) => {
            let text = format!("ufw is on, and no rule of it lets TCP port {port} in");
            findings.advise(NAME, Level::Warning, text, help);
        }
        None => {
            let text = format!(
                "ufw is on; whether it lets TCP port {port} in can't be known without root"
            );
            findings.advise(NAME, Level::Note, text, help);
        }
    }
}

#[cfg(any(target_os = "linux", test))]
fn ufw_is_on(settings: &str) -> bool {
    settings.lines().any(|line| line.trim().eq_ignore_ascii_case("ENABLED=yes"))
}

/// Whether a line such as `5000/tcp  ALLOW  Anywhere` is there.
#[cfg(any(target_os = "linux", test))]
fn ufw_allows(status: &str, port: u16) -> bool {
    status.lines().any(|line| {
        let to = line.split_whitespace().next().unwrap_or_default();
        let (ports, kind) = to.split_once('/').unwrap_or((to, "tcp"));
        let named = ports.split(',').any(|part| match part.split_once(':') {
            Some((first, last)) => {
                let range = first.parse::<u16>().ok().zip(last.parse::<u16>().ok());
                range.is_some_and(|(first, last)| (first..=last).contains(&port))
            }
            None => part.parse() == Ok(port),
        });
        named && kind == "tcp" && (line.contains("ALLOW") || line.contains("LIMIT"))
    })
}

#[cfg(any(target_os = "linux", test))]
#[derive(Debug, PartialEq, Eq)]
enum Verdict {
    /// Nothing is thrown away.
    Open,
    /// Something is, but the port is named.
    Named,
    /// Something is, and the port is not named.
    Closed,
}

/// What rules seem to mean, of nft or iptables. Only an impression: rules are programs.
#[cfg(any(target_os = "linux", test))]
fn judge(rules: &str, port: u16) -> Verdict {
    let closes = |line: &str| {
        let line = line.trim();
        line.contains("policy drop")
            || line.starts_with("-P INPUT DROP")
            || line.starts_with("-P INPUT REJECT")
            // A last rule for everything.
            || line == "drop"
            || line.starts_with("reject")
            || line.starts_with("counter") && (line.ends_with("drop") || line.contains("reject"))
            || line.starts_with("-A INPUT -j DROP")
            || line.starts_with("-A INPUT -j REJECT")
    };
    // What is passed on, or sent by this computer, is another matter.
    let mut is_input = true;
    let mut closed = false;
    for line in rules.lines() {
        if line.contains("hook ") {
            is_input = line.contains("hook input");
        } else if line.trim_start().starts_with("chain ") {
            is_input = true;
        }
        closed |= is_input && closes(line);
    }
    let port = port.to_string();
    let names = |line: &str| {
        let mut words = line.split(|c: char| !c.is_ascii_digit());
        line.contains("dport") && words.any(|word| word == port)
    };
    match (closed, rules.lines().any(names)) {
        (false, _) => Verdict::Open,
        (true, true) => Verdict::Named,
        (true, false) => Verdict::Closed,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rules_that_drop_the_rest_must_name_the_port() {
        let nft = "table inet filter {\n\tchain input {\n\t\ttype filter hook input priority filter; policy drop;\n\t\ttcp dport { 22, 5000 } accept\n\t}\n\tchain forward {\n\t\ttype filter hook forward priority filter; policy drop;\n\t}\n}";
        assert_eq!(judge(nft, 5000), Verdict::Named);
        assert_eq!(judge(nft, 500), Verdict::Closed);
        let forward =
            "chain forward {\n\ttype filter hook forward priority filter; policy drop;\n}";
        assert_eq!(judge(forward, 5000), Verdict::Open);
        assert_eq!(judge("-P INPUT ACCEPT\n", 5000), Verdict::Open);
        assert_eq!(
            judge("-P INPUT DROP\n-A INPUT -p tcp --dport 22 -j ACCEPT", 5000),
            Verdict::Closed
        );
        assert_eq!(
            judge("-P INPUT DROP\n-A INPUT -p tcp --dport 5000 -j ACCEPT", 5000),
            Verdict::Named
        );
        assert_eq!(judge("", 5000), Verdict::Open);
    }

    #[test]
    fn ufw_is_read_as_it_prints() {
        assert!(ufw_is_on("# x\nENABLED=yes\n"));
        assert!(!ufw_is_on("ENABLED=no\n"));
        let status = "Status: active\n\nTo      Action  From\n--      ------  ----\n22/tcp  ALLOW   Anywhere\n6000:6010/tcp ALLOW Anywhere\n80,443/tcp ALLOW Anywhere\n5000/udp ALLOW Anywhere\n7000 DENY Anywhere";
        for (port, allowed) in
            [(22, true), (6005, true), (443, true), (5000, false), (7000, false), (2, false)]
        {
            assert_eq!(ufw_allows(status, port), allowed, "{port}");
        }
    }
}
