//! Whoever is blocked can't tell it from not being answered: one script of somebody who asks, against
//! a user who does not answer and against one who blocks, and everything that its sessions are told.

mod support;

use hubbub_hub::{Command, Effect};
use hubbub_protocol::record::Record;
use hubbub_protocol::{PrivatePolicy, SessionId, limits};
use support::{World, room, user};

/// What the other does about it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Other {
    /// Nothing.
    Ignores,
    /// Blocks before it is asked.
    BlocksBefore,
    /// The same, and says that everybody may begin a chat with it.
    BlocksAndIsOpen,
    /// Blocks when it has been asked.
    BlocksAfter,
    /// Blocks and unblocks again, and again.
    Wavers,
}

const OTHERS: [Other; 4] =
    [Other::BlocksBefore, Other::BlocksAndIsOpen, Other::BlocksAfter, Other::Wavers];

struct Scene {
    world: World,
    ann: SessionId,
    second: Option<SessionId>,
    bob: SessionId,
    heard: Vec<String>,
}

impl Scene {
    fn new(ann_registers: bool, bob_registers: bool) -> Self {
        let mut world = World::new();
        let ann = if ann_registers { world.account("ann") } else { world.guest("ann") };
        let bob = if bob_registers { world.account("bob") } else { world.guest("bob") };
        let second = ann_registers.then(|| world.login("ann"));
        let heard = Vec::new();
        world.take();
        Self { world, ann, second, bob, heard }
    }

    fn block(&mut self, on: bool) {
        let bob = self.bob;
        self.world.tell(bob, Command::Block { name: user("ann"), on });
        self.world.persist();
        // What the block itself makes is bob's; ann must hear nothing.
        self.note(false);
    }

    /// Keeps what came out and concerns the sessions of ann, and what the store was asked for.
    fn note(&mut self, with_store: bool) {
        let mut words = Vec::new();
        for effect in std::mem::take(&mut self.world.effects) {
            let concerns = match &effect {
                Effect::Reply { session, .. }
                | Effect::Subscribe { session, .. }
                | Effect::Unsubscribe { session, .. }
                | Effect::Read { session, .. }
                | Effect::Page { session, .. }
                | Effect::Rest { session, .. }
                | Effect::Live { session, .. }
                | Effect::ReadHistory { session, .. }
                | Effect::LoadMessage { session, .. }
                | Effect::Search { session, .. }
                | Effect::LoadSends { session, .. }
                | Effect::Passwords { session, .. }
                | Effect::Tell { session, .. }
                | Effect::Manage { session, .. }
                | Effect::Close { session, .. } => *session != self.bob,
                Effect::Persist { record: Record::Audit(_) | Record::AuditTrim { .. }, .. } => {
                    false
                }
                Effect::Persist { .. } => with_store,
                Effect::FindExpired { .. }
                | Effect::Deliver { .. }
                | Effect::Transcribe { .. }
                | Effect::AdminReply { .. }
                | Effect::SetUp => true,
            };
            if concerns {
                // Lists have more in them than the short words say.
                words.push(match &effect {
                    Effect::Reply { reply, session, .. } => format!("{session:?} {reply:?}"),
                    Effect::Tell { session, notice } => format!("{session:?} {notice:?}"),
                    other => support::describe(other),
                });
            }
        }
        self.heard.extend(words);
    }

    fn ann(&mut self, command: Command) {
        let ann = self.ann;
        self.world.tell(ann, command);
        self.note(true);
        self.world.persist();
        self.note(true);
    }

    fn hold(&mut self, text: &str) {
        let ann = self.ann;
        self.world.hold(ann, "@bob", text);
        self.note(true);
        self.world.persist();
        self.note(true);
    }

    fn look_around(&mut self) {
        self.ann(Command::Links { after: None });
        self.ann(Command::Users { after: None });
        self.ann(Command::Rooms { after: None });
    }
}

