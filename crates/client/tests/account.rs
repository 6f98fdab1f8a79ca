//! Coming in as an account, becoming one, and what its sessions tell each other.
#![allow(clippy::unwrap_used)]

#[allow(unreachable_pub)]
mod model;

use hubbub_client::{AskError, ClientEvent, ConnectionState, Core, CoreConfig, Enter, RequestId};
use hubbub_protocol::frame::*;
use hubbub_protocol::secret::Hidden;
use hubbub_protocol::*;
use model::script::*;
use model::{author, room, user};

fn name(name: &str) -> UserName {
    UserName::parse(name).unwrap()
}
fn lobby() -> RoomName {
    RoomName::parse("lobby").unwrap()
}
fn password(password: &str) -> Password {
    Password::given(password).unwrap()
}

fn with(enter: Enter, resume: Option<ResumeToken>) -> Script {
    let mut config = CoreConfig::new(name("ann"), Instance([7; 16]));
    (config.enter, config.resume) = (enter, resume);
    Script { core: Core::new(config), now: MonoMs(0) }
}

/// What the next hello says: its number, name, token, password, whether it registers, invite.
type Hello = (u64, String, bool, Option<String>, bool, Option<String>);

fn hello(script: &mut Script) -> Hello {
    let frames = script.frames();
    let [(id, Request::Hello { name, resume, password, register, invite, .. })] = &frames[..]
    else {
        panic!("{frames:?}")
    };
    let shown = |hidden: &Option<Hidden>| hidden.as_ref().map(|hidden| hidden.expose().to_owned());
    (*id, name.clone().unwrap(), resume.is_some(), shown(password), *register, shown(invite))
}

fn connect(script: &mut Script) -> Hello {
    script.core.connected(script.now);
    hello(script)
}

fn account(id: u64) -> ServerFrame {
    let mut frame = welcome(id);
    if let ServerFrame::Welcome { account, .. } = &mut frame {
        *account = true;
    }
    frame
}

fn login_refused(script: &mut Script) -> Option<ErrorCode> {
    script.events().into_iter().find_map(|event| match event {
        ClientEvent::LoginRefused { code, .. } => Some(code),
        _ => None,
    })
}

#[test]
fn a_password_logs_in_and_the_token_does_so_later() {
    let mut script = with(Enter::Password(password("opensesame")), None);
    let (id, who, token, said, register, _) = connect(&mut script);
    assert_eq!(
        (who.as_str(), token, said.as_deref(), register),
        ("ann", false, Some("opensesame"), false)
    );
    script.get(account(id));
    assert!(script.core.is_account());
    let connected = script.events().remove(0);
    let ClientEvent::Connected { account: true, token, .. } = connected else {
        panic!("{connected:?}")
    };
    assert_eq!(Some(token), script.core.resume_token());
    script.break_connection();
    let (id, _, token, said, ..) = connect(&mut script);
    assert_eq!((token, said), (true, None), "a token is enough");
    // The token no longer counts: its login was ended.
    script.get(error(id, ErrorCode::LoginNeeded));
    let (id, _, token, said, ..) = hello(&mut script);
    assert_eq!((token, said.as_deref()), (false, Some("opensesame")));
    script.get(error(id, ErrorCode::WrongPassword));
    assert_eq!(login_refused(&mut script), Some(ErrorCode::WrongPassword));
    assert_eq!(script.frames(), []);
}

#[test]
fn a_refused_login_waits_for_the_program() {
    use ErrorCode::*;
    let codes = [
        LoginNeeded,
        WrongPassword,
        PasswordInvalid,
        RegistrationClosed,
        InviteNeeded,
        InviteInvalid,
    ];
    for code in codes {
        let mut script = with(Enter::Password(password("wrong")), None);
        let (id, ..) = connect(&mut script);
        script.get(error(id, code));
        assert_eq!(login_refused(&mut script), Some(code));
        assert_eq!(script.core.connection(), ConnectionState::LoginRefused);
        assert_eq!(script.frames(), []);
        script.close(CloseCode::LoginTimeout);
        script.break_connection();
        assert_eq!(script.core.reconnect_delay_ms(0), None, "the password is not tried again");
        script.core.set_login(name("bob"), Enter::Password(password("right")));
        assert!(script.core.reconnect_delay_ms(0).is_some());
        let (id, who, _, said, ..) = connect(&mut script);
        assert_eq!((who.as_str(), said.as_deref()), ("bob", Some("right")));
        // While the connection stands, at once.
        script.get(error(id, code));
        script.core.set_login(name("cleo"), Enter::Guest);
        let (_, who, _, said, ..) = hello(&mut script);
        assert_eq!((who.as_str(), said), ("cleo", None));
    }
}

