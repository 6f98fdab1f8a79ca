//! Messages of elsewhere, as the operator's programs send them.

use hubbub_hub::{Imported, Refers};
use hubbub_protocol::{Body, Reaction, Seq, Text, UserName, WallMs, limits};
use serde::{Deserialize, Serialize};

/// A message of elsewhere.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ImportMessage {
    /// When it was said there.
    pub time: WallMs,
    /// Who said it there: no user of this server.
    pub from: UserName,
    /// What.
    pub what: ImportWhat,
    /// What it answers, or is a reaction to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub refers: Option<ImportRefers>,
}

/// What was said or done.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
pub enum ImportWhat {
    /// A message.
    Text {
        /// Its words.
        text: Text,
    },
    /// A message about its sender in the third person.
    Action {
        /// Its words.
        text: Text,
    },
    /// A reaction. It needs a message that it is for.
    React {
        /// Which.
        reaction: Reaction,
        /// Whether; else it is taken back.
        on: bool,
    },
}

/// A message that another one refers to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ImportRefers {
    /// One that is in the room already.
    Seq(Seq),
    /// One before it in the same request, from 0 on.
    Batch(usize),
}

/// The same in the hub's words; or why it can't be asked for this.
pub(super) fn checked(messages: &[ImportMessage]) -> Result<Vec<Imported>, String> {
    let most = limits::PAGE as usize;
    if messages.is_empty() || messages.len() > most {
        return Err(format!("1 to {most} messages are imported at once"));
    }
    let of_one = |(at, message): (usize, &ImportMessage)| {
        if message.time.0 > limits::TIME_MAX {
            return Err(format!("message {at} has a time after the year 9999"));
        }
        let refers = match message.refers {
            Some(ImportRefers::Batch(of)) if of >= at => {
                return Err(format!("message {at} refers to {of}, which is not before it"));
            }
            Some(ImportRefers::Batch(of)) => Some(Refers::Batch(of)),
            Some(ImportRefers::Seq(seq)) => Some(Refers::Seq(seq)),
            None => None,
        };
        let body = match &message.what {
            ImportWhat::Text { text } => Body::text(text.clone()),
            ImportWhat::Action { text } => Body::action(text.clone()),
            ImportWhat::React { .. } if refers.is_none() => {
                return Err(format!("message {at} is a reaction to nothing"));
            }
            ImportWhat::React { reaction, on } => {
                // The hub puts in what is given beside it.
                Body::React { of: Seq(0), reaction: reaction.clone(), on: *on }
            }
        };
        Ok(Imported { time: message.time, from: message.from.clone(), body, refers })
    };
    messages.iter().enumerate().map(of_one).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::admin::{AdminRequest, REQUEST_BYTES};
    use hubbub_protocol::RoomName;
    use serde_json::json;

    fn said(refers: Option<ImportRefers>) -> ImportMessage {
        let text = Text::parse("hello").unwrap();
        ImportMessage {
            time: WallMs(5),
            from: UserName::parse("ann").unwrap(),
            what: ImportWhat::Text { text },
            refers,
        }
    }

    fn reacted(refers: Option<ImportRefers>) -> ImportMessage {
        let reaction = Reaction::parse("+1").unwrap();
        ImportMessage { what: ImportWhat::React { reaction, on: true }, ..said(refers) }
    }

    #[test]
    fn a_batch_is_read_as_written_and_nothing_else() {
        let messages = vec![
            said(Some(ImportRefers::Seq(Seq(7)))),
            reacted(Some(ImportRefers::Batch(0))),
            said(None),
        ];
        let request = AdminRequest::Import { room: RoomName::parse("lobby").unwrap(), messages };
        let line = json!({"cmd": "import", "room": "lobby", "messages": [
            {"time": 5, "from": "ann", "what": {"kind": "text", "text": "hello"},
             "refers": {"seq": 7}},
            {"time": 5, "from": "ann", "what": {"kind": "react", "reaction": "+1", "on": true},
             "refers": {"batch": 0}},
            {"time": 5, "from": "ann", "what": {"kind": "text", "text": "hello"}},
        ]});
        assert_eq!(serde_json::to_value(&request).unwrap(), line);
        assert_eq!(serde_json::from_value::<AdminRequest>(line).unwrap(), request);
        for wrong in [
            json!({"time": 5, "from": "ann"}),
            json!({"time": 5, "from": "a b", "what": {"kind": "text", "text": "x"}}),
            json!({"time": 5, "from": "ann", "what": {"kind": "text", "text": "\u{1b}[2J"}}),
            json!({"time": 5, "from": "ann", "what": {"kind": "text", "text": "x", "reply": 1}}),
            json!({"time": 5, "from": "ann", "what": {"kind": "delete", "of": 1}}),
            json!({"time": 5, "from": "ann", "what": {"kind": "text", "text": "x"}, "id": 7}),
        ] {
            let line = json!({"cmd": "import", "room": "lobby", "messages": [wrong]});
            assert!(serde_json::from_value::<AdminRequest>(line.clone()).is_err(), "{line}");
        }
    }

    #[test]
    fn the_hub_gets_whole_batches_that_refer_backwards() {
        let good = [said(None), reacted(Some(ImportRefers::Batch(0)))];
        let asked = checked(&good).unwrap();
        assert_eq!(asked[1].refers, Some(Refers::Batch(0)));
        assert!(matches!(asked[1].body, Body::React { on: true, .. }));
        assert_eq!(asked[0].body.words(), "hello");
        let batch = |of| vec![said(None), said(Some(ImportRefers::Batch(of)))];
        let many = vec![said(None); limits::PAGE as usize + 1];
        for wrong in [vec![], many, batch(1), batch(2), batch(usize::MAX), vec![reacted(None)]] {
            assert!(checked(&wrong).is_err(), "{wrong:?}");
        }
        assert!(checked(&vec![said(None); limits::PAGE as usize]).is_ok());
    }

    /// Else a message could be too long for any batch.
    #[test]
    fn the_longest_message_fits_into_a_request() {
        let what = ImportWhat::Text { text: Text::parse(&"\u{2}".repeat(4096)).unwrap() };
        let longest = ImportMessage { what, ..said(Some(ImportRefers::Seq(Seq(u64::MAX)))) };
        assert!(serde_json::to_vec(&longest).unwrap().len() < REQUEST_BYTES / 2);
    }
}
