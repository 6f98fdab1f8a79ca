//! What the settings mean for the server: where it listens, and what follows from who may reach it.

use super::limits::set;
use super::{Reach, Settings, is_open};
use hubbub_protocol::Registration;
use hubbub_server::{HubConfig, OwnCertificate, ServerConfig, TlsConfig};
use std::net::SocketAddr;
use std::path::PathBuf;

pub(super) const DAY_MS: u64 = 24 * 60 * 60 * 1000;
/// The port of a Hubbub server, if none is chosen.
pub(crate) const PORT: u16 = 5000;

/// Where to listen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Place {
    /// On the addresses for this reach, on this port.
    For(Reach, u16),
    /// On these.
    At(Vec<SocketAddr>),
}

/// A server to be started.
#[derive(Clone, Debug)]
pub(crate) struct Plan {
    /// Who can reach it, and is let in accordingly.
    pub(crate) reach: Reach,
    /// Where it is to listen.
    pub(crate) place: Place,
    /// All else; `listen` is empty.
    pub(crate) server: ServerConfig,
}

impl Plan {
    /// From all layers together.
    pub(crate) fn new(settings: Settings, data: PathBuf) -> Self {
        let tls_listen = settings.tls.listen.unwrap_or_default();
        let stated = settings.reach.unwrap_or(Reach::Local);
        let is_open = |at: &[SocketAddr]| at.iter().any(is_open);
        // An open port of whatever kind makes the policy stricter, but opens no other port.
        let at = settings.listen.as_deref().unwrap_or_default();
        let reach = match stated {
            Reach::Local if is_open(at) || is_open(&tls_listen) => Reach::Lan,
            stated => stated,
        };
        let place = match settings.listen {
            Some(listen) => Place::At(listen),
            None => Place::For(stated, settings.port.unwrap_or(PORT)),
        };

        let mut server = ServerConfig::new(Vec::new(), data);
        server.listen_tls = tls_listen;
        server.health = settings.health.listen;
        let hub = &mut server.hub;
        defaults_of(reach, hub);
        set(&mut hub.guests, settings.guests);
        set(&mut hub.registration, settings.registration.map(Into::into));
        set(&mut hub.private, settings.private.map(Into::into));
        set(&mut hub.retention, settings.history.map(Into::into));
        set(&mut hub.plaintext_passwords, settings.plaintext_passwords);
        set(&mut hub.audit_ms, settings.audit_days.map(|days| days * DAY_MS));
        settings.limits.apply(&mut hub.limits);
        set(&mut server.login_ms, settings.limits.login_s.map(|seconds| seconds * 1000));
        set(&mut server.probe_ms, settings.limits.idle_probe_s.map(|seconds| seconds * 1000));
        let proxies = settings.limits.proxies.unwrap_or_default();
        server.proxies = proxies.iter().map(|net| net.0).collect();
        settings.outbox.apply(&mut server.outbox, &mut server.outboxes_bytes);
        settings.transcripts.apply(&mut server);
        let own = settings.tls.certificate.zip(settings.tls.key);
        server.tls = TlsConfig {
            certificate: own.map(|(chain, key)| OwnCertificate { chain, key }),
            names: settings.tls.names.unwrap_or_default(),
        };
        Self { reach, place, server }
    }
}

