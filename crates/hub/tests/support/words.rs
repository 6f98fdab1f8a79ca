//! Effects in short words, so that a test reads like the conversation that it describes.

use hubbub_hub::*;
use hubbub_protocol::frame::{CatchUp, LinkState, MemberChange};
use hubbub_protocol::record::{Record, RoomKind};
use hubbub_protocol::*;

pub(crate) fn describe(effect: &Effect) -> String {
    match effect {
        Effect::Persist { record: Record::Event { event, .. }, .. } => {
            format!("persist {}:{}", event.seq, body(&event.body))
        }
        Effect::Persist { record, .. } => format!("persist {}", recorded(record)),
        Effect::Rest { session, ms } => format!("{} rests {ms} ms", session.slot()),
        Effect::Reply { session, reply, .. } => format!("{} {}", session.slot(), answer(reply)),
        Effect::Transcribe { room: place, what } => {
            let delivery = what.clone();
            let said = Effect::Deliver { room: RoomId(0), delivery, except: None };
            format!("file of {place}, {}", describe(&said))
        }
        Effect::Deliver { delivery, except, .. } => {
            let except = except.map_or(String::new(), |session| format!(" but {}", session.slot()));
            match delivery {
                Delivery::Message { address, event } => {
                    let Event { from, seq, body, .. } = &**event;
                    format!("to {address}{except}: {seq} <{}> {}", from.name, self::body(body))
                }
                Delivery::Member { room, user, change, members } => {
                    let change = match change {
                        MemberChange::Joined => "joined",
                        MemberChange::Left => "left",
                        MemberChange::Quit => "quit",
                        MemberChange::Lost => "lost",
                        MemberChange::Owner => "owns",
                        MemberChange::Kicked => "kicked",
                    };
                    format!("to {room}: {} {change} ({members})", user.name)
                }
                Delivery::Renamed { room, user, old } => {
                    format!("to {room}: {old} is {} now", user.name)
                }
                Delivery::Typing { address, from } => {
                    format!("to {address}{except}: {} types", from.name)
                }
                Delivery::Away { room, user, note } => {
                    let note = note.as_ref().map_or("back", Note::as_str);
                    format!("to {room}{except}: {} is away: {note}", user.name)
                }
                Delivery::Count { room, members } => format!("to {room}: {members} members"),
            }
        }
        Effect::Subscribe { session, .. } => format!("{} subscribed", session.slot()),
        Effect::Unsubscribe { session, .. } => format!("{} unsubscribed", session.slot()),
        Effect::Read { session, after } => {
            format!("read for {} after {}", session.slot(), after.seq)
        }
        Effect::Page { session, events, .. } => {
            let seqs: Vec<u64> = events.iter().map(|event| event.seq.0).collect();
            format!("{} page {seqs:?}", session.slot())
        }
        Effect::Live { session, head } => format!("{} live at {}", session.slot(), head.seq),
        Effect::ReadHistory { session, .. } => format!("{} may read", session.slot()),
        Effect::LoadMessage { session, seq, .. } => format!("load {seq} for {}", session.slot()),
        Effect::FindExpired { .. } => "find expired".into(),
        Effect::Search { session, query, addresses, .. } => {
            let rooms: Vec<String> =
                addresses.iter().map(|(address, _)| address.to_string()).collect();
            format!("{} may search {} in {}", session.slot(), query.words, rooms.join(", "))
        }
        Effect::LoadSends { session, .. } => format!("load sends for {}", session.slot()),
        Effect::Passwords { session, work } => {
            let what = match work {
                PasswordWork::Check { credentials: None, .. } => "check nobody",
                PasswordWork::Check { .. } => "check",
                PasswordWork::Make { .. } => "make",
                PasswordWork::Change { .. } => "change",
            };
            format!("{what} password for {}", session.slot())
        }
        Effect::Tell { session, notice } => format!("{} hears {}", session.slot(), said(notice)),
        Effect::AdminReply { reply: Ok(reply), .. } => match reply {
            AdminReply::InviteMade(invite) => format!("invite for {} uses", invite.uses),
            AdminReply::Invites(invites) => format!("{} invites", invites.len()),
            AdminReply::Admins(names) => format!("{} admins", names.len()),
            AdminReply::Imported { first } => format!("imported from {first} on"),
            AdminReply::Accounts(accounts) => format!("{} accounts", accounts.len()),
            AdminReply::Rooms { rooms, privates, .. } => {
                format!("{} rooms, {privates:?} private chats", rooms.len())
            }
            AdminReply::Users { users, count, .. } => format!("{} of {count} users", users.len()),
            AdminReply::SessionIds(ids) => format!("{} session ids", ids.len()),
            AdminReply::Sessions(sessions) => format!("{} sessions", sessions.len()),
            AdminReply::Announced { sessions } => format!("announced to {sessions}"),
            AdminReply::Ended(sessions) => format!("ended {sessions}"),
            AdminReply::Restrictions(found) => format!("{} restrictions", found.len()),
            AdminReply::Done => "admin done".into(),
        },
        Effect::Manage { session, line, .. } => format!("manage for {}: {line}", session.slot()),
        Effect::SetUp => "set up".into(),
        Effect::AdminReply { reply: Err(text), .. } => format!("admin refused: {text}"),
        Effect::Close { session, code } => format!("close {}: {}", session.slot(), code.code()),
    }
}