/// Everything that ann can try, and what comes of it.
fn script(
    other: Other,
    ann_registers: bool,
    bob_registers: bool,
    begins_linked: bool,
) -> Vec<String> {
    let mut scene = Scene::new(ann_registers, bob_registers);
    if begins_linked {
        let (ann, bob) = (scene.ann, scene.bob);
        scene.world.link(ann, "ann", bob, "bob");
        scene.world.say(ann, "@bob", "on its way");
        scene.world.effects.clear();
        let ends = Command::End { name: user("ann") };
        let blocks = Command::Block { name: user("ann"), on: true };
        scene.world.tell(bob, if other == Other::Ignores { ends } else { blocks });
        let is_block =
            |e: &Effect| matches!(e, Effect::Persist { record: Record::Block { .. }, .. });
        scene.world.effects.retain(|effect| !is_block(effect));
        scene.note(true);
        scene.world.persist();
        scene.note(true);
    } else if matches!(other, Other::BlocksBefore | Other::BlocksAndIsOpen | Other::Wavers) {
        scene.block(true);
    }
    if other == Other::BlocksAndIsOpen {
        let bob = scene.bob;
        scene.world.tell(bob, Command::Policy { policy: Some(PrivatePolicy::Open) });
        scene.world.persist();
        scene.note(false);
    }
    scene.look_around();
    scene.ann(Command::Ask { name: user("bob") });
    if other == Other::BlocksAfter {
        scene.block(true);
    }
    if other == Other::Wavers {
        scene.block(false);
        scene.block(true);
    }
    scene.ann(Command::Ask { name: user("bob") });
    scene.hold("one");
    scene.hold("two");
    let ann = scene.ann;
    scene.world.say(ann, "@bob", "three");
    scene.note(true);
    scene.look_around();
    for name in ["bob", "BOB"] {
        scene.ann(Command::Accept { name: user(name) });
        scene.ann(Command::Reject { name: user(name) });
    }
    // What bob does elsewhere looks the same to ann.
    let bob = scene.bob;
    scene.world.tell(bob, Command::Nick { name: user("rob") });
    scene.world.persist();
    scene.note(true);
    scene.world.tell(bob, Command::Nick { name: user("bob") });
    scene.world.persist();
    scene.note(true);
    scene.ann(Command::Nick { name: user("anna") });
    scene.ann(Command::Nick { name: user("ann") });
    // Into a group.
    scene.ann(Command::Group { room: room("club"), retention: None });
    scene.ann(Command::Invite { room: room("club"), name: user("bob") });
    scene.ann(Command::Invite { room: room("club"), name: user("bob") });
    scene.look_around();
    // Taken back, asked again, and grown old.
    scene.ann(Command::End { name: user("bob") });
    scene.hold("four");
    scene.world.wait(limits::REQUEST_MS);
    scene.note(true);
    scene.world.persist();
    scene.note(true);
    scene.look_around();
    scene.ann(Command::Ask { name: user("bob") });
    scene.ann(Command::Block { name: user("bob"), on: true });
    scene.ann(Command::Ask { name: user("bob") });
    scene.ann(Command::Block { name: user("bob"), on: false });
    scene.hold("five");
    if ann_registers && bob_registers {
        // Over a restart.
        scene.world.stop_and_start();
        scene.ann = scene.world.login("ann");
        scene.world.effects.clear();
        scene.bob = scene.world.login("bob");
        scene.note(true);
        scene.look_around();
        scene.hold("six");
        let second = scene.second.replace(scene.world.login("ann"));
        assert!(second.is_some());
        scene.look_around();
    }
    // A guest takes all with it, an account leaves the question where it is.
    let bob = scene.bob;
    scene.world.quit(bob);
    scene.note(true);
    scene.world.persist();
    scene.note(true);
    scene.look_around();
    scene.ann(Command::Ask { name: user("bob") });
    scene.ann(Command::Ask { name: user("bob") });
    scene.ann(Command::Quit);
    scene.heard
}

fn compare(ann_registers: bool, bob_registers: bool, begins_linked: bool) {
    let ignored = script(Other::Ignores, ann_registers, bob_registers, begins_linked);
    assert!(ignored.len() > 40, "{ignored:#?}");
    let others = if begins_linked { &OTHERS[..1] } else { &OTHERS[..] };
    for &other in others {
        let blocked = script(other, ann_registers, bob_registers, begins_linked);
        for (at, (ignored, blocked)) in ignored.iter().zip(&blocked).enumerate() {
            assert_eq!(ignored, blocked, "{other:?}, line {at}");
        }
        assert_eq!(ignored.len(), blocked.len(), "{other:?}");
    }
}

#[test]
fn a_blocked_account_can_not_tell_it_from_an_account_that_does_not_answer() {
    compare(true, true, false);
}

#[test]
fn a_blocked_guest_can_not_tell_it_from_a_guest_that_does_not_answer() {
    compare(false, false, false);
}

#[test]
fn nor_can_guests_and_accounts_of_each_other() {
    compare(true, false, false);
    compare(false, true, false);
}

#[test]
fn a_block_of_an_open_chat_looks_like_its_end() {
    for (ann, bob) in [(true, true), (true, false), (false, true), (false, false)] {
        compare(ann, bob, true);
    }
}

#[test]
fn who_blocks_hears_nothing_of_it_and_later_everything() {
    let mut world = World::new();
    let (ann, bob) = (world.guest("ann"), world.guest("bob"));
    world.tell(bob, Command::Block { name: user("ann"), on: true });
    world.take();
    world.tell(ann, Command::Ask { name: user("bob") });
    assert_eq!(world.take(), ["1 asked bob, online true, 0 held"]);
    world.tell(bob, Command::Links { after: None });
    world.tell(bob, Command::Accept { name: user("ann") });
    world.tell(bob, Command::Ask { name: user("ann") });
    assert_eq!(
        world.take(),
        ["2 links [ann blocked]", "2 refused no_request", "2 refused blocked"]
    );
    world.tell(bob, Command::Block { name: user("ann"), on: false });
    assert_eq!(world.take(), ["2 hears link ann asked", "2 done"]);
    world.tell(bob, Command::Block { name: user("ann"), on: true });
    assert_eq!(world.take(), ["2 done"]);
}

#[test]
fn an_invitation_of_somebody_blocked_is_over_when_the_group_is_entered() {
    let mut world = World::new();
    let (ann, bob, cat) = (world.guest("ann"), world.guest("bob"), world.guest("cat"));
    world.tell(ann, Command::Group { room: room("club"), retention: None });
    for name in ["bob", "cat"] {
        world.tell(ann, Command::Invite { room: room("club"), name: user(name) });
    }
    world.join(cat, "club");
    world.tell(bob, Command::Block { name: user("ann"), on: true });
    world.tell(
        bob,
        Command::Join { address: support::to("club"), after: None, retention: None, secret: None },
    );
    assert_eq!(world.take().last().unwrap(), "2 refused invite_only");
    // Cat owns it now, and invites bob as well.
    world.tell(ann, Command::Leave { room: room("club") });
    world.tell(cat, Command::Invite { room: room("club"), name: user("bob") });
    world.join(bob, "club");
    world.tell(bob, Command::Block { name: user("ann"), on: false });
    world.take();
    world.tell(bob, Command::Links { after: None });
    assert_eq!(world.take(), ["2 links []"]);
}
