//! The operator's door: who may open it, what it says to nonsense, and that its answers are the same
//! whether a server runs or not.
#![cfg(unix)]

mod support;

use hubbub_protocol::{InviteCode, InviteId, WallMs};
use hubbub_server::StartError;
use hubbub_server::admin::{
    AdminAnswer, AdminError, AdminRequest, Invite, REQUEST_BYTES, SOCKET, ask,
};
use std::io::{Read, Write};
use std::os::unix::fs::{FileTypeExt, PermissionsExt};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::time::Duration;
use support::{PATIENCE, TestServer};

fn socket(server: &TestServer) -> PathBuf {
    server.data().join(SOCKET)
}

/// What is answered to these bytes, until the server closes.
fn said(server: &TestServer, bytes: &[u8]) -> String {
    let mut stream = UnixStream::connect(socket(server)).expect("the door is there");
    stream.set_read_timeout(Some(PATIENCE)).expect("a limit");
    stream.write_all(bytes).expect("the door takes it");
    stream.shutdown(std::net::Shutdown::Write).expect("an end of the request");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).expect("an end");
    answer
}

// ---- the socket

#[test]
fn the_door_is_for_its_owner_alone() {
    let server = TestServer::start();
    let found = std::fs::metadata(socket(&server)).unwrap();
    assert!(found.file_type().is_socket());
    assert_eq!(found.permissions().mode() & 0o777, 0o600);
}

#[test]
fn nonsense_gets_an_error_and_harms_nobody() {
    let server = TestServer::start();
    let mut ann = server.native("ann");
    let deep = "[".repeat(10_000);
    for nonsense in [
        b"hello\n".as_slice(),
        b"\xff\xfe\n",
        b"{\"cmd\": \"stop\"}\n",
        b"{\"cmd\": \"invite_make\", \"for\": 1}\n",
        b"{\"cmd\": \"invite_make\", \"uses\": 0}\n",
        b"no end of the line",
        deep.as_bytes(),
    ] {
        let answer = said(&server, nonsense);
        assert!(answer.starts_with("{\"error\":\"") && answer.ends_with("\"}\n"), "{answer:?}");
        assert_eq!(answer.lines().count(), 1, "{answer:?}");
    }
    assert_eq!(said(&server, b""), "", "nothing was asked");
    let mut long = vec![b'x'; REQUEST_BYTES + 1];
    long.push(b'\n');
    let answer = said(&server, &long);
    assert!(answer.contains(&REQUEST_BYTES.to_string()), "{answer:?}");
    ann.tell("lobby", "still here");
}

#[test]
fn a_stop_takes_the_door_away_and_waits_for_nobody_at_it() {
    let mut server = TestServer::start();
    let mut silent = UnixStream::connect(socket(&server)).unwrap();
    silent.write_all(b"{\"cmd\":").unwrap();
    let took = server.stop();
    assert!(took < Duration::from_secs(4), "it took {took:?}");
    assert!(!socket(&server).exists());
    server.start_again();
    assert!(said(&server, b"x\n").starts_with("{\"error\""));
}

#[test]
fn what_a_killed_server_left_is_replaced() {
    let mut server = TestServer::start();
    server.stop();
    // Nobody listens when the listener is gone, and the file stays.
    drop(UnixListener::bind(socket(&server)).unwrap());
    UnixStream::connect(socket(&server)).expect_err("it is stale");
    server.start_again();
    assert!(said(&server, b"x\n").starts_with("{\"error\""));
}

#[test]
fn a_server_without_the_door_serves_all_the_same() {
    let mut server = TestServer::start();
    server.stop();
    std::fs::write(socket(&server), "mine").unwrap();
    server.start_again();
    server.native("ann").tell("lobby", "hello");
    assert_eq!(std::fs::read(socket(&server)).unwrap(), b"mine", "it is no socket, so not ours");

    // No socket can have such a path.
    let server = TestServer::with(|config| {
        config.data.push("d".repeat(100));
        config.data.push("e".repeat(100));
    });
    server.native("ann").tell("lobby", "hello");
    assert!(!socket(&server).exists());
    let error = ask(server.data(), &AdminRequest::InviteList).expect_err("no door");
    assert!(matches!(error, AdminError::NoDoor { .. }), "{error:?}");
}

// ---- asking a folder