fn answer(reply: &Reply) -> String {
    match reply {
        Reply::Welcome { user, resumed, account, .. } => {
            let account = if *account { " (account)" } else { "" };
            format!("welcome {}{account}{}", user.name, if *resumed { " back" } else { "" })
        }
        Reply::Joined { address, head, catch_up, members, .. } => {
            let how = match catch_up {
                CatchUp::Live => "live",
                CatchUp::Pages => "pages",
                CatchUp::Reset => "reset",
            };
            format!("joined {address} at {} {how} ({members})", head.seq)
        }
        Reply::Done => "done".into(),
        Reply::You { user, account } => {
            format!("is {}{}", user.name, if *account { " (account)" } else { "" })
        }
        Reply::Asked { user, online, held } => {
            format!("asked {}, online {online}, {held} held", user.name)
        }
        Reply::Logins { logins } => format!("{} logins", logins.len()),
        Reply::Links { links, .. } => {
            let link = |link: &frame::LinkEntry| {
                let group = link.group.as_ref().map_or(String::new(), |group| format!(" {group}"));
                format!("{} {}{group}", link.user.name, state(link.state))
            };
            format!("links [{}]", links.iter().map(link).collect::<Vec<_>>().join(", "))
        }
        Reply::Left { room, .. } => format!("left {room}"),
        Reply::Sent { position, repeated, .. } => {
            format!("sent {}{}", position.seq, if *repeated { " again" } else { "" })
        }
        Reply::Rooms { rooms, .. } => format!("{} rooms", rooms.len()),
        Reply::Members { members, count, .. } => format!("{} of {count} members", members.len()),
        Reply::Users { users, count, .. } => format!("{} of {count} users", users.len()),
        Reply::Managed { lines } => format!("managed: {}", lines.join("; ")),
        Reply::Pong { .. } => "pong".into(),
        Reply::NothingFound => "nothing found".into(),
        Reply::Info { room, info } => format!("info of {room}: {:?}", info.role),
        Reply::Roles { roles, .. } => {
            let all =
                roles.iter().map(|entry| format!("{} {}", entry.user.name, entry.role.word()));
            format!("roles [{}]", all.collect::<Vec<_>>().join(", "))
        }
        Reply::Restrictions { restrictions, .. } => {
            let whom = |whom: &frame::Whom| match whom {
                frame::Whom::User(name) => name.clone(),
                frame::Whom::AddressOf(name) => format!("address of {name}"),
                frame::Whom::Pattern(pattern) => pattern.clone(),
                frame::Whom::Network(net) => net.clone(),
            };
            let all = restrictions.iter().map(|r| format!("{} {}", r.what.word(), whom(&r.whom)));
            format!("restrictions [{}]", all.collect::<Vec<_>>().join(", "))
        }
        Reply::Refused(refusal) => format!("refused {}", refusal.code.code()),
    }
}

fn state(state: LinkState) -> &'static str {
    match state {
        LinkState::Asked => "asked",
        LinkState::Waiting => "waiting",
        LinkState::Open => "open",
        LinkState::Rejected => "rejected",
        LinkState::Ended => "ended",
        LinkState::Blocked => "blocked",
    }
}

