//! `hubbub health`: how a server is, for containers and scripts, without curl.

use crate::cli::HealthOptions;
use crate::end::{self, End};
use crate::folder;
use crate::operator::{json_line, wrong_answer};
use crate::printer::escape_invisible;
use hubbub_server::admin::{self, AdminAnswer, AdminError, AdminRequest};
use serde::Serialize;
use std::error::Error;
use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpStream, ToSocketAddrs};
use std::path::Path;
use std::process::ExitCode;
use std::time::{Duration, Instant};

/// How long the server has for its answer.
const WAIT: Duration = Duration::from_secs(8);
/// Where over HTTP it is told whether a server is ready.
const READY: &str = "/healthz/ready";
/// Most bytes of an answer over HTTP that are read.
const ANSWER_BYTES: u64 = 64 * 1024;

/// What is shown. `live` is `None` where nobody has answered, or only about being ready.
#[derive(Debug, Serialize)]
struct Shown {
    live: Option<bool>,
    ready: bool,
    reasons: Vec<String>,
}

impl Shown {
    fn unwell(reason: String) -> Self {
        Self { live: None, ready: false, reasons: vec![reason] }
    }
}

pub(crate) fn run(options: &HealthOptions) -> Result<ExitCode, Box<dyn Error>> {
    let mut is_ready = false;
    let shown = show(options, &mut is_ready);
    match end::code(shown)? {
        ExitCode::SUCCESS if !is_ready => Ok(ExitCode::FAILURE),
        code => Ok(code),
    }
}

fn show(options: &HealthOptions, is_ready: &mut bool) -> Result<(), End> {
    let shown = match &options.url {
        Some(url) => over_http(&Url::parse(url).map_err(|problem| End::Usage(problem.into()))?),
        None => over_the_door(&folder::of(options.data.as_deref())?)?,
    };
    *is_ready = shown.ready;
    let mut out = io::stdout().lock();
    if options.json {
        json_line(&mut out, &shown)?;
    } else if shown.ready {
        writeln!(out, "ready")?;
    } else {
        // To stdout: that is what `docker inspect` keeps of a check.
        for reason in &shown.reasons {
            writeln!(out, "not ready: {}", escape_invisible(reason))?;
        }
    }
    Ok(())
}

fn over_the_door(folder: &Path) -> Result<Shown, End> {
    Ok(match admin::ask(folder, &AdminRequest::Health) {
        Ok(AdminAnswer::Health(report)) => {
            Shown { live: Some(report.live), ready: report.ready, reasons: report.reasons }
        }
        Ok(_) => return Err(wrong_answer()),
        Err(AdminError::Folder(error)) => return Err(End::Usage(error.into())),
        Err(error) => Shown::unwell(error.to_string()),
    })
}

/// `http://HOST:PORT`, with or without the path of being ready.
#[derive(Debug, PartialEq, Eq)]
struct Url {
    /// With the port.
    host: String,
}

impl Url {
    fn parse(text: &str) -> Result<Self, String> {
        let wrong = || format!("{text:?} is no address like http://127.0.0.1:9464{READY}");
        let rest = text.strip_prefix("http://").ok_or_else(wrong)?;
        let (host, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
        let port = host.rsplit_once(':').and_then(|(_, port)| port.parse::<u16>().ok());
        // What follows goes into a request as it is.
        let is_plain = text.bytes().all(|byte| byte.is_ascii_graphic());
        // Of anything else, such as /healthz/live, 200 would not mean that it is ready.
        let is_about_ready = ["", "/", READY].contains(&path);
        if port.is_none() || !is_plain || !is_about_ready || host.contains('@') {
            return Err(wrong());
        }
        Ok(Self { host: host.to_owned() })
    }
}

fn over_http(url: &Url) -> Shown {
    match get(url, READY) {
        Ok((200, _)) => Shown { live: Some(true), ready: true, reasons: Vec::new() },
        Ok((503, text)) => {
            let reasons = text.lines().map(str::to_owned).collect();
            Shown { live: None, ready: false, reasons }
        }
        Ok((status, _)) => Shown::unwell(format!("http://{}{READY} answers {status}", url.host)),
        Err(error) => Shown::unwell(format!("http://{} gives no answer: {error}", url.host)),
    }
}

/// Whether a server tells there how it is. Which one can't be known.
pub(crate) fn answers(address: SocketAddr) -> bool {
    let url = Url { host: address.to_string() };
    get(&url, "/metrics").is_ok_and(|(status, text)| status == 200 && text.contains("hubbub_"))
}

/// The status and the text. HTTP/1.0, so that the text comes in one piece and ends with the connection.
fn get(url: &Url, path: &str) -> io::Result<(u16, String)> {
    let by = Instant::now() + WAIT;
    let mut last = io::Error::new(io::ErrorKind::NotFound, "no such host");
    for address in url.host.to_socket_addrs()? {
        let mut stream = match TcpStream::connect_timeout(&address, WAIT) {
            Ok(stream) => stream,
            Err(error) => {
                last = error;
                continue;
            }
        };
        stream.set_write_timeout(Some(WAIT))?;
        let request = format!("GET {path} HTTP/1.0\r\nHost: {}\r\n\r\n", url.host);
        stream.write_all(request.as_bytes())?;
        return read(stream, by);
    }
    Err(last)
}

fn read(mut stream: TcpStream, by: Instant) -> io::Result<(u16, String)> {
    let (mut answer, mut part) = (Vec::new(), [0; 4096]);
    while (answer.len() as u64) < ANSWER_BYTES {
        let left = by.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return Err(io::ErrorKind::TimedOut.into());
        }
        stream.set_read_timeout(Some(left))?;
        match stream.read(&mut part)? {
            0 => break,
            bytes => answer.extend_from_slice(&part[..bytes]),
        }
    }
    let answer = String::from_utf8_lossy(&answer);
    let (head, text) = answer.split_once("\r\n\r\n").unwrap_or((&answer, ""));
    let status = head
        .strip_prefix("HTTP/1.")
        .and_then(|head| head.split(' ').nth(1)?.get(..3)?.parse().ok())
        .ok_or_else(|| io::Error::new(io::ErrorKind::InvalidData, "that is no HTTP"))?;
    Ok((status, text.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_names_host_and_port_and_asks_for_nothing_but_being_ready() {
        for (text, host) in [
            ("http://127.0.0.1:9464", "127.0.0.1:9464"),
            ("http://localhost:9464/", "localhost:9464"),
            ("http://[::1]:1/healthz/ready", "[::1]:1"),
        ] {
            assert_eq!(Url::parse(text), Ok(Url { host: host.into() }));
        }
        for wrong in [
            "127.0.0.1:9464",
            "https://a:1",
            "http://a",
            "http://a:x",
            "http://a:1/ x",
            "http://a:1/\r\nHost: b",
            "http://u@a:1",
            "http://a:1/healthz/live",
            "http://a:1/healthz/ready?verbose",
            "http://a:1/metrics",
            "http://a:1?x",
        ] {
            assert!(Url::parse(wrong).is_err(), "{wrong}");
        }
    }
}
