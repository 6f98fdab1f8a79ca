//! What is made once and kept: the authority, and the certificate beside it.

use super::*;

const NAMES: [&str; 3] = ["authority.key", "authority.pem", "server.pem"];

#[test]
fn clients_that_trust_the_authority_accept_every_name_in_every_version() {
    let home = Home::new();
    let choice = TlsConfig { names: vec!["Chat.Example.org".into()], ..TlsConfig::default() };
    let tls = home.start_with(&choice);
    let names =
        ["localhost", "box", "box.local", "127.0.0.1", "::1", "192.168.1.20", "chat.example.org"];
    for version in rustls::ALL_VERSIONS {
        for name in names {
            let mut visitor = Visitor::trusting(home.authority()).calling_it(name);
            visitor.versions = vec![*version];
            let seen = visitor.visit(&tls).unwrap_or_else(|error| panic!("{name}: {error}"));
            assert_eq!(seen.chain.len(), 2);
            assert_eq!(seen.chain[1], home.authority());
            assert_eq!(key_of(&seen.chain[1]), tls.authority());
            assert_eq!(seen.tickets, 0);
        }
    }
    let error = Visitor::trusting(home.authority()).calling_it("other.example").visit(&tls);
    assert!(matches!(error, Err(rustls::Error::InvalidCertificate(_))), "{error:?}");
}

#[test]
fn a_second_start_keeps_everything() {
    let home = Home::new();
    let print = home.start(&today()).authority();
    let before = NAMES.map(|name| home.bytes(name));
    let tls = home.start(&here(TODAY + 300, &["192.168.1.20"]));
    assert_eq!(NAMES.map(|name| home.bytes(name)), before);
    assert_eq!(tls.authority(), print);
    Visitor::trusting(home.authority()).on_day(TODAY + 300).visit(&tls).unwrap();
}

#[test]
fn two_servers_have_two_authorities_that_can_be_told_apart() {
    let (one, two) = (Home::new(), Home::new());
    let prints = [one.start(&today()).authority(), two.start(&today()).authority()];
    assert_ne!(prints[0], prints[1]);
    let name = |home: &Home| {
        let certificate = home.authority();
        let (_, parsed) = x509_parser::parse_x509_certificate(&certificate).unwrap();
        parsed.subject().to_string()
    };
    for (home, print) in [(&one, prints[0]), (&two, prints[1])] {
        let name = name(home);
        assert!(name.contains("Hubbub on box"), "{name}");
        assert!(name.contains(&print.words().join(" ")), "{name}");
    }
}

#[test]
fn without_a_folder_it_is_in_memory() {
    let tls = Tls::open_in(None, &TlsConfig::default(), &today()).unwrap();
    let mut visitor = Visitor::trusting(Home::new().start_authority());
    visitor.protocols = vec![ALPN_NATIVE];
    // Nobody could know it; that it answers at all is what can be seen.
    assert!(matches!(visitor.visit(&tls), Err(rustls::Error::InvalidCertificate(_))));
}

impl Home {
    fn start_authority(&self) -> CertificateDer<'static> {
        self.start(&today());
        self.authority()
    }
}

#[cfg(unix)]
#[test]
fn the_files_are_for_their_owner_alone() {
    let home = Home::new();
    home.start(&today());
    assert_eq!(mode(&home.file("")), 0o700);
    for name in NAMES {
        assert_eq!(mode(&home.file(name)), 0o600, "{name}");
    }
    let left = std::fs::read_dir(home.file("")).unwrap().count();
    assert_eq!(left, NAMES.len(), "nothing else is left there");
}

#[cfg(unix)]
#[test]
fn keys_that_others_could_read_are_closed() {
    let home = Home::new();
    let print = home.start(&today()).authority();
    for name in ["authority.key", "server.pem"] {
        set_mode(&home.file(name), 0o644);
    }
    assert_eq!(home.start(&today()).authority(), print);
    for name in ["authority.key", "server.pem"] {
        assert_eq!(mode(&home.file(name)), 0o600, "{name}");
    }
}

#[test]
fn a_broken_key_of_the_authority_is_named_and_never_replaced() {
    let home = Home::new();
    home.start(&today());
    let whole = home.bytes("authority.key");
    let half = &whole[..whole.len() / 2];
    let certificate = home.bytes("authority.pem");
    for broken in [b"".as_slice(), half, b"this is no key", &certificate] {
        home.write("authority.key", broken);
        let text = refusal(home.try_start(&today()), &home.file("authority.key"));
        assert!(text.contains("backup"), "{text}");
        assert_eq!(home.bytes("authority.key"), broken);
    }
    home.write("authority.key", &whole);
    home.start(&today());
}

#[test]
fn a_lost_key_of_the_authority_is_named_and_never_replaced() {
    let home = Home::new();
    home.start(&today());
    std::fs::remove_file(home.file("authority.key")).unwrap();
    refusal(home.try_start(&today()), &home.file("authority.key"));
    std::fs::remove_file(home.file("authority.pem")).unwrap();
    let text = refusal(home.try_start(&today()), &home.file("authority.key"));
    assert!(text.contains("server.pem"), "{text}");
    assert!(!home.file("authority.key").exists());
    // The way out that it names.
    std::fs::rename(home.file(""), home.data.path().join("tls.old")).unwrap();
    home.start(&today());
}

#[test]
fn a_broken_or_foreign_certificate_of_the_authority_is_named() {
    let (home, other) = (Home::new(), Home::new());
    home.start(&today());
    other.start(&today());
    let whole = home.bytes("authority.pem");
    for broken in [b"".to_vec(), whole[..whole.len() / 2].to_vec(), other.bytes("authority.pem")] {
        home.write("authority.pem", &broken);
        let text = refusal(home.try_start(&today()), &home.file("authority.pem"));
        assert!(text.contains("authority.key"), "{text}");
    }
    // That of the server is no authority's.
    home.write("authority.pem", home.bytes("server.pem"));
    refusal(home.try_start(&today()), &home.file("authority.pem"));
}

#[test]
fn a_folder_in_the_place_of_a_file_is_named() {
    let home = Home::new();
    home.start(&today());
    std::fs::remove_file(home.file("authority.key")).unwrap();
    std::fs::create_dir(home.file("authority.key")).unwrap();
    refusal(home.try_start(&today()), &home.file("authority.key"));
}

#[test]
fn a_first_start_that_was_cut_short_is_finished_by_the_second() {
    let home = Home::new();
    let print = home.start(&today()).authority();
    for name in ["authority.pem", "server.pem"] {
        std::fs::remove_file(home.file(name)).unwrap();
    }
    home.write("authority.pem.new", "half of a certificate");
    let tls = home.start(&today());
    assert_eq!(tls.authority(), print);
    Visitor::trusting(home.authority()).visit(&tls).unwrap();
    assert!(!home.file("authority.pem.new").exists());
}

#[test]
fn keys_are_in_nothing_that_is_printed() {
    let home = Home::new();
    let tls = home.start(&today());
    let printed = format!("{tls:?} {:?}", tls.config());
    let pem = String::from_utf8(home.bytes("authority.key")).unwrap();
    assert!(!printed.contains(pem.lines().nth(1).unwrap()));
    let key = crate::tls::files::private_key(pem.as_bytes()).unwrap();
    let bytes = format!("{:?}", &key.secret_der()[40..48]);
    assert!(!printed.contains(bytes.trim_matches(['[', ']'])));
    assert!(printed.contains(&tls.authority().to_string()));
}
