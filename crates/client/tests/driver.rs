//! The driver against a scripted server on a free port. Waiting is by fence: a frame, an event.
#![cfg(feature = "tokio")]
#![allow(clippy::unwrap_used)]

mod scripted;

use hubbub_client::{
    Client, ClientError, ClientEvent, CoreConfig, Enter, Events, Pass, Security, SendState,
};
use hubbub_protocol::frame::{MessageKind, Page, Request};
use hubbub_protocol::secret::Hidden;
use hubbub_protocol::{Password, RoomAddress, RoomName, UserName};
use scripted::*;
use tokio::net::TcpListener;

/// Without TLS: what is said is the same.
async fn connect(address: &str, config: CoreConfig) -> Result<(Client, Events), ClientError> {
    Client::connect_by(&address.parse()?, Security::Plaintext, config).await
}

async fn logged_in(listener: &TcpListener, address: &str) -> (Client, Events, Peer) {
    let peer = async {
        let mut peer = Peer::accept(listener).await;
        peer.log_in().await;
        peer
    };
    let (client, peer) = tokio::join!(connect(address, config()), peer);
    let (client, events) = client.unwrap();
    (client, events, peer)
}

#[test]
fn packets_may_be_merged_and_split() {
    run(async {
        let (listener, address) = listen().await;
        let (client, mut events, mut peer) = logged_in(&listener, &address).await;
        let send = client.send(lobby(), "mine", MessageKind::Text);
        let serve = async {
            let (id, _) = peer.get().await;
            let stream = SENT.replace("ID", &id.to_string()) + "\r\n" + MESSAGE + "\n";
            // Cut inside of a number, a line end and a character.
            let e = stream.find('é').unwrap();
            let end = stream.find('\r').unwrap();
            let cuts = [0, 20, end + 1, e + 1, stream.len()];
            for (from, to) in cuts.iter().zip(&cuts[1..]) {
                peer.put(&stream.as_bytes()[*from..*to]).await;
                tokio::task::yield_now().await;
            }
        };
        let (position, ()) = tokio::join!(send, serve);
        assert_eq!(position.unwrap().seq.0, 5);
        let text = until(&mut events, |event| match event {
            ClientEvent::NewEvent { event, .. } if event.seq.0 == 6 => Some(event.body.clone()),
            _ => None,
        });
        assert_eq!(text.await.words(), "hé");
    });
}

#[test]
fn a_send_survives_a_lost_connection() {
    run(async {
        let (listener, address) = listen().await;
        let (client, mut events, mut peer) = logged_in(&listener, &address).await;
        let send = client.send(lobby(), "mine", MessageKind::Text);
        let serve = async {
            let (_, first) = peer.get().await;
            drop(peer);
            let mut peer = Peer::accept(&listener).await;
            peer.log_in().await;
            let (id, again) = peer.get().await;
            assert_eq!(first, again);
            peer.answer(id, SENT).await;
            peer
        };
        let (position, _peer) = tokio::join!(send, serve);
        assert_eq!(position.unwrap().seq.0, 5);
        let lost = |event: &ClientEvent| match event {
            ClientEvent::Disconnected { returns } => Some(*returns),
            _ => None,
        };
        assert!(until(&mut events, lost).await);
    });
}

#[test]
fn close_says_quit_and_ends_the_events() {
    run(async {
        let (listener, address) = listen().await;
        let (client, mut events, mut peer) = logged_in(&listener, &address).await;
        let serve = async {
            assert!(matches!(peer.get().await.1, Request::Quit));
            peer.answer(0, BYE).await;
        };
        tokio::join!(client.clone().close(), serve);
        while events.next().await.is_some() {}
        let late = client.send(lobby(), "late", MessageKind::Text).await;
        assert!(matches!(late, Err(ClientError::Ended { .. })), "{late:?}");
    });
}

