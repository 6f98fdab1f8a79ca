//! The driver and TLS: which keys are taken, which are not, and that nothing is said to who has a
//! wrong one. Real handshakes with a scripted server.
#![cfg(feature = "tokio")]
#![allow(clippy::unwrap_used)]

mod scripted;

use hubbub_client::{
    Client, ClientError, ClientEvent, Contact, Events, Security, ServerAddress, Trust,
};
use hubbub_protocol::frame::MessageKind;
use scripted::authority::{Authority, acceptor, lonely};
use scripted::*;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;

/// A login to a server that shows this; or why not, and then nothing was said.
async fn meet(
    shown: &TlsAcceptor,
    trust: Trust,
) -> Result<(Client, Events, Peer, TcpListener), ClientError> {
    let (listener, address) = listen().await;
    let address: ServerAddress = address.parse().unwrap();
    let client = Client::connect_by(&address, Security::Tls(trust), config());
    let peer = async {
        let mut peer = Peer::accept_tls(&listener, shown).await?;
        peer.log_in().await;
        Some(peer)
    };
    let (client, peer) = tokio::join!(client, peer);
    assert_eq!(client.is_ok(), peer.is_some(), "told, or not taken: {:?}", client.as_ref().err());
    let (client, events) = client?;
    Ok((client, events, peer.unwrap(), listener))
}

async fn refusal(shown: &TlsAcceptor, trust: Trust) -> String {
    let error = meet(shown, trust).await.err().expect("it was taken");
    assert!(matches!(error, ClientError::BadCertificate { .. }), "{error:?}");
    error.to_string()
}

#[test]
fn the_first_key_is_taken_and_told() {
    run(async {
        let authority = Authority::new();
        let (client, ..) = meet(&authority.server(), Trust::FirstUse).await.unwrap();
        assert_eq!(client.fingerprint(), Some(authority.fingerprint));
    });
}

#[test]
fn a_known_key_is_taken_whatever_certificate_it_has_signed() {
    run(async {
        let authority = Authority::new();
        let trust = Trust::Key(authority.fingerprint);
        // Renewed, with another key, and for a name that is not asked for; ended; not begun.
        for years in [2020..2090, 2001..2002, 2080..2090] {
            let shown = acceptor(&authority.leaf(years.clone()), &[&authority.certificate]);
            for trust in [trust, Trust::FirstUse] {
                let met = meet(&shown, trust).await;
                assert!(met.is_ok(), "{years:?}: {:?}", met.err());
            }
        }
        // Wherever in the chain it is.
        let other = Authority::new();
        let leaf = authority.leaf(2020..2090);
        let shown = acceptor(&leaf, &[&authority.certificate, &other.certificate]);
        let (client, ..) = meet(&shown, trust).await.unwrap();
        assert_eq!(client.fingerprint(), Some(authority.fingerprint));
    });
}

#[test]
fn another_key_is_refused_before_a_word() {
    run(async {
        let (expected, other) = (Authority::new().fingerprint, Authority::new());
        let error = meet(&other.server(), Trust::Key(expected)).await.err().unwrap();
        let text = error.to_string();
        let ClientError::KeyChanged(changed) = error else { panic!("{error:?}") };
        assert_eq!((changed.expected, changed.shown), (expected, other.fingerprint));
        for part in [&expected.to_string(), &other.fingerprint.words().join(" ")] {
            assert!(text.contains(part) && text.contains("HAS CHANGED"), "{text}");
        }
        // Without an authority it is no better.
        let error = meet(&acceptor(&lonely(), &[]), Trust::Key(expected)).await.err().unwrap();
        assert!(matches!(error, ClientError::KeyChanged(_)), "{error:?}");
    });
}

