//! The real program is killed at random moments under load, and started again: whoever talks comes
//! back, repeats what was not acknowledged, and nothing that was acknowledged is lost or doubled: what
//! was said in rooms and privately, accounts, their rooms, their tokens and their private chats; and bans
//! of the server.
//!
//! `HUBBUB_CRASH_ROUNDS` asks for more rounds, `HUBBUB_CRASH_SEED` repeats a run as far as the
//! system's scheduling lets it.
#![cfg(unix)]
#![allow(clippy::print_stdout, clippy::unwrap_used)]

#[path = "crash/account.rs"]
mod account;
#[path = "../../server/tests/load/mod.rs"]
mod load;
#[path = "crash/operator.rs"]
mod operator;
mod support;

use account::Account;
use hubbub_protocol::{Instance, RoomName};
use load::{Shared, check::check, raw::read_log, talk};
use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::atomic::Ordering;
use std::time::Duration;
use support::{Running, Serve, hubbub};

const TALKERS: usize = 4;
const ROUNDS: u64 = 60;
/// Acknowledgements in a round at most; then the server is killed.
const ROUND_MESSAGES: u64 = 400;
/// Who make accounts, one after the other, and write to each other.
const FAMILIES: usize = 3;
/// Accounts of a family at most: a password takes long.
const FAMILY: usize = 8;
const ACCOUNT_ROUNDS: u64 = 25;
const ROUND_ACCOUNT_MESSAGES: u64 = 80;

fn number(variable: &str) -> Option<u64> {
    std::env::var(variable).ok().map(|text| text.parse().expect("a number"))
}

#[test]
fn kill_9_loses_and_doubles_nothing() {
    let seed = number("HUBBUB_CRASH_SEED").unwrap_or_else(|| fastrand::u64(..));
    let rounds = number("HUBBUB_CRASH_ROUNDS").unwrap_or(ROUNDS);
    println!("HUBBUB_CRASH_SEED={seed} HUBBUB_CRASH_ROUNDS={rounds}");
    let mut rng = fastrand::Rng::with_seed(seed);
    let data = tempfile::tempdir().unwrap();
    let rooms = ["work", "play"].map(|name| RoomName::parse(name).unwrap());
    let shared = Shared::default();
    let mut starts = 0;
    let (reports, log, epoch, bans) = std::thread::scope(|scope| {
        let operator = {
            let (shared, data, seed) = (&shared, data.path(), rng.u64(..));
            scope.spawn(move || operator::operate(shared, data, seed))
        };
        let talkers: Vec<_> = (0..TALKERS)
            .map(|talker| {
                let (shared, rooms, seed) = (&shared, &rooms, rng.u64(..));
                scope.spawn(move || talk(shared, &format!("talker{talker}"), rooms, seed))
            })
            .collect();
        let mut serve = Serve::new(data.path());
        starts += 1;
        *shared.address.lock().unwrap() = Some(serve.address.parse().unwrap());
        for _ in 0..rounds {
            let before = shared.acknowledged.load(Ordering::SeqCst);
            shared.wait_acknowledged(before + rng.u64(0..ROUND_MESSAGES));
            // In the middle of whatever comes then.
            std::thread::sleep(Duration::from_micros(rng.u64(0..3_000)));
            let address = serve.address.clone();
            serve.process.kill();
            if rng.u8(..4) == 0 {
                die_while_starting(&address, data.path(), rng.u64(0..40_000));
            }
            serve = Serve::at(&address, data.path());
            starts += 1;
        }
        shared.finish.store(true, Ordering::SeqCst);
        let reports: Vec<_> = talkers.into_iter().map(|talker| talker.join().unwrap()).collect();
        let (log, epoch) = read_log(serve.address.parse().unwrap(), &rooms);
        let bans = operator::check(data.path(), &operator.join().unwrap());
        (reports, log, epoch, bans)
    });
    let broken = check(&reports, &log);
    assert!(
        broken.is_empty(),
        "seed {seed}: {} promises broken: {:?}",
        broken.len(),
        broken.first()
    );
    let said: usize = log.values().map(Vec::len).sum();
    assert_eq!(said as u64, shared.acknowledged.load(Ordering::SeqCst));
    assert!(epoch >= starts, "seed {seed}: epoch {epoch} after {starts} starts");
    println!("{said} messages and {bans} bans over {starts} starts");
}

