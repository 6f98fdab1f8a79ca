//! What is otherwise between the settings that run and those that were read, in the words of the settings
//! file.

use crate::config::{OwnCertificate, ServerConfig, TlsConfig, TranscriptFiles};
use crate::outbox::OutboxLimits;
use hubbub_hub::{HubConfig, IntakeLimits, Limited, Limits, Rate, Rates};
use hubbub_protocol::frame::Retention;
use hubbub_protocol::{PrivatePolicy, Registration};
use std::fmt::Display;
use std::net::SocketAddr;

const SECOND_MS: u64 = 1000;
const DAY_MS: u64 = 24 * 60 * 60 * SECOND_MS;

/// Two sets of settings, compared.
#[derive(Debug)]
pub(super) struct Comparison {
    /// What may run from now on: the new ones, as far as they need no restart.
    pub(super) config: ServerConfig,
    pub(super) applied: Vec<String>,
    pub(super) needs_restart: Vec<String>,
}

/// Compares. Whatever a server has must be named here: what is new and forgotten doesn't compile.
pub(super) fn compare(running: &ServerConfig, new: ServerConfig) -> Comparison {
    let ServerConfig {
        listen,
        listen_tls,
        data,
        hub,
        lanes,
        sniff_ms,
        login_ms,
        outbox,
        outboxes_bytes,
        tls,
        proxies,
        probe_ms,
        health,
        transcripts: files,
        // The way to read them stays.
        reload: _,
    } = new;
    let mut all =
        Comparison { config: running.clone(), applied: Vec::new(), needs_restart: Vec::new() };
    all.wait("listen", &running.listen, &listen, |at| list(at));
    all.wait("tls.listen", &running.listen_tls, &listen_tls, |at| list(at));
    let moves = !all.needs_restart.is_empty();
    let somewhere = |at: &Option<SocketAddr>| at.map_or("none".into(), |at| at.to_string());
    all.wait("health.listen", &running.health, &health, somewhere);
    if running.hub.transcripts != hub.transcripts {
        all.needs_restart.push("transcripts: other rooms".into());
    }
    let TranscriptFiles { folder, rotate_bytes, keep } = &files;
    let now = &running.transcripts;
    all.wait("transcripts.folder", &now.folder, folder, |folder| quoted(folder.display()));
    all.wait("transcripts.rotate_bytes", &now.rotate_bytes, rotate_bytes, u64::to_string);
    all.wait("transcripts.keep", &now.keep, keep, u32::to_string);
    all.wait("data", &running.data, &data, |folder| quoted(folder.display()));
    all.wait("lanes", &running.lanes, &lanes, usize::to_string);
    all.wait("sniff_ms", &running.sniff_ms, &sniff_ms, u64::to_string);
    all.compare_hub(hub, moves);
    all.apply("limits.login_s", |config| &mut config.login_ms, login_ms, seconds);
    all.apply("limits.idle_probe_s", |config| &mut config.probe_ms, probe_ms, seconds);
    all.apply("limits.proxies", |config| &mut config.proxies, proxies, |nets| list(nets));
    let OutboxLimits { bytes, frames, age_ms } = outbox;
    all.apply("outbox.bytes", |config| &mut config.outbox.bytes, bytes, usize::to_string);
    all.apply("outbox.frames", |config| &mut config.outbox.frames, frames, usize::to_string);
    all.apply("outbox.age_s", |config| &mut config.outbox.age_ms, age_ms, seconds);
    let of_all = outboxes_bytes;
    all.apply("outbox.all_bytes", |config| &mut config.outboxes_bytes, of_all, usize::to_string);
    let TlsConfig { certificate, names } = tls;
    all.apply("tls.certificate", |config| &mut config.tls.certificate, certificate, own);
    all.apply("tls.names", |config| &mut config.tls.names, names, |names| list(names));
    all
}

impl Comparison {
    /// A setting that can be changed.
    fn apply<T: PartialEq>(
        &mut self,
        name: &str,
        of: impl FnOnce(&mut ServerConfig) -> &mut T,
        new: T,
        show: impl Fn(&T) -> String,
    ) {
        let running = of(&mut self.config);
        if *running != new {
            self.applied.push(format!("{name}: {} -> {}", show(running), show(&new)));
            *running = new;
        }
    }

    /// A setting that can't be changed.
    fn wait<T: PartialEq>(
        &mut self,
        name: &str,
        running: &T,
        new: &T,
        show: impl Fn(&T) -> String,
    ) {
        if running != new {
            self.needs_restart.push(format!("{name}: {} -> {}", show(running), show(new)));
        }
    }

    /// One that says who is let in. Where it listens and who is let in belong together: while the server
    /// still listens as before, nobody more is let in, only less.
    fn admit<T: PartialEq>(
        &mut self,
        name: &str,
        of: impl FnOnce(&mut ServerConfig) -> &mut T,
        (new, waits): (T, bool),
        show: impl Fn(&T) -> String,
    ) {
        if waits {
            let running = of(&mut self.config);
            let line = format!("{name}: {} -> {}", show(running), show(&new));
            self.needs_restart.push(line);
        } else {
            self.apply(name, of, new, show);
        }
    }