#[test]
fn to_register_is_said_once_and_then_it_is_a_login() {
    let invite = Some(Hidden::new("code"));
    let enter = Enter::Register { password: password("opensesame"), invite };
    let mut script = with(enter, Some(ResumeToken([9; 16])));
    let (_, _, token, said, register, invite) = connect(&mut script);
    assert_eq!((token, said.as_deref(), register), (false, Some("opensesame"), true));
    assert_eq!(invite.as_deref(), Some("code"));
    // The answer is lost. If the server had heard it, the name is an account's now.
    script.break_connection();
    let (id, _, _, _, register, _) = connect(&mut script);
    assert!(register);
    script.get(error(id, ErrorCode::NameTaken));
    let (id, _, _, said, register, _) = hello(&mut script);
    assert_eq!((said.as_deref(), register), (Some("opensesame"), false));
    script.get(account(id));
    script.close(CloseCode::LoginTimeout);
    script.break_connection();
    let (_, _, token, said, register, _) = connect(&mut script);
    assert_eq!((token, said.as_deref(), register), (false, Some("opensesame"), false));
}

#[test]
fn a_name_that_is_taken_is_not_mistaken_for_a_lost_registration() {
    let enter = Enter::Register { password: password("opensesame"), invite: None };
    let mut script = with(enter, None);
    let (id, ..) = connect(&mut script);
    script.get(error(id, ErrorCode::NameTaken));
    assert_eq!(script.frames(), []);
    assert!(matches!(script.events()[..], [ClientEvent::NameRefused { .. }]));
    script.core.set_name(name("bob"));
    let (_, who, _, _, register, _) = hello(&mut script);
    assert_eq!((who.as_str(), register), ("bob", true));
}

#[test]
fn a_login_that_was_ended_does_not_come_back_by_itself() {
    for code in [CloseCode::Revoked, CloseCode::LoginFailures] {
        let mut script = with(Enter::Password(password("opensesame")), None);
        let (id, ..) = connect(&mut script);
        script.get(account(id));
        script.close(code);
        script.break_connection();
        assert_eq!(script.core.reconnect_delay_ms(0), None, "{code:?}");
        assert!(script.events().contains(&ClientEvent::Disconnected { returns: false }));
        script.core.set_login(name("ann"), Enter::Password(password("opensesame")));
        assert!(script.core.reconnect_delay_ms(0).is_some());
    }
}

#[test]
fn a_guest_becomes_an_account() {
    let mut script = live_script();
    let request = script.core.register(password("opensesame"), None).unwrap();
    assert!(matches!(&script.frames()[..], [(_, Request::Register { .. })]));
    let user = author(1, "ann");
    script.get(ServerFrame::You { id: Some(request.0), user: user.clone(), account: true });
    let you = ClientEvent::You { request: Some(request), user, account: true };
    assert_eq!(script.events(), [you]);
    script.close(CloseCode::LoginTimeout);
    script.break_connection();
    let (_, _, _, said, register, _) = connect(&mut script);
    assert_eq!((said.as_deref(), register), (Some("opensesame"), false));
}

#[test]
fn a_new_password_is_used_from_then_on() {
    let mut script = with(Enter::Password(password("old")), None);
    let (id, ..) = connect(&mut script);
    script.get(account(id));
    script.events();
    let request = script.core.change_password(&password("old"), password("opensesame")).unwrap();
    script.frames();
    script.get(ServerFrame::Done { id: Some(request.0) });
    assert_eq!(script.events(), [ClientEvent::Done { request }]);
    script.close(CloseCode::LoginTimeout);
    script.break_connection();
    assert_eq!(connect(&mut script).3.as_deref(), Some("opensesame"));
}