#[test]
fn what_does_not_prove_its_key_is_refused_before_a_word() {
    run(async {
        let (authority, other) = (Authority::new(), Authority::new());
        let leaf = authority.leaf(2020..2090);
        // Everybody can show the certificate of somebody else's authority.
        let forged = acceptor(&leaf, &[&other.certificate]);
        for trust in [Trust::FirstUse, Trust::Key(other.fingerprint)] {
            let text = refusal(&forged, trust).await;
            assert!(text.contains("not signed by the authority"), "{text}");
        }
        // And a certificate without its key.
        let mine = other.leaf(2020..2090);
        let stolen = acceptor(&leaf.with_key_of(&mine), &[&authority.certificate]);
        let text = refusal(&stolen, Trust::Key(authority.fingerprint)).await;
        assert!(text.contains("does not have the key"), "{text}");

        let alone = lonely();
        let text = refusal(&acceptor(&alone, &[]), Trust::FirstUse).await;
        assert!(text.contains("no certificate authority"), "{text}");
        let text = refusal(&acceptor(&alone, &[&alone.certificate]), Trust::FirstUse).await;
        assert!(text.contains("nobody but itself"), "{text}");
        // As from a public authority: whoever can buy a certificate there would be believed.
        let below = authority.below();
        let bought = below.leaf(2020..2090);
        let text = refusal(&acceptor(&bought, &[&below.certificate]), Trust::FirstUse).await;
        assert!(text.contains("no authority's own"), "{text}");
        let whole = acceptor(&bought, &[&below.certificate, &authority.certificate]);
        let text = refusal(&whole, Trust::FirstUse).await;
        assert!(text.contains("not signed by the authority"), "{text}");
        let garbage = rustls_pki_types::CertificateDer::from(b"no certificate".to_vec());
        let text = refusal(&acceptor(&bought, &[&garbage]), Trust::FirstUse).await;
        assert!(text.contains("can't be read"), "{text}");
    });
}

#[test]
fn an_address_with_a_fingerprint_takes_that_key_alone() {
    run(async {
        let authority = Authority::new();
        let shown = authority.server();
        for (key, is_right) in
            [(authority.fingerprint, true), (Authority::new().fingerprint, false)]
        {
            let (listener, address) = listen().await;
            let address = format!("hubbub://{address}#{key}");
            let peer = async {
                if let Some(mut peer) = Peer::accept_tls(&listener, &shown).await {
                    peer.log_in().await;
                }
            };
            let (client, ()) = tokio::join!(Client::connect(&address, config()), peer);
            match client {
                Ok((client, _)) => assert!(is_right && client.fingerprint() == Some(key)),
                Err(error) => assert!(!is_right && matches!(error, ClientError::KeyChanged(_))),
            }
        }
    });
}

#[test]
fn a_contact_shows_the_key_before_anything_is_said() {
    run(async {
        let authority = Authority::new();
        let shown = authority.server();
        let (listener, address) = listen().await;
        let address: ServerAddress = address.parse().unwrap();
        let accept = async { listener.accept().await.unwrap().0 };
        let (socket, contact) = tokio::join!(
            async { shown.accept(accept.await).await.unwrap() },
            Contact::make(&address, address.security()),
        );
        let contact = contact.unwrap();
        assert_eq!(contact.fingerprint(), Some(authority.fingerprint));
        drop(contact);
        assert_eq!(Peer::over(socket).rest().await, "");
    });
}

#[test]
fn a_late_greeting_is_neither_shown_nor_in_the_way() {
    run(async {
        let authority = Authority::new();
        let shown = authority.server();
        let (listener, address) = listen().await;
        let peer = async {
            let mut socket = listener.accept().await.unwrap().0;
            let greeting = "{\"ev\":\"close\",\"code\":\"bye\",\"next\":\"stop\",\"text\":\"x\"}\n\
                            Welcome. What is your name? \u{16}\n";
            socket.write_all(greeting.as_bytes()).await.unwrap();
            let mut peer = Peer::over(shown.accept(socket).await.unwrap());
            peer.log_in().await;
            peer
        };
        let (client, _peer) = tokio::join!(Client::connect(&address, config()), peer);
        let (_client, mut events) = client.unwrap();
        let joined = |event: &ClientEvent| match event {
            ClientEvent::Closed { .. } => panic!("the greeting was believed"),
            ClientEvent::Joined { .. } => Some(()),
            _ => None,
        };
        until(&mut events, joined).await;
    });
}

#[test]
fn a_server_without_tls_is_named_and_not_spoken_to() {
    run(async {
        let key = Authority::new().fingerprint;
        // The alert of a server that knows what TLS is; one that talks on; one that says its piece.
        let alert: &[u8] = &[0x15, 3, 3, 0, 2, 2, 0x28];
        let talk = "HTTP/1.1 400 Bad Request\r\n\r\n".repeat(200);
        for says in [alert, talk.as_bytes(), b"SSH-2.0-server\r\n"] {
            for trust in [Trust::FirstUse, Trust::Key(key)] {
                let (listener, address) = listen().await;
                let address: ServerAddress = address.parse().unwrap();
                let peer = async {
                    let mut socket = listener.accept().await.unwrap().0;
                    let mut hello = [0; 3];
                    socket.read_exact(&mut hello).await.unwrap();
                    assert_eq!(hello[..2], [0x16, 3], "nothing but a hello of TLS");
                    let _ = socket.write_all(says).await;
                    socket.shutdown().await.unwrap();
                    let mut rest = Vec::new();
                    let _ = socket.read_to_end(&mut rest).await;
                    let rest = String::from_utf8_lossy(&rest).into_owned();
                    assert!(!rest.contains("hello"), "{rest:?}");
                };
                let client = Client::connect_by(&address, Security::Tls(trust), config());
                let (client, ()) = tokio::join!(client, peer);
                let error = client.unwrap_err();
                assert!(matches!(error, ClientError::NotTls { .. }), "{error:?}");
                // Whoever can answer in plain text must not talk people out of TLS that worked.
                let text = error.to_string();
                assert_eq!(text.contains("--plaintext"), trust == Trust::FirstUse, "{text}");
            }
        }
    });
}

