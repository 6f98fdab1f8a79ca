//! The certificate that an operator brought: who sees it, and how it is replaced.

use super::*;
use crate::tls::brought::Brought;
use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
use std::fs::File;
use std::time::SystemTime;

/// Somebody whom browsers trust.
struct Trusted {
    issuer: Issuer<'static, KeyPair>,
    certificate: CertificateDer<'static>,
}

impl Trusted {
    fn new() -> Self {
        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::default();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let certificate = params.self_signed(&key).unwrap().der().clone();
        Self { issuer: Issuer::new(params, key), certificate }
    }

    /// The PEM of a certificate that ends on this day, and of its key.
    fn certify(&self, end: u64) -> (String, String) {
        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::new(["chat.example.org".to_owned()]).unwrap();
        params.not_after = rcgen::date_time_ymd(1970, 1, 1) + Duration::from_secs(end * DAY_S);
        (params.signed_by(&key, &self.issuer).unwrap().pem(), key.serialize_pem())
    }
}

/// A server for which somebody has brought a certificate.
struct Guested {
    home: Home,
    trusted: Trusted,
    choice: TlsConfig,
}

impl Guested {
    fn new() -> Self {
        let home = Home::new();
        let files = OwnCertificate {
            chain: home.data.path().join("fullchain.pem"),
            key: home.data.path().join("privkey.pem"),
        };
        let choice = TlsConfig { certificate: Some(files), names: Vec::new() };
        let guested = Self { home, trusted: Trusted::new(), choice };
        let (chain, key) = guested.trusted.certify(TODAY + 90);
        guested.bring(&chain, &key);
        guested
    }

    fn files(&self) -> &OwnCertificate {
        self.choice.certificate.as_ref().unwrap()
    }

    fn bring(&self, chain: &str, key: &str) {
        bring_one(&self.files().chain, chain);
        bring_one(&self.files().key, key);
    }

    fn start(&self) -> Arc<Tls> {
        self.home.start_with(&self.choice)
    }

    fn refusal(&self, named: &Path) -> String {
        refusal(Tls::open_in(Some(self.home.data.path()), &self.choice, &today()), named)
    }

    fn browser(&self) -> Visitor {
        Visitor::trusting(self.trusted.certificate.clone()).calling_it("chat.example.org")
    }

    fn is_shown(&self, tls: &Tls, chain: &str) -> bool {
        let seen = self.browser().visit(tls).unwrap();
        seen.chain == [CertificateDer::from_pem_slice(chain.as_bytes()).unwrap()]
    }
}

/// Writes a file whose time of change is that of no one before.
fn bring_one(path: &Path, text: &str) {
    let before = std::fs::metadata(path).and_then(|metadata| metadata.modified());
    std::fs::write(path, text).unwrap();
    let later = before.map_or_else(|_| SystemTime::now(), |time| time + Duration::from_secs(1));
    File::options().write(true).open(path).unwrap().set_modified(later).unwrap();
}

#[test]
fn native_clients_see_ours_and_everybody_else_theirs() {
    let guested = Guested::new();
    let tls = guested.start();
    let native = || Visitor::trusting(guested.home.authority());
    for (offered, chosen) in [
        (&[][..], None),
        (&[b"h2".as_slice(), b"http/1.1"][..], Some("http/1.1")),
        (&[b"http/1.0".as_slice()][..], Some("http/1.0")),
        (&[b"irc".as_slice()][..], Some("irc")),
    ] {
        let seen = guested.browser().speaking(offered).visit(&tls).unwrap();
        assert_eq!(seen.protocol.as_deref(), chosen.map(str::as_bytes), "{offered:?}");
        native().speaking(offered).visit(&tls).unwrap_err();
    }
    for offered in [&[ALPN_NATIVE][..], &[b"http/1.1".as_slice(), ALPN_NATIVE][..]] {
        let seen = native().speaking(offered).visit(&tls).unwrap();
        assert_eq!(seen.protocol.as_deref(), Some(ALPN_NATIVE));
        assert_eq!(key_of(&seen.chain[1]), tls.authority());
        guested.browser().speaking(offered).visit(&tls).unwrap_err();
    }
}

#[test]
fn without_one_everybody_sees_ours() {
    let home = Home::new();
    let tls = home.start(&today());
    for offered in [&[][..], &[ALPN_NATIVE], &[b"h2".as_slice(), b"http/1.1"][..], &[b"irc"]] {
        let seen = Visitor::trusting(home.authority()).speaking(offered).visit(&tls).unwrap();
        assert_eq!(key_of(&seen.chain[1]), tls.authority(), "{offered:?}");
    }
}

#[test]
fn who_speaks_only_what_the_server_does_not_is_told_so() {
    let tls = Home::new().start(&today());
    for offered in [b"h2".as_slice(), b"ftp", b"acme-tls/1"] {
        let visitor = Visitor::trusting(Home::new().authority_of_its_own()).speaking(&[offered]);
        let error = visitor.visit(&tls).unwrap_err();
        assert_eq!(error, rustls::Error::NoApplicationProtocol, "{offered:?}");
    }
}

impl Home {
    fn authority_of_its_own(&self) -> CertificateDer<'static> {
        self.start(&today());
        self.authority()
    }
}

#[test]
fn a_replaced_one_is_shown_after_a_reload() {
    let guested = Guested::new();
    let tls = guested.start();
    let (chain, key) = guested.trusted.certify(TODAY + 180);
    assert!(!guested.is_shown(&tls, &chain));
    guested.bring(&chain, &key);
    let done = tls.reload_in(&guested.choice, &today()).unwrap();
    assert!(done.iter().any(|done| done.contains("fullchain.pem")), "{done:?}");
    assert!(guested.is_shown(&tls, &chain));
}