#[test]
fn another_login_begins_everything_anew() {
    let mut script = live_script();
    let request = script.core.login(&name("bob"), password("opensesame")).unwrap();
    assert!(matches!(&script.frames()[..], [(_, Request::Login { .. })]));
    script.core.send(&room("lobby"), "as bob", MessageKind::Text).unwrap();
    assert_eq!(script.frames(), [], "who says it is not known yet");
    let mut frame = account(request.0);
    if let ServerFrame::Welcome { user, rooms, .. } = &mut frame {
        *user = author(5, "bob");
        rooms.push(RoomName::parse("work").unwrap());
    }
    script.get(frame);
    let events = script.events();
    assert!(events.contains(&ClientEvent::Done { request }), "{events:?}");
    assert_eq!(script.core.user(), Some(&author(5, "bob")));
    let (after, rest) = script.join(CatchUp::Live, 4);
    assert_eq!(after, Some(at(4)));
    let [(_, Request::Join { .. }), (_, Request::Send { .. })] = &rest[..] else {
        panic!("{rest:?}")
    };
    script.close(CloseCode::LoginTimeout);
    script.break_connection();
    let (_, who, _, said, ..) = connect(&mut script);
    assert_eq!((who.as_str(), said.as_deref()), ("bob", Some("opensesame")));
}

#[test]
fn a_refused_login_of_a_session_changes_nothing() {
    let mut script = live_script();
    let request = script.core.login(&name("bob"), password("wrong")).unwrap();
    script.core.send(&room("lobby"), "as ann", MessageKind::Text).unwrap();
    script.frames();
    script.get(error(request.0, ErrorCode::WrongPassword));
    assert!(matches!(&script.frames()[..], [(_, Request::Send { .. })]));
    let refused = script.events();
    let Some(ClientEvent::Refused { request: Some(of), .. }) = refused.last() else {
        panic!("{refused:?}")
    };
    assert_eq!(*of, request);
    script.break_connection();
    assert_eq!(connect(&mut script).3, None);
}

#[test]
fn to_log_out_is_the_end() {
    let mut script = live_script();
    script.core.logout().unwrap();
    assert!(matches!(&script.frames()[..], [(_, Request::Logout)]));
    assert!(script.core.send(&room("lobby"), "hi", MessageKind::Text).is_err());
    assert_eq!(script.core.nick(&name("bob")), Err(AskError::Offline));
    script.close(CloseCode::Bye);
    script.break_connection();
    assert_eq!(script.core.connection(), ConnectionState::Stopped);
    assert_eq!(script.core.resume_token(), None);
    // A guest has nothing to log out of.
    let mut script = live_script();
    script.core.logout().unwrap();
    let (id, _) = script.frames().remove(0);
    script.get(error(id, ErrorCode::NotAccount));
    script.break_connection();
    assert!(script.core.reconnect_delay_ms(0).is_some() && script.core.resume_token().is_some());
}

#[test]
fn another_name_is_kept_for_later() {
    let mut script = live_script();
    let request = script.core.nick(&name("anna")).unwrap();
    script.frames();
    let user = author(1, "anna");
    script.get(ServerFrame::You { id: Some(request.0), user: user.clone(), account: false });
    assert_eq!(script.core.user(), Some(&user));
    script.get(ServerFrame::You { id: None, user: author(1, "anne"), account: true });
    let you = ClientEvent::You { request: None, user: author(1, "anne"), account: true };
    assert_eq!(script.events().last(), Some(&you));
    script.break_connection();
    assert_eq!(connect(&mut script).1, "anne");
}

#[test]
fn sessions_of_an_account_follow_each_other() {
    let mut script = live_script();
    let work = RoomName::parse("work").unwrap();
    script.get(ServerFrame::Entered { room: work.clone() });
    assert_eq!(script.events(), [ClientEvent::Entered { room: work }]);
    let frames = script.frames();
    let [(_, Request::Join { target, .. })] = &frames[..] else { panic!("{frames:?}") };
    assert_eq!(target, &Target::Room("work".into()));
    script.get(ServerFrame::Gone { room: lobby() });
    assert_eq!(script.events(), [ClientEvent::Left { room: lobby() }]);
    assert!(script.core.conversation(&room("lobby")).is_none());
    let target = Target::User("bob".into());
    script.get(ServerFrame::Marked { target: target.clone(), seq: Seq(7) });
    script.get(ServerFrame::Drafted { target, text: None });
    let conversation = user("bob");
    let marked = ClientEvent::Marked { conversation: conversation.clone(), seq: Seq(7) };
    assert_eq!(script.events(), [marked, ClientEvent::Drafted { conversation, text: None }]);
}

