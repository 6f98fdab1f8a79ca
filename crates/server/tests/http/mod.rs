//! Asks over HTTP, byte by byte, and reads what Prometheus would read.
#![allow(dead_code, reason = "each test file uses a part of it")]

use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

const LIMIT: Duration = Duration::from_secs(20);

/// An answer.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) head: String,
    pub(crate) text: String,
}

/// Says these bytes and reads until the end. What comes before a reset counts as well.
pub(crate) fn raw(address: SocketAddr, request: &[u8]) -> String {
    let mut stream = TcpStream::connect(address).expect("it listens");
    stream.set_read_timeout(Some(LIMIT)).expect("a socket has a time-out");
    // Whoever is refused early is not read to the end.
    let _ = stream.write_all(request);
    let (mut answer, mut part) = (Vec::new(), [0; 4096]);
    while let Ok(bytes) = stream.read(&mut part)
        && bytes > 0
    {
        answer.extend_from_slice(&part[..bytes]);
    }
    String::from_utf8(answer).expect("UTF-8")
}

pub(crate) fn ask(address: SocketAddr, request: &str) -> Answer {
    parse(&raw(address, request.as_bytes()))
}

pub(crate) fn get(address: SocketAddr, path: &str) -> Answer {
    ask(address, &format!("GET {path} HTTP/1.1\r\nHost: {address}\r\n\r\n"))
}

fn parse(answer: &str) -> Answer {
    let (head, text) = answer.split_once("\r\n\r\n").unwrap_or_else(|| panic!("{answer:?}"));
    let status = head.strip_prefix("HTTP/1.1 ").or(head.strip_prefix("HTTP/1.0 "));
    let status = status.and_then(|head| head[..3].parse().ok()).unwrap_or_else(|| panic!("{head}"));
    Answer { status, head: head.to_ascii_lowercase(), text: text.to_owned() }
}

/// All samples of an OpenMetrics text, by name and labels, having checked its form.
pub(crate) fn samples(text: &str) -> BTreeMap<String, f64> {
    let body = text.strip_suffix("# EOF\n").expect("it ends with # EOF");
    let mut families: Vec<(&str, &str)> = Vec::new();
    let mut samples = BTreeMap::new();
    for line in body.lines() {
        if let Some(rest) = line.strip_prefix("# ") {
            let mut words = rest.splitn(3, ' ');
            let (keyword, family, about) = (words.next(), words.next(), words.next());
            assert!(about.is_some_and(|about| !about.is_empty()), "{line}");
            match keyword {
                Some("TYPE") => {
                    let kinds = ["counter", "gauge", "histogram", "info"];
                    assert!(kinds.contains(&about.unwrap()), "{line}");
                    let family = family.unwrap();
                    assert!(!families.iter().any(|(name, _)| *name == family), "twice: {line}");
                    families.push((family, about.unwrap()));
                }
                Some("HELP" | "UNIT") => {}
                _ => panic!("{line}"),
            }
            continue;
        }
        let (name, value) = line.rsplit_once(' ').unwrap_or_else(|| panic!("{line}"));
        let of = name.split('{').next().unwrap();
        let (family, kind) = families.last().unwrap_or_else(|| panic!("no type: {line}"));
        let suffixes: &[&str] = match *kind {
            "counter" => &["_total"],
            "gauge" => &[""],
            "info" => &["_info"],
            _ => &["_bucket", "_sum", "_count"],
        };
        assert!(
            suffixes.iter().any(|suffix| of == format!("{family}{suffix}")),
            "{line}: {family}"
        );
        assert!(of.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_'), "{line}");
        let value: f64 = value.parse().unwrap_or_else(|_| panic!("{line}"));
        assert!(samples.insert(name.to_owned(), value).is_none(), "twice: {line}");
    }
    for (family, _) in families.iter().filter(|(_, kind)| *kind == "histogram") {
        check_histogram(body, &samples, family);
    }
    samples
}

fn check_histogram(body: &str, samples: &BTreeMap<String, f64>, family: &str) {
    let beginning = format!("{family}_bucket{{le=\"");
    let mut before = (-1.0, 0.0);
    for line in body.lines().filter_map(|line| line.strip_prefix(&beginning)) {
        let (end, count) = line.split_once("\"} ").unwrap();
        let end = if end == "+Inf" { f64::INFINITY } else { end.parse().unwrap() };
        let count: f64 = count.parse().unwrap();
        assert!(end > before.0 && count >= before.1, "{family}: {line}");
        before = (end, count);
    }
    assert_eq!(before, (f64::INFINITY, samples[&format!("{family}_count")]), "{family}");
}