#[test]
fn one_can_be_brought_and_taken_back_while_the_server_runs() {
    let guested = Guested::new();
    let tls = guested.home.start(&today());
    let chain = std::fs::read_to_string(&guested.files().chain).unwrap();
    let is_shown = || guested.browser().visit(&tls).is_ok();
    assert!(!is_shown());
    tls.reload_in(&guested.choice, &today()).unwrap();
    assert!(guested.is_shown(&tls, &chain));
    let missing = OwnCertificate { chain: "/missing.pem".into(), ..guested.files().clone() };
    let missing = TlsConfig { certificate: Some(missing), names: vec!["box.example".into()] };
    tls.reload_in(&missing, &today()).unwrap_err();
    assert!(guested.is_shown(&tls, &chain), "what is wrong changes nothing");
    let native = Visitor::trusting(guested.home.authority()).speaking(&[ALPN_NATIVE]);
    native.calling_it("box.example").visit(&tls).unwrap_err();
    tls.reload_in(&TlsConfig::default(), &today()).unwrap();
    assert!(!is_shown());
    tls.check(&today());
    assert!(!is_shown(), "it does not come back");
}

#[test]
fn a_replaced_one_is_noticed_by_itself() {
    let guested = Guested::new();
    let tls = guested.start();
    let before = std::fs::read_to_string(&guested.files().chain).unwrap();
    let (chain, key) = guested.trusted.certify(TODAY + 180);
    // A look between the two files finds a pair that doesn't fit.
    bring_one(&guested.files().chain, &chain);
    tls.check(&today());
    assert!(guested.is_shown(&tls, &before));
    bring_one(&guested.files().key, &key);
    tls.check(&today());
    assert!(guested.is_shown(&tls, &chain));
    // Nothing is read again that has not changed.
    let in_use = || Arc::clone(&tls.upkeep().brought.as_ref().unwrap().certificate.key);
    let before = in_use();
    tls.check(&today());
    assert!(Arc::ptr_eq(&before, &in_use()));
}

#[test]
fn a_broken_one_leaves_the_one_before_and_says_why() {
    let guested = Guested::new();
    let tls = guested.start();
    let before = std::fs::read_to_string(&guested.files().chain).unwrap();
    guested.bring("nothing", "of use");
    let error = tls.reload_in(&guested.choice, &today()).unwrap_err().to_string();
    assert!(error.contains("fullchain.pem"), "{error}");
    assert!(guested.is_shown(&tls, &before));
    std::fs::remove_file(&guested.files().chain).unwrap();
    tls.check(&today());
    assert!(guested.is_shown(&tls, &before));
}

#[test]
fn ours_is_renewed_also_while_theirs_is_broken() {
    let guested = Guested::new();
    let tls = guested.start();
    guested.bring("nothing", "of use");
    tls.check(&here(TODAY, &["10.0.0.7"]));
    let native = Visitor::trusting(guested.home.authority()).speaking(&[ALPN_NATIVE]);
    native.calling_it("10.0.0.7").visit(&tls).unwrap();
}

#[test]
fn files_that_can_not_be_used_are_named_with_the_reason() {
    let guested = Guested::new();
    let OwnCertificate { chain, key } = guested.files();
    let (good_chain, good_key) = guested.trusted.certify(TODAY + 90);
    let (other_chain, _) = guested.trusted.certify(TODAY + 90);
    let half = &good_chain[..good_chain.len() / 2];
    let encrypted =
        "-----BEGIN ENCRYPTED PRIVATE KEY-----\nAAAA\n-----END ENCRYPTED PRIVATE KEY-----\n";
    let wrong_first = other_chain + &good_chain;
    let half_second = format!("{good_chain}{half}");
    for (chain_text, key_text, named, reason) in [
        ("", good_key.as_str(), chain, "no certificate"),
        (half, &good_key, chain, "no certificate"),
        (&half_second, &good_key, chain, "no certificate"),
        (&good_key, &good_key, chain, "no certificate"),
        (&good_chain, "", key, "no private key"),
        (&good_chain, &good_chain, key, "no private key"),
        (&good_chain, encrypted, key, "passphrase"),
        (&wrong_first, &good_key, chain, "come first"),
    ] {
        guested.bring(chain_text, key_text);
        let text = guested.refusal(named);
        assert!(text.contains(reason), "{text}");
    }
    guested.bring(&good_chain, &good_key);
    guested.start();
    std::fs::remove_file(key).unwrap();
    assert!(guested.refusal(key).contains("no such file"));
    std::fs::create_dir(key).unwrap();
    assert!(guested.refusal(key).contains("no file"));
    std::fs::remove_dir(key).unwrap();
    File::create(key).unwrap().set_len(2 << 20).unwrap();
    assert!(guested.refusal(key).contains("1 MiB"));
}

#[test]
fn one_file_can_hold_the_chain_and_the_key() {
    let mut guested = Guested::new();
    let (chain, key) = guested.trusted.certify(TODAY + 90);
    let one = guested.files().chain.clone();
    bring_one(&one, &format!("{key}{chain}"));
    guested.choice.certificate = Some(OwnCertificate { chain: one.clone(), key: one });
    assert!(guested.is_shown(&guested.start(), &chain));
}

#[test]
fn the_operator_hears_in_time_that_it_ends() {
    let guested = Guested::new();
    let brought = Brought::read(guested.files()).unwrap();
    let worry = |day: u64| brought.worry(WallMs(day * DAY_S * 1000));
    assert_eq!(worry(TODAY + 90 - 14), None);
    assert!(worry(TODAY + 90 - 13).unwrap().contains("ends on"));
    assert!(worry(TODAY + 91).unwrap().contains("ended"));
    assert!(worry(0).unwrap().contains("not valid before 1975-01-01"));
}