fn said(notice: &Notice) -> String {
    match notice {
        Notice::Link { user, state: now, dropped: 0 } => {
            format!("link {} {}", user.name, state(*now))
        }
        Notice::Link { user, state: now, dropped } => {
            format!("link {} {}, {dropped} dropped", user.name, state(*now))
        }
        Notice::LinkRenamed { user, old } => format!("link {old} is {} now", user.name),
        Notice::Invited { room, from } => format!("invited into {room} by {}", from.name),
        Notice::Declined { room, user } => format!("{} declined {room}", user.name),
        Notice::You { user, .. } => format!("you are {}", user.name),
        Notice::Warned { code, .. } => format!("warned of {}", code.code()),
        Notice::Announced { text, by } => {
            let by = by.as_ref().map_or("the server", |by| by.as_str());
            format!("announcement of {by}: {text}")
        }
        Notice::Entered { room } => format!("entered {room}"),
        Notice::Gone { room, .. } => format!("gone {room}"),
        Notice::Marked { address, seq } => format!("marked {address} {seq}"),
        Notice::Drafted { address, text } => {
            format!("drafted {address} {}", text.as_ref().map_or("nothing", Text::as_str))
        }
        Notice::Kicked { room, by, banned, .. } => {
            format!("{} from {room} by {by}", if *banned { "banned" } else { "kicked" })
        }
        Notice::Highlights { words } => format!("highlights {}", words.join(" ")),
        Notice::Dropped { messages } => {
            let each = messages.iter().map(|(to, count)| format!("{count} for {to}"));
            format!("dropped {}", each.collect::<Vec<_>>().join(", "))
        }
        Notice::NotStored { to } => format!("not stored for {to}"),
    }
}

fn recorded(record: &Record) -> String {
    match record {
        Record::Room(room) => match &room.kind {
            RoomKind::Named(_) => "room".into(),
            RoomKind::Group { .. } => "group".into(),
            RoomKind::Pin { .. } => "pin room".into(),
            RoomKind::Private { open: true, .. } => "private".into(),
            RoomKind::Private { open: false, .. } => "private ended".into(),
        },
        Record::Event { event, .. } => format!("{}:{}", event.seq, body(&event.body)),
        Record::Trim { upto, .. } => format!("trim to {upto}"),
        Record::Role { role, .. } => format!("role {}", role.map_or("none", Role::word)),
        Record::Restriction(restriction) => {
            format!("{} {}", restriction.kind.word(), restriction.shown)
        }
        Record::RestrictionGone(_) => "restriction gone".into(),
        Record::RoomGone(_) => "room gone".into(),
        Record::Account(account) => {
            format!("account {}{}", account.name, if account.online { " online" } else { "" })
        }
        Record::Credentials { .. } => "credentials".into(),
        Record::Login(_) => "login".into(),
        Record::LoginGone(_) => "login gone".into(),
        Record::Place(place) => format!("place read {} heard {}", place.read, place.heard.1),
        Record::PlaceGone { .. } => "place gone".into(),
        Record::Request(_) => "request".into(),
        Record::RequestGone(_) => "request gone".into(),
        Record::Block { on, .. } => format!("block {on}"),
        Record::Invite(invite) => format!("invite used {}", invite.used),
        Record::InviteGone(_) => "invite gone".into(),
        Record::Audit(entry) => format!("audit {}", entry.act.word()),
        Record::AuditTrim { .. } => "audit trim".into(),
    }
}

fn body(body: &Body) -> String {
    match body {
        Body::Text(said) | Body::Action(said) => {
            let reply = said.reply.map_or(String::new(), |seq| format!(" (to {seq})"));
            let everyone = if said.everyone { " (everyone)" } else { "" };
            format!("{}{reply}{everyone}", said.text)
        }
        Body::Deleted { by } => format!("deleted by {by}"),
        Body::Edit { of, text } => {
            format!("edit {of}: {}", text.as_ref().map_or("nothing", Text::as_str))
        }
        Body::Delete { of } => format!("delete {of}"),
        Body::React { of, reaction, on } => format!("react {of} {reaction} {on}"),
        Body::Pin { of, on } => format!("pin {of} {on}"),
        Body::Changed(change) => format!("changed {change:?}"),
        Body::Role { user, role } => {
            format!("{} is {}", user.name, role.map_or("none", Role::word))
        }
        Body::Kicked { user, reason } => {
            format!(
                "kicked {}{}",
                user.name,
                reason.as_ref().map_or(String::new(), |r| format!(": {r}"))
            )
        }
        Body::Restricted { what, whom, .. } => format!("{} {whom}", what.word()),
        Body::Lifted { what, whom } => format!("lifted {} {whom}", what.word()),
    }
}
