//! What is made again: the server's certificate, whenever it doesn't do any more.

use super::*;

#[test]
fn a_new_address_needs_a_new_certificate_of_the_same_authority() {
    let home = Home::new();
    let tls = home.start(&today());
    let before = leaf(&home, &tls, TODAY);
    let moved = here(TODAY, &["127.0.0.1", "10.0.0.7"]);
    let visitor = Visitor::trusting(home.authority()).calling_it("10.0.0.7");
    visitor.visit(&tls).unwrap_err();

    let config = tls.config();
    let done = tls.reload_in(&TlsConfig::default(), &moved).unwrap();
    assert!(done.len() == 1 && done[0].contains("lacks 10.0.0.7"), "{done:?}");
    assert_ne!(leaf(&home, &tls, TODAY), before);
    visitor.visit(&tls).unwrap();
    assert!(Arc::ptr_eq(&config, &tls.config()));
    assert_eq!(tls.reload_in(&TlsConfig::default(), &moved).unwrap(), Vec::<String>::new());

    let again = home.start(&moved);
    assert_eq!(again.authority(), tls.authority());
    assert_eq!(leaf(&home, &again, TODAY), leaf(&home, &tls, TODAY), "it was kept");
}

#[test]
fn an_address_that_is_gone_changes_nothing() {
    let home = Home::new();
    let tls = home.start(&here(TODAY, &["192.168.1.20", "10.0.0.7"]));
    let before = leaf(&home, &tls, TODAY);
    tls.check(&here(TODAY, &[]));
    assert_eq!(leaf(&home, &tls, TODAY), before);
    let again = home.start(&here(TODAY, &["10.0.0.7"]));
    assert_eq!(leaf(&home, &again, TODAY), before);
}

#[test]
fn a_new_name_is_in_the_certificate_after_the_next_start() {
    let home = Home::new();
    let print = home.start(&today()).authority();
    let choice = TlsConfig { names: vec!["chat.example.org".into()], ..TlsConfig::default() };
    let tls = home.start_with(&choice);
    assert_eq!(tls.authority(), print);
    Visitor::trusting(home.authority()).calling_it("chat.example.org").visit(&tls).unwrap();
}

#[test]
fn a_name_that_is_chosen_while_the_server_runs_is_in_its_certificate() {
    let home = Home::new();
    let tls = home.start(&today());
    let visitor = Visitor::trusting(home.authority()).calling_it("chat.example.org");
    visitor.visit(&tls).unwrap_err();
    let names = |name: &str| TlsConfig { names: vec![name.into()], ..TlsConfig::default() };
    tls.reload_in(&names("a b"), &today()).unwrap_err();
    tls.reload_in(&names("chat.example.org"), &today()).unwrap();
    visitor.visit(&tls).unwrap();
    let moved = here(TODAY, &["10.0.0.7"]);
    tls.check(&moved);
    visitor.visit(&tls).unwrap();
}

#[test]
fn a_certificate_that_ends_soon_is_renewed_while_the_server_runs() {
    let home = Home::new();
    let tls = home.start(&today());
    let before = leaf(&home, &tls, TODAY);
    // Valid from yesterday on, for 397 days, and renewed 30 days before the end.
    let last = TODAY - 1 + 397 - 30 - 1;
    tls.check(&here(last, &[]));
    assert_eq!(leaf(&home, &tls, last), before);
    tls.check(&here(last + 1, &[]));
    assert_ne!(leaf(&home, &tls, last + 1), before);
}

#[test]
fn a_certificate_that_has_ended_is_renewed_at_the_start() {
    let home = Home::new();
    let print = home.start(&today()).authority();
    let years_later = TODAY + 5 * 366;
    let tls = home.start(&here(years_later, &[]));
    assert_eq!(tls.authority(), print);
    Visitor::trusting(home.authority()).on_day(years_later).visit(&tls).unwrap();
}

#[test]
fn the_authority_outlives_a_clock_that_was_never_set() {
    for wrong in [0, 60 * 366] {
        let home = Home::new();
        let tls = home.start(&here(wrong, &[]));
        Visitor::trusting(home.authority()).on_day(wrong).visit(&tls).unwrap();
        let print = tls.authority();
        // The clock is set.
        tls.check(&today());
        Visitor::trusting(home.authority()).visit(&tls).unwrap();
        let tls = home.start(&today());
        assert_eq!(tls.authority(), print);
        Visitor::trusting(home.authority()).visit(&tls).unwrap();
    }
}

#[test]
fn a_clock_beyond_all_calendars_breaks_nothing() {
    let home = Home::new();
    let end_of_time = Surroundings { now: WallMs(u64::MAX), ..today() };
    let tls = home.start(&end_of_time);
    assert_eq!(tls.reload_in(&TlsConfig::default(), &end_of_time).unwrap(), Vec::<String>::new());
    tls.check(&today());
    Visitor::trusting(home.authority()).visit(&tls).unwrap();
}

#[test]
fn the_authority_is_valid_for_decades_whatever_the_clock_says() {
    for day in [0, TODAY, 60 * 366] {
        let home = Home::new();
        home.start(&here(day, &[]));
        let facts = crate::tls::facts::Facts::of(&home.authority()).unwrap();
        let valid = (facts.from_s.cast_unsigned() / DAY_S)..(facts.until_s.cast_unsigned() / DAY_S);
        assert!(valid.contains(&0) && valid.contains(&(TODAY + 40 * 366)), "{valid:?}");
    }
}

#[test]
fn a_certificate_is_no_longer_valid_than_browsers_allow() {
    let home = Home::new();
    let tls = home.start(&today());
    let facts = crate::tls::facts::Facts::of(&leaf(&home, &tls, TODAY)).unwrap();
    let valid_s = (facts.until_s - facts.from_s).cast_unsigned();
    assert!(valid_s <= 397 * DAY_S, "{valid_s}");
    assert_eq!(facts.from_s.cast_unsigned(), (TODAY - 1) * DAY_S);
}

#[test]
fn a_damaged_or_foreign_certificate_is_replaced() {
    let (home, other) = (Home::new(), Home::new());
    let tls = home.start(&today());
    let before = leaf(&home, &tls, TODAY);
    other.start(&today());
    let whole = home.bytes("server.pem");
    let theirs = other.bytes("server.pem");
    let end = |pem: &[u8]| pem.windows(9).position(|w| w == b"-----END ").unwrap();
    // Our certificate with the key of another.
    let mixed = [&whole[..end(&whole)], &theirs[end(&theirs)..]].concat();
    for damaged in [b"".to_vec(), whole[..whole.len() - 100].to_vec(), theirs, mixed] {
        home.write("server.pem", &damaged);
        let tls = home.start(&today());
        assert_ne!(leaf(&home, &tls, TODAY), before);
        assert_ne!(home.bytes("server.pem"), damaged);
    }
}

#[test]
fn a_certificate_that_can_not_be_kept_serves_all_the_same() {
    let home = Home::new();
    let tls = home.start(&today());
    let kept = home.bytes("server.pem");
    // Nothing can be written there.
    std::fs::create_dir(home.file("server.pem.new")).unwrap();
    let moved = here(TODAY, &["10.0.0.7"]);
    tls.check(&moved);
    Visitor::trusting(home.authority()).calling_it("10.0.0.7").visit(&tls).unwrap();
    assert_eq!(home.bytes("server.pem"), kept);
    Visitor::trusting(home.authority()).calling_it("10.0.0.7").visit(&home.start(&moved)).unwrap();
}
