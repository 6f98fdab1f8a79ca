//! What the listener answers to which request.

use super::{Health, Looked};
use crate::metrics::EXPOSITION_TYPE;
use http_body_util::Full;
use hyper::body::{Bytes, Incoming};
use hyper::header::{ALLOW, CACHE_CONTROL, CONTENT_TYPE, HOST, HeaderValue};
use hyper::{Method, Request, Response, StatusCode};
use std::net::{IpAddr, Ipv6Addr};

const TEXT: &str = "text/plain; charset=utf-8";

/// The answer. The body of a request is not read.
pub(super) async fn answer(
    request: &Request<Incoming>,
    health: &Health,
    is_loopback: bool,
) -> Response<Full<Bytes>> {
    if is_loopback && !names_this_computer(request) {
        // A page in a browser on this computer can give its own name the address 127.0.0.1 and read what
        // is served here as if it were its own (DNS rebinding). Its requests have that name in them.
        let text = "Ask by address (127.0.0.1, [::1]) or as localhost.\n";
        return said(StatusCode::MISDIRECTED_REQUEST, text.into());
    }
    let is_read = matches!(*request.method(), Method::GET | Method::HEAD);
    let is_verbose = request.uri().query().is_some_and(asks_for_all);
    match request.uri().path() {
        "/healthz/live" | "/healthz/ready" | "/metrics" if !is_read => {
            let mut response = said(StatusCode::METHOD_NOT_ALLOWED, "Only GET and HEAD.\n".into());
            response.headers_mut().insert(ALLOW, HeaderValue::from_static("GET, HEAD"));
            response
        }
        "/healthz/live" => {
            let looked = health.look().await;
            let checks = &looked.of_life;
            said(status(looked.is_live()), told(looked.is_live(), checks.iter(), is_verbose))
        }
        "/healthz/ready" => {
            let looked: Looked = health.look().await;
            let checks = looked.of_life.iter().chain(&looked.of_readiness);
            said(status(looked.is_ready()), told(looked.is_ready(), checks, is_verbose))
        }
        "/metrics" => {
            let mut response = said(StatusCode::OK, health.metrics.exposition());
            response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(EXPOSITION_TYPE));
            response
        }
        _ => {
            let text =
                "There are /healthz/live, /healthz/ready (each with ?verbose) and /metrics.\n";
            said(StatusCode::NOT_FOUND, text.into())
        }
    }
}

fn asks_for_all(query: &str) -> bool {
    query.split('&').any(|part| part == "verbose" || part.starts_with("verbose="))
}

fn status(is_well: bool) -> StatusCode {
    if is_well { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE }
}

/// A line for each thing that is wrong; all that was looked at if that is asked for.
fn told<'a>(
    is_well: bool,
    checks: impl Iterator<Item = &'a (&'static str, Option<String>)>,
    is_verbose: bool,
) -> String {
    let mut text = String::new();
    let mut seen: Vec<&str> = Vec::new();
    for (name, wrong) in checks {
        match wrong {
            _ if is_verbose => {
                let word = wrong.as_deref().unwrap_or("ok");
                text += &format!("{name}: {word}\n");
            }
            Some(wrong) if !seen.contains(&wrong.as_str()) => {
                seen.push(wrong);
                text += &format!("{wrong}\n");
            }
            _ => {}
        }
    }
    if is_well {
        text.push_str("ok\n");
    }
    text
}

fn said(status: StatusCode, text: String) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(Bytes::from(text)));
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(TEXT));
    response.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

/// Whether each host that the request is for is an address or `localhost`. One of HTTP/1.0 may name none:
/// no browser sends such.
fn names_this_computer(request: &Request<Incoming>) -> bool {
    let mut hosts = request.headers().get_all(HOST).iter().peekable();
    let is_old = request.version() < hyper::Version::HTTP_11;
    let in_target = request.uri().authority().map(|authority| authority.as_str());
    (hosts.peek().is_some() || is_old)
        && hosts.all(|host| host.to_str().is_ok_and(is_address))
        && in_target.is_none_or(is_address)
}

/// Whether a host, with or without a port, is an address or `localhost`.
fn is_address(host: &str) -> bool {
    let (name, port) = match host.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
        Some((address, port)) if address.parse::<Ipv6Addr>().is_ok() => ("localhost", port),
        Some(_) => return false,
        None => host.split_at(host.find(':').unwrap_or(host.len())),
    };
    let is_port = |port: &str| !port.is_empty() && port.bytes().all(|byte| byte.is_ascii_digit());
    (port.is_empty() || port.strip_prefix(':').is_some_and(is_port))
        && (name.eq_ignore_ascii_case("localhost") || name.parse::<IpAddr>().is_ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_addresses_and_localhost_are_this_computer() {
        for host in ["127.0.0.1", "127.0.0.1:9464", "localhost", "LOCALHOST:1", "[::1]", "[::1]:9"]
        {
            assert!(is_address(host), "{host}");
        }
        for host in [
            "",
            ":80",
            "evil.example",
            "evil.example:9464",
            "127.0.0.1.evil.example",
            "localhost.",
            "127.0.0.1:",
            "127.0.0.1:80x",
            "[::1",
            "[evil]",
            "[::1]x",
            "::1",
            "user@127.0.0.1",
            "localhost:1:2",
        ] {
            assert!(!is_address(host), "{host}");
        }
    }
}