/// The further a server reaches, the less it lets in by itself.
fn defaults_of(reach: Reach, hub: &mut HubConfig) {
    match reach {
        Reach::Local => {}
        Reach::Lan => hub.plaintext_passwords = false,
        Reach::Internet => {
            hub.plaintext_passwords = false;
            hub.guests = false;
            hub.registration = Registration::Invite;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::{Arguments, Command};
    use clap::Parser;
    use hubbub_protocol::PrivatePolicy;
    use hubbub_protocol::frame::Retention;

    fn flags(arguments: &[&str]) -> Settings {
        let all = [&["hubbub", "serve"], arguments].concat();
        let Command::Serve(options) = Arguments::parse_from(all).command else {
            panic!("another command")
        };
        options.settings()
    }

    fn file(text: &str) -> Settings {
        toml::from_str(text).unwrap()
    }

    fn plan(settings: Settings) -> Plan {
        Plan::new(settings, PathBuf::from("data"))
    }

    fn chosen(arguments: &[&str]) -> Plan {
        plan(flags(arguments))
    }

    #[test]
    fn without_any_setting_everything_is_as_the_server_has_it() {
        let plan = chosen(&[]);
        let server = ServerConfig::new(Vec::new(), PathBuf::from("data"));
        assert_eq!(format!("{:?}", plan.server), format!("{server:?}"));
        assert_eq!((plan.reach, plan.place), (Reach::Local, Place::For(Reach::Local, 5000)));
    }

    #[test]
    fn an_operator_can_close_every_way_in() {
        let options = ["--guests", "no", "--registration", "invite", "--private", "closed"];
        let hub = chosen(&[&options[..], &["--audit-days", "7", "--history", "none"]].concat());
        let hub = hub.server.hub;
        assert!(!hub.guests);
        assert_eq!(hub.registration, Registration::Invite);
        assert_eq!(hub.private, PrivatePolicy::Closed);
        assert_eq!(hub.audit_ms, 7 * DAY_MS);
        assert_eq!(hub.retention, Retention::None);
    }

    #[test]
    fn the_further_it_reaches_the_less_comes_in_by_itself() {
        let of = |arguments: &[&str]| {
            let hub = chosen(arguments).server.hub;
            (hub.guests, hub.registration, hub.plaintext_passwords)
        };
        assert_eq!(of(&["--local"]), (true, Registration::Open, true));
        assert_eq!(of(&["--lan"]), (true, Registration::Open, false));
        assert_eq!(of(&["--internet"]), (false, Registration::Invite, false));
        let all = ["--internet", "--guests", "yes", "--registration", "open"];
        let all = [&all[..], &["--plaintext-passwords", "yes"]].concat();
        assert_eq!(of(&all), (true, Registration::Open, true));
    }

    #[test]
    fn an_address_that_others_reach_is_like_the_local_network() {
        let reach = |arguments: &[&str]| {
            let plan = chosen(arguments);
            assert_eq!(plan.server.hub.plaintext_passwords, plan.reach == Reach::Local);
            plan.reach
        };
        for inside in ["127.0.0.1:0", "127.0.0.2:0", "[::1]:0", "[::ffff:127.0.0.1]:0"] {
            assert_eq!(reach(&["--listen", inside]), Reach::Local, "{inside}");
        }
        for outside in ["0.0.0.0:0", "[::]:0", "192.168.1.5:0"] {
            assert_eq!(reach(&["--listen", outside]), Reach::Lan, "{outside}");
            assert_eq!(reach(&["--listen", "[::1]:0", "--listen", outside]), Reach::Lan);
        }
        assert_eq!(reach(&["--listen-tls", "0.0.0.0:0"]), Reach::Lan);
        assert_eq!(reach(&["--listen-tls", "127.0.0.1:0"]), Reach::Local);
    }

    #[test]
    fn an_open_port_for_tls_opens_no_other_port() {
        for open in ["0.0.0.0:5443", "[::]:5443", "192.168.1.5:5443"] {
            for local in [&["--local"][..], &[]] {
                let plan = chosen(&[local, &["--listen-tls", open]].concat());
                assert_eq!(plan.place, Place::For(Reach::Local, 5000), "{open}");
                assert_eq!(plan.reach, Reach::Lan, "who comes in there is not of this computer");
                assert_eq!(plan.server.listen_tls, [open.parse().unwrap()]);
            }
            let plan = chosen(&["--listen", "127.0.0.1:5000", "--listen-tls", open]);
            assert_eq!(plan.place, Place::At(vec!["127.0.0.1:5000".parse().unwrap()]));
            assert_eq!(plan.reach, Reach::Lan);
        }
    }

    #[test]
    fn who_is_let_in_does_not_follow_from_where_it_listens() {
        let open = Place::At(vec!["0.0.0.0:5000".parse().unwrap()]);
        let behind_a_proxy = chosen(&["--internet", "--listen", "127.0.0.1:5000"]);
        assert_eq!(behind_a_proxy.reach, Reach::Internet);
        let internet = chosen(&["--internet", "--listen", "0.0.0.0:5000"]);
        assert_eq!((internet.reach, &internet.place), (Reach::Internet, &open));
        assert!(!internet.server.hub.guests);
        let both = "reach = \"internet\"\nlisten = [\"0.0.0.0:5000\"]";
        assert_eq!(plan(file(both)).reach, Reach::Internet);

        // An option for the place alone leaves the policy of the file.
        for (below, reach) in [
            ("reach = \"internet\"", Reach::Internet),
            ("reach = \"lan\"", Reach::Lan),
            ("reach = \"local\"", Reach::Lan),
            ("", Reach::Lan),
        ] {
            let plan = plan(flags(&["--listen", "0.0.0.0:5000"]).over(file(below)));
            assert_eq!((plan.reach, &plan.place), (reach, &open), "{below}");
            let is_internet = reach == Reach::Internet;
            let hub = plan.server.hub;
            assert_eq!(hub.guests, !is_internet);
            assert_eq!(hub.registration == Registration::Invite, is_internet);
        }
        // One for the reach says the place anew.
        let below = "listen = [\"0.0.0.0:5000\"]\n[tls]\nlisten = [\"0.0.0.0:5443\"]";
        let local = plan(flags(&["--local"]).over(file(below)));
        assert_eq!((local.reach, local.place), (Reach::Local, Place::For(Reach::Local, 5000)));
        assert_eq!(local.server.listen_tls, []);
    }

    #[test]
    fn flags_go_before_the_file_and_the_file_before_the_defaults() {
        let text = "reach = \"internet\"\nport = 6000\naudit_days = 5\nguests = true
            [tls]\nnames = [\"chat.example\"]\ncertificate = \"a\"\nkey = \"b\"
            [limits]\nproxies = [\"10.0.0.1\"]\nconnections = 9
            [limits.user]\njoins = { burst = 7, per_minute = 8 }";
        let over = |arguments: &[&str]| plan(flags(arguments).over(file(text)));
        let plan = over(&[]);
        assert_eq!((plan.reach, plan.place), (Reach::Internet, Place::For(Reach::Internet, 6000)));
        assert!(plan.server.hub.guests, "the file goes before what follows from the reach");
        assert_eq!(plan.server.hub.audit_ms, 5 * DAY_MS);
        assert_eq!(plan.server.hub.limits.connections, 9);
        let joins = plan.server.hub.limits.user[hubbub_server::Limited::Joins];
        assert_eq!((joins.burst, joins.per_minute), (7, 8));

        let options = ["--local", "--audit-days", "6", "--name", "box", "--proxy-from", "10.0.0.2"];
        let plan = over(&options);
        assert_eq!((plan.reach, plan.place), (Reach::Local, Place::For(Reach::Local, 6000)));
        assert_eq!(plan.server.hub.audit_ms, 6 * DAY_MS);
        assert_eq!(plan.server.tls.names, ["box"]);
        assert_eq!(plan.server.proxies, ["10.0.0.2/32".parse().unwrap()]);

        let plan = over(&["--listen", "127.0.0.1:7", "--certificate", "c", "--key", "d"]);
        assert_eq!(plan.reach, Reach::Internet, "who is let in is as the file says");
        assert_eq!(plan.place, Place::At(vec!["127.0.0.1:7".parse().unwrap()]));
        let own = plan.server.tls.certificate.unwrap();
        assert_eq!((own.chain, own.key), ("c".into(), "d".into()));

        let listen = "listen = [\"127.0.0.1:7\"]";
        let plan = super::Plan::new(flags(&["--lan"]).over(file(listen)), PathBuf::new());
        assert_eq!((plan.reach, plan.place), (Reach::Lan, Place::For(Reach::Lan, 5000)));
    }
}
