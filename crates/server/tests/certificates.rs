//! A server's own certificates over starts and stops. Handshakes are tested beside the code.

use hubbub_server::{OwnCertificate, Server, ServerConfig, StartError};
use std::path::Path;

fn config(data: &Path) -> ServerConfig {
    ServerConfig::new(vec!["127.0.0.1:0".parse().expect("an address")], data.to_owned())
}

#[test]
fn a_server_keeps_its_fingerprint_over_a_restart() {
    let folder = tempfile::tempdir().unwrap();
    let first = Server::start(config(folder.path())).unwrap().fingerprint();
    assert_eq!(Server::start(config(folder.path())).unwrap().fingerprint(), first);
    let other = tempfile::tempdir().unwrap();
    assert_ne!(Server::start(config(other.path())).unwrap().fingerprint(), first);
}

#[test]
fn a_server_without_its_authority_does_not_start_as_another() {
    let folder = tempfile::tempdir().unwrap();
    drop(Server::start(config(folder.path())).unwrap());
    let key = folder.path().join("tls/authority.key");
    std::fs::write(&key, "spilled coffee").unwrap();
    let error = Server::start(config(folder.path())).unwrap_err();
    assert!(matches!(&error, StartError::Certificate { file, .. } if *file == key), "{error:?}");
    assert_eq!(std::fs::read(&key).unwrap(), b"spilled coffee");
}

#[test]
fn a_name_or_certificate_that_can_not_be_stops_the_start() {
    let folder = tempfile::tempdir().unwrap();
    let mut named = config(folder.path());
    named.tls.names.push("chat.example.org:5000".into());
    let error = Server::start(named).unwrap_err();
    assert!(error.to_string().contains("chat.example.org:5000"), "{error}");
    let mut brought = config(folder.path());
    let missing = folder.path().join("missing.pem");
    brought.tls.certificate = Some(OwnCertificate { chain: missing.clone(), key: missing });
    let error = Server::start(brought).unwrap_err();
    assert!(error.to_string().contains("missing.pem"), "{error}");
}