#[test]
fn kill_9_loses_no_account_and_no_private_chat() {
    let seed = number("HUBBUB_CRASH_SEED").unwrap_or_else(|| fastrand::u64(..));
    let rounds = number("HUBBUB_CRASH_ROUNDS").unwrap_or(ACCOUNT_ROUNDS);
    println!("HUBBUB_CRASH_SEED={seed} HUBBUB_CRASH_ROUNDS={rounds}");
    let mut rng = fastrand::Rng::with_seed(seed);
    let data = tempfile::tempdir().unwrap();
    let shared = Shared::default();
    let mut serve = Serve::new(data.path());
    let address: SocketAddr = serve.address.parse().unwrap();
    let (mut accounts, serve) = std::thread::scope(|scope| {
        let families: Vec<_> = (0..FAMILIES)
            .map(|family| {
                let (shared, seed) = (&shared, rng.u64(..));
                scope.spawn(move || live(shared, address, family, seed))
            })
            .collect();
        for _ in 0..rounds {
            let before = shared.acknowledged.load(Ordering::SeqCst);
            shared.wait_acknowledged(before + rng.u64(0..ROUND_ACCOUNT_MESSAGES));
            std::thread::sleep(Duration::from_micros(rng.u64(0..3_000)));
            serve = serve.crash(data.path());
        }
        shared.finish.store(true, Ordering::SeqCst);
        let accounts = families.into_iter().flat_map(|family| family.join().unwrap());
        (accounts.collect::<Vec<Account>>(), serve)
    });
    let _serve = serve.crash(data.path());
    let said: BTreeMap<_, _> =
        accounts.iter().map(|account| (account.name.clone(), account.said())).collect();
    for account in &mut accounts {
        account.check(&said);
    }
    let messages = said.values().flat_map(BTreeMap::values).map(Vec::len).sum::<usize>();
    assert!(accounts.len() > FAMILIES && messages > 0, "seed {seed}: nothing happened");
    println!("{} accounts, {messages} messages over {} starts", accounts.len(), rounds + 2);
}

/// Makes accounts until there are enough, each with a room and a private chat with the one before it,
/// which both write in.
fn live(shared: &Shared, address: SocketAddr, family: usize, seed: u64) -> Vec<Account> {
    let mut rng = fastrand::Rng::with_seed(seed);
    let mut accounts: Vec<Account> = Vec::new();
    while !shared.finish.load(Ordering::SeqCst) {
        if accounts.len() < 2 || accounts.len() < FAMILY && rng.u8(..16) == 0 {
            let mut instance = [0; 16];
            rng.fill(&mut instance);
            let name = format!("family{family}-{}", accounts.len());
            let mut account = Account::register(address, name.clone(), Instance(instance));
            account.join(format!("home-of-{name}"));
            if let Some(last) = accounts.last_mut() {
                account.link(last);
            }
            accounts.push(account);
            continue;
        }
        let one = rng.usize(1..accounts.len());
        let (from, to) = if rng.bool() { (one, one - 1) } else { (one - 1, one) };
        let to = accounts[to].name.clone();
        accounts[from].say(&to);
        shared.acknowledged.fetch_add(1, Ordering::SeqCst);
    }
    accounts
}

fn die_while_starting(address: &str, data: &std::path::Path, after_us: u64) {
    let data = data.to_str().unwrap();
    let starting = Running::start(hubbub(&["serve", "--listen", address, "--data", data]));
    std::thread::sleep(Duration::from_micros(after_us));
    starting.kill();
}