#[test]
fn an_older_tls_is_not_taken_for_none() {
    run(async {
        let (listener, address) = listen().await;
        let address: ServerAddress = address.parse().unwrap();
        let peer = async {
            let mut socket = listener.accept().await.unwrap().0;
            socket.read_exact(&mut [0; 3]).await.unwrap();
            // What TLS 1.2 says to who doesn't speak it: protocol_version.
            socket.write_all(&[0x15, 3, 3, 0, 2, 2, 70]).await.unwrap();
            let _ = socket.read_to_end(&mut Vec::new()).await;
        };
        let client = Client::connect_by(&address, Security::Tls(Trust::FirstUse), config());
        let (client, ()) = tokio::join!(client, peer);
        let text = client.unwrap_err().to_string();
        assert!(text.contains("not version 1.3") && !text.contains("--plaintext"), "{text}");
    });
}

#[test]
fn a_server_that_hangs_up_is_asked_whether_it_is_one() {
    run(async {
        let (listener, address) = listen().await;
        let serve = async { drop(listener.accept().await.unwrap()) };
        let (client, ()) = tokio::join!(Client::connect(&address, config()), serve);
        let text = client.unwrap_err().to_string();
        assert!(text.contains(&address) && text.contains("is that a Hubbub server?"), "{text}");
    });
}

#[test]
fn a_client_comes_back_to_the_same_key_alone_and_else_stops() {
    run(async {
        let authority = Authority::new();
        let (client, mut events, mut peer, listener) =
            meet(&authority.server(), Trust::FirstUse).await.unwrap();
        let send = client.send(lobby(), "mine", MessageKind::Text);
        let serve = async {
            peer.get().await;
            drop(peer);
            // Another certificate of the same authority: renewed meanwhile.
            let mut peer = Peer::accept_tls(&listener, &authority.server()).await.unwrap();
            peer.log_in().await;
            peer.get().await;
            drop(peer);
            // A broken attempt is tried again.
            drop(listener.accept().await.unwrap());
            let other = Authority::new();
            assert!(Peer::accept_tls(&listener, &other.server()).await.is_none());
            other.fingerprint
        };
        let (sent, shown) = tokio::join!(send, serve);
        let Err(ClientError::KeyChanged(changed)) = sent else { panic!("{sent:?}") };
        assert_eq!((changed.expected, changed.shown), (authority.fingerprint, shown));
        let mut last = None;
        while let Some(event) = events.next().await {
            last = Some(event);
        }
        assert!(matches!(last, Some(ClientEvent::KeyChanged(told)) if told == changed));
        assert!(client.join(lobby()).await.is_err());
    });
}

/// More than fits into the sockets and the buffers of TLS, in both directions at once.
#[test]
fn much_is_said_in_both_directions_and_all_of_it_arrives() {
    run(async {
        let authority = Authority::new();
        let (client, mut events, mut peer, _listener) =
            meet(&authority.server(), Trust::FirstUse).await.unwrap();
        let text = "x".repeat(4000);
        for _ in 0..500 {
            let (client, text) = (client.clone(), text.clone());
            tokio::spawn(async move { client.send(lobby(), text, MessageKind::Text).await });
        }
        let serve = async {
            let message = MESSAGE.replace("hé", &"y".repeat(4000));
            for number in 0..500 {
                let (id, _) = peer.get().await;
                let seq = 5 + 2 * number;
                let sent = SENT.replace("\"seq\":5", &format!("\"seq\":{seq}"));
                peer.answer(id, &sent).await;
                let message = message.replace("\"seq\":6", &format!("\"seq\":{}", seq + 1));
                peer.answer(0, &message).await;
            }
        };
        let hear = async {
            for number in 0..500 {
                let next = until(&mut events, |event| match event {
                    ClientEvent::NewEvent { event, .. } if event.seq.0 % 2 == 0 => {
                        Some(event.seq.0)
                    }
                    _ => None,
                });
                assert_eq!(next.await, 6 + 2 * number);
            }
        };
        tokio::join!(serve, hear);
    });
}