#[test]
fn questions_are_answered_or_lost() {
    run(async {
        let (listener, address) = listen().await;
        let (client, events, mut peer) = logged_in(&listener, &address).await;
        drop(events);
        let serve = async {
            let (id, _) = peer.get().await;
            peer.answer(id, r#"{"ev":"pong","id":ID,"time":77}"#).await;
        };
        let (time, ()) = tokio::join!(client.ping(), serve);
        assert_eq!(time.unwrap().0, 77);
        let serve = async {
            peer.get().await;
            drop(peer);
        };
        let (page, ()) = tokio::join!(client.history(lobby(), Page::Latest, None), serve);
        assert_eq!(page, Err(ClientError::Lost));
    });
}

#[test]
fn a_program_that_does_not_read_gets_everything_later() {
    run(async {
        let (listener, address) = listen().await;
        let (client, mut events, mut peer) = logged_in(&listener, &address).await;
        // More than the client holds for its program; the rest waits in the sockets.
        for seq in 5..2005 {
            peer.answer(0, &MESSAGE.replace("\"seq\":6", &format!("\"seq\":{seq}"))).await;
        }
        for seq in 5..2005 {
            let next = until(&mut events, |event| match event {
                ClientEvent::NewEvent { event, .. } => Some(event.seq.0),
                _ => None,
            });
            assert_eq!(next.await, seq);
        }
        drop(client);
        assert!(matches!(peer.get().await.1, Request::Quit), "nobody holds the client");
    });
}

#[test]
fn a_taken_name_names_the_way_out() {
    run(async {
        let (listener, address) = listen().await;
        let serve = async {
            let mut peer = Peer::accept(&listener).await;
            let (id, _) = peer.get().await;
            let error = r#"{"ev":"error","id":ID,"code":"name_taken","next":"correct","text":"'ann' is taken","suggestion":"ann2"}"#;
            peer.answer(id, error).await;
            peer
        };
        let (client, _peer) = tokio::join!(connect(&address, config()), serve);
        assert_eq!(client.unwrap_err().to_string(), "'ann' is taken ('ann2' is free)");
    });
}

#[test]
fn a_refused_login_names_its_reason_and_another_one_goes_on() {
    run(async {
        let (listener, address) = listen().await;
        let mut config = config();
        config.enter = Enter::Password(Password::given("wrong").unwrap());
        let wrong = r#"{"ev":"error","id":ID,"code":"wrong_password","next":"correct","text":"no such account, or another password"}"#;
        let serve = async {
            let mut peer = Peer::accept(&listener).await;
            let (id, _) = peer.get().await;
            peer.answer(id, wrong).await;
            peer
        };
        let (client, _peer) = tokio::join!(connect(&address, config), serve);
        let Err(ClientError::LoginRefused { code, .. }) = client else { panic!("{client:?}") };
        assert_eq!(code.code(), "wrong_password");
        // Later, the program is asked and the client waits for it.
        let (client, mut events, peer) = logged_in(&listener, &address).await;
        drop(peer);
        let mut peer = Peer::accept(&listener).await;
        let (id, _) = peer.get().await;
        peer.answer(id, wrong).await;
        let refused = |event: &ClientEvent| match event {
            ClientEvent::LoginRefused { code, .. } => Some(*code),
            _ => None,
        };
        until(&mut events, refused).await;
        let right = Enter::Password(Password::given("right").unwrap());
        client.set_login(UserName::parse("ann").unwrap(), right).await.unwrap();
        peer.log_in().await;
    });
}

#[test]
fn a_held_send_is_told_and_ends_with_the_client() {
    run(async {
        let (listener, address) = listen().await;
        let (client, mut events, mut peer) = logged_in(&listener, &address).await;
        let bob = RoomAddress::User(UserName::parse("bob").unwrap());
        let send = client.send(bob, "psst", MessageKind::Text);
        let other = client.clone();
        let rest = async {
            let (id, _) = peer.get().await;
            let waits =
                r#"{"ev":"error","id":ID,"code":"not_accepted","next":"correct","text":"asked"}"#;
            peer.answer(id, waits).await;
            let held = |event: &ClientEvent| match event {
                ClientEvent::Send { state: SendState::Held, .. } => Some(()),
                _ => None,
            };
            until(&mut events, held).await;
            let serve = async {
                assert!(matches!(peer.get().await.1, Request::Quit));
                peer.answer(0, BYE).await;
            };
            tokio::join!(other.close(), serve);
        };
        let (result, ()) = tokio::join!(send, rest);
        let Err(ClientError::Refused { code, .. }) = result else { panic!("{result:?}") };
        assert_eq!(code.code(), "not_accepted");
    });
}

#[test]
fn changes_are_done_or_refused() {
    run(async {
        let (listener, address) = listen().await;
        let (client, events, mut peer) = logged_in(&listener, &address).await;
        drop(events);
        let bob = UserName::parse("bob").unwrap();
        let serve = async {
            let (id, _) = peer.get().await;
            peer.answer(id, r#"{"ev":"done","id":ID}"#).await;
            let (id, _) = peer.get().await;
            peer.answer(id, r#"{"ev":"you","id":ID,"user":{"id":1,"name":"bob"},"account":false}"#)
                .await;
            let (id, _) = peer.get().await;
            let refused =
                r#"{"ev":"error","id":ID,"code":"not_account","next":"correct","text":"no"}"#;
            peer.answer(id, refused).await;
        };
        let ask = async {
            client.accept(bob.clone()).await.unwrap();
            let you = client.nick(bob.clone()).await.unwrap();
            assert!(matches!(you, ClientEvent::You { .. }));
            let refused = client.logins().await.unwrap_err();
            assert!(matches!(refused, ClientError::Refused { .. }));
        };
        tokio::join!(ask, serve);
    });
}

#[test]
fn failures_name_the_address_and_the_way_out() {
    run(async {
        let (listener, address) = listen().await;
        drop(listener);
        let refused = connect(&address, config()).await.unwrap_err().to_string();
        let expected = format!(
            "nothing listens at {address}; is the server running? start one with `hubbub serve`"
        );
        assert_eq!(refused, expected);
        let (listener, address) = listen().await;
        let serve = async { drop(Peer::accept(&listener).await) };
        let (client, ()) = tokio::join!(connect(&address, config()), serve);
        let silent = client.unwrap_err().to_string();
        assert!(silent.contains(&address) && silent.contains("Hubbub server"), "{silent}");
        let malformed = connect("host:x", config()).await.unwrap_err();
        assert!(matches!(malformed, ClientError::Address(_)));
    });
}

/// Each waits for its own PIN's answer, whichever comes first.
#[test]
fn two_rooms_of_one_name_are_joined_at_once() {
    run(async {
        let (listener, address) = listen().await;
        let (client, _events, mut peer) = logged_in(&listener, &address).await;
        let work = RoomName::parse("work").unwrap();
        let pin = |pin: &str| Pass::Pin(Hidden::new(pin));
        let server = async {
            let mut asked = Vec::new();
            for _ in 0..3 {
                let (id, request) = peer.get().await;
                let Request::Join { pin, .. } = request else { panic!("{request:?}") };
                asked.push((id, pin.map_or(String::new(), |pin| pin.expose().to_owned())));
            }
            asked.sort_by(|one, other| other.1.cmp(&one.1));
            for (number, (id, pin)) in asked.into_iter().enumerate() {
                let line = match pin.as_str() {
                    "9999" => {
                        r#"{"ev":"error","id":ID,"code":"banned","next":"correct","text":"no"}"#
                            .to_owned()
                    }
                    _ => JOINED
                        .replace("lobby", &format!("work~{pin}"))
                        .replace("\"room_id\":9", &format!("\"room_id\":{}", 20 + number)),
                };
                peer.answer(id, &line).await;
            }
        };
        let (plain, one, other, ()) = tokio::join!(
            client.join(RoomAddress::Room(work.clone())),
            client.join_with(work.clone(), pin("1234")),
            client.join_with(work.clone(), pin("9999")),
            server
        );
        let name = |name| RoomAddress::Room(RoomName::parse(name).unwrap());
        assert_eq!((plain, one), (Ok(name("work~")), Ok(name("work~1234"))));
        assert!(matches!(other, Err(ClientError::Refused { text, .. }) if text == "no"));
        let (info, ()) = tokio::join!(client.info(work), async {
            let (id, _) = peer.get().await;
            let line = r#"{"ev":"info","id":ID,"room":"work","sort":"room","retention":"none","created":1}"#;
            peer.answer(id, line).await;
        });
        assert!(matches!(info, Ok(ClientEvent::Info { .. })), "{info:?}");
    });
}