#[test]
fn a_room_that_is_joined_again_is_not_gone() {
    let mut script = live_script();
    script.core.join(&room("lobby")).unwrap();
    script.get(ServerFrame::Gone { room: lobby() });
    script.join(CatchUp::Live, 4);
    assert!(script.core.conversation(&room("lobby")).unwrap().is_live());
}

#[test]
fn a_group_is_joined_when_it_is_made() {
    let mut script = live_script();
    let den = RoomName::parse("den").unwrap();
    let request = script.core.group(&den, None).unwrap();
    script.frames();
    script.get(ServerFrame::Joined {
        info: None,
        id: Some(request.0),
        target: Target::Room("den".into()),
        head: Position { room: RoomId(30), epoch: Epoch(1), seq: Seq(0) },
        catch_up: CatchUp::Live,
        retention: Retention::Forever,
        members: 1,
        created: true,
        read: Some(Seq(0)),
        draft: None,
    });
    let events = script.events();
    assert!(matches!(events[0], ClientEvent::Joined { read: Some(Seq(0)), .. }), "{events:?}");
    assert_eq!(events.last(), Some(&ClientEvent::Done { request }));
    assert!(script.core.conversation(&room("den")).unwrap().is_live());
    // A room of that name stays what it is.
    let request = script.core.group(&lobby(), None).unwrap();
    script.get(error(request.0, ErrorCode::RoomTaken));
    assert!(script.core.conversation(&room("lobby")).unwrap().is_live());
}

#[test]
fn every_wish_is_asked_and_answered() {
    let mut script = live_script();
    let (bob, den) = (name("bob"), lobby());
    let wishes = [
        (script.core.ask_user(&bob), r#"{"cmd":"ask","user":"bob"}"#),
        (script.core.accept(&bob), r#"{"cmd":"accept","user":"bob"}"#),
        (script.core.reject(&bob), r#"{"cmd":"reject","user":"bob"}"#),
        (script.core.end(&bob), r#"{"cmd":"end","user":"bob"}"#),
        (script.core.block(&bob), r#"{"cmd":"block","user":"bob"}"#),
        (script.core.unblock(&bob), r#"{"cmd":"unblock","user":"bob"}"#),
        (script.core.invite(&den, &bob), r#"{"cmd":"invite","room":"lobby","user":"bob"}"#),
        (script.core.decline(&den), r#"{"cmd":"decline","room":"lobby"}"#),
        (script.core.mark(&user("bob"), Seq(3)), r#"{"cmd":"mark","user":"bob","seq":3}"#),
        (script.core.draft(&room("lobby"), None), r#"{"cmd":"draft","room":"lobby"}"#),
        (script.core.revoke(LoginId(4)), r#"{"cmd":"revoke","login":4}"#),
        (script.core.set_policy(Some(PrivatePolicy::Open)), r#"{"cmd":"policy","private":"open"}"#),
    ];
    let frames = script.frames();
    for ((request, line), (id, asked)) in wishes.into_iter().zip(frames) {
        assert_eq!(request, Ok(RequestId(id)));
        assert_eq!(
            serde_json::to_value(asked).unwrap(),
            serde_json::from_str::<serde_json::Value>(line).unwrap()
        );
        script.get(ServerFrame::Done { id: Some(id) });
        assert_eq!(script.events(), [ClientEvent::Done { request: RequestId(id) }]);
    }
    let request = script.core.logins().unwrap();
    script.get(ServerFrame::Logins { id: Some(request.0), logins: vec![] });
    assert_eq!(script.events(), [ClientEvent::LoginList { request, logins: vec![] }]);
    let request = script.core.links(None).unwrap();
    script.get(ServerFrame::Links { id: Some(request.0), links: vec![], next: None });
    assert_eq!(script.events(), [ClientEvent::LinkList { request, links: vec![], next: None }]);
    assert_eq!(script.core.violations(), 0);
}

#[test]
fn passwords_stay_out_of_debug_output() {
    let mut script = with(Enter::Password(password("opensesame")), None);
    script.core.connected(script.now);
    assert!(!format!("{:?}", script.core).contains("opensesame"));
}