    fn compare_hub(&mut self, new: HubConfig, moves: bool) {
        let HubConfig {
            lobby,
            retention,
            empty_room_ms,
            resume_hold_ms,
            presence_members,
            presence_count_ms,
            guests,
            registration,
            private,
            // The server puts in its own.
            key: _,
            setup: _,
            // Above, with the files.
            transcripts: _,
            audit_ms,
            limits,
            plaintext_passwords,
        } = new;
        let running = self.config.hub.clone();
        self.wait("lobby", &running.lobby, &lobby, |room| quoted(room));
        self.wait("empty_room_ms", &running.empty_room_ms, &empty_room_ms, u64::to_string);
        self.wait("resume_hold_ms", &running.resume_hold_ms, &resume_hold_ms, u64::to_string);
        let members = (running.presence_members, presence_members);
        self.wait("presence_members", &members.0, &members.1, usize::to_string);
        let count_ms = (running.presence_count_ms, presence_count_ms);
        self.wait("presence_count_ms", &count_ms.0, &count_ms.1, u64::to_string);

        let waits = moves && guests && !running.guests;
        self.admit("guests", |config| &mut config.hub.guests, (guests, waits), bool::to_string);
        let waits = moves && openness(registration) > openness(running.registration);
        self.admit(
            "registration",
            |config| &mut config.hub.registration,
            (registration, waits),
            |who| quoted(word_of_registration(*who)),
        );
        let waits = moves && plaintext_passwords && !running.plaintext_passwords;
        self.admit(
            "plaintext_passwords",
            |config| &mut config.hub.plaintext_passwords,
            (plaintext_passwords, waits),
            bool::to_string,
        );
        self.apply(
            "private",
            |config| &mut config.hub.private,
            private,
            |who| quoted(word_of_private(*who)),
        );
        self.apply("history", |config| &mut config.hub.retention, retention, retention_in_words);
        self.apply(
            "audit_days",
            |config| &mut config.hub.audit_ms,
            audit_ms,
            |ms| (ms / DAY_MS).to_string(),
        );
        self.compare_limits(limits);
    }

    fn compare_limits(&mut self, new: Limits) {
        let Limits {
            user,
            address,
            room,
            connects,
            connections_per_address,
            connections,
            intake,
            exempt,
        } = new;
        self.apply("limits.connects", |config| &mut config.hub.limits.connects, connects, rate);
        self.apply(
            "limits.connections_per_address",
            |config| &mut config.hub.limits.connections_per_address,
            connections_per_address,
            u32::to_string,
        );
        self.apply(
            "limits.connections",
            |config| &mut config.hub.limits.connections,
            connections,
            u32::to_string,
        );
        self.apply(
            "limits.exempt",
            |config| &mut config.hub.limits.exempt,
            exempt,
            |nets| list(nets),
        );
        self.compare_rates("user", |config| &mut config.hub.limits.user, &user);
        self.compare_rates("address", |config| &mut config.hub.limits.address, &address);
        self.compare_rates("room", |config| &mut config.hub.limits.room, &room);
        let IntakeLimits { reads, bytes, address_reads, address_bytes } = intake;
        type Of = fn(&mut IntakeLimits) -> &mut Rate;
        for (name, of, new) in [
            ("reads", (|intake| &mut intake.reads) as Of, reads),
            ("bytes", |intake| &mut intake.bytes, bytes),
            ("address_reads", |intake| &mut intake.address_reads, address_reads),
            ("address_bytes", |intake| &mut intake.address_bytes, address_bytes),
        ] {
            let name = format!("limits.intake.{name}");
            self.apply(&name, |config| of(&mut config.hub.limits.intake), new, rate);
        }
    }

    fn compare_rates(
        &mut self,
        section: &str,
        of: impl Fn(&mut ServerConfig) -> &mut Rates,
        new: &Rates,
    ) {
        for &kind in Limited::ALL {
            let name = format!("limits.{section}.{}", kind.word());
            self.apply(&name, |config| &mut of(config)[kind], new[kind], rate);
        }
    }
}

/// The more, the more people may make an account.
fn openness(registration: Registration) -> u8 {
    match registration {
        Registration::Closed => 0,
        Registration::Invite => 1,
        Registration::Open => 2,
    }
}

fn word_of_registration(registration: Registration) -> &'static str {
    match registration {
        Registration::Closed => "closed",
        Registration::Invite => "invite",
        Registration::Open => "open",
    }
}

fn word_of_private(private: PrivatePolicy) -> &'static str {
    match private {
        PrivatePolicy::Ask => "ask",
        PrivatePolicy::Open => "open",
        PrivatePolicy::Closed => "closed",
    }
}

fn retention_in_words(retention: &Retention) -> String {
    match retention {
        Retention::Forever => quoted("forever"),
        Retention::None => quoted("none"),
        Retention::Days(days) => format!("{days} days"),
        Retention::Messages(messages) => format!("{messages} messages"),
    }
}

fn rate(rate: &Rate) -> String {
    format!("{{ burst = {}, per_minute = {} }}", rate.burst, rate.per_minute)
}

fn seconds(ms: &u64) -> String {
    (ms / SECOND_MS).to_string()
}

fn own(certificate: &Option<OwnCertificate>) -> String {
    match certificate {
        Some(own) => {
            format!("{} with the key {}", quoted(own.chain.display()), quoted(own.key.display()))
        }
        None => "none".into(),
    }
}

fn quoted(value: impl Display) -> String {
    format!("\"{value}\"")
}

fn list<T: Display>(values: &[T]) -> String {
    let values: Vec<_> = values.iter().map(quoted).collect();
    format!("[{}]", values.join(", "))
}