#[test]
fn a_server_that_cannot_be_asked_is_named_with_the_way_out() {
    let server = TestServer::start();
    std::fs::remove_file(socket(&server)).unwrap();
    let error = ask(server.data(), &AdminRequest::InviteList).expect_err("no door");
    assert!(matches!(error, AdminError::NoDoor { .. }), "{error:?}");
    let text = error.to_string();
    assert!(text.contains(&server.data().display().to_string()), "{text}");
    assert!(text.contains("stop it"), "{text}");
}

#[test]
fn a_folder_without_data_is_named_and_not_made() {
    let parent = tempfile::tempdir().unwrap();
    let folder = parent.path().join("typo");
    for request in [AdminRequest::InviteList, AdminRequest::InviteRevoke { id: InviteId(1) }] {
        let error = ask(&folder, &request).expect_err("no data");
        let AdminError::Folder(error) = error else { panic!("{error:?}") };
        assert!(matches!(error, StartError::NoData { .. }), "{error:?}");
        assert!(error.to_string().contains("typo"), "{error}");
    }
    assert!(hubbub_server::reader_beside(&folder).is_err());
    assert!(!folder.exists());
}

#[test]
fn an_answer_that_is_none_is_an_error() {
    let folder = tempfile::tempdir().unwrap();
    let listener = UnixListener::bind(folder.path().join(SOCKET)).unwrap();
    for answer in [b"".as_slice(), b"{\"ok\":", b"hello\n"] {
        let error = std::thread::scope(|scope| {
            scope.spawn(|| {
                let (mut stream, _) = listener.accept().unwrap();
                let mut request = [0; 1024];
                assert!(stream.read(&mut request).unwrap() > 0);
                stream.write_all(answer).unwrap();
            });
            ask(folder.path(), &AdminRequest::InviteList).expect_err("no answer")
        });
        assert!(matches!(error, AdminError::Broken { .. }), "{error:?}");
    }
}

// ---- invites

fn make(folder: &Path, uses: u32, for_ms: Option<u64>, note: &str) -> (String, Invite) {
    let request = AdminRequest::InviteMake { for_ms, uses, note: note.into() };
    match ask(folder, &request) {
        Ok(AdminAnswer::InviteMade { code, invite }) => (code, invite),
        other => panic!("{other:?}"),
    }
}

fn list(folder: &Path) -> Vec<Invite> {
    match ask(folder, &AdminRequest::InviteList) {
        Ok(AdminAnswer::Invites { invites }) => invites,
        other => panic!("{other:?}"),
    }
}

fn revoke(folder: &Path, id: InviteId) -> Result<AdminAnswer, AdminError> {
    ask(folder, &AdminRequest::InviteRevoke { id })
}

#[test]
fn invites_are_the_same_with_and_without_a_server() {
    let mut server = TestServer::start();
    let data = server.data().to_owned();
    let (code, one) = make(&data, 2, Some(60_000), "for ann");
    assert!(InviteCode::parse(&code).is_some(), "{code}");
    assert_eq!((one.uses, one.used, one.note.as_str()), (2, 0, "for ann"));
    assert_eq!(one.expires, Some(WallMs(one.created.0 + 60_000)));
    assert_eq!(list(&data), std::slice::from_ref(&one));

    server.stop();
    let (other, two) = make(&data, 1, None, "");
    assert_ne!(code, other);
    assert!(two.id > one.id, "an id is never given twice");
    assert_eq!(two.expires, None);
    assert_eq!(list(&data), [one.clone(), two.clone()]);

    server.start_again();
    assert_eq!(list(&data), [one.clone(), two.clone()]);
    assert_eq!(revoke(&data, one.id).unwrap(), AdminAnswer::Done);
    let again = revoke(&data, one.id).expect_err("it is gone");
    assert!(matches!(again, AdminError::Refused(_)), "{again:?}");
    server.stop();
    assert_eq!(revoke(&data, two.id).unwrap(), AdminAnswer::Done);
    assert_eq!(list(&data), []);
}

#[test]
fn an_invite_may_come_before_the_first_start() {
    let parent = tempfile::tempdir().unwrap();
    let folder = parent.path().join("data");
    let (_, invite) = make(&folder, 1, None, "the first");
    let server = TestServer::with(|config| config.data.clone_from(&folder));
    assert_eq!(list(server.data()), [invite]);
}
