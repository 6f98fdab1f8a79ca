//! Reads `docs/protocol.md`: its headings, tables, sentences and transcripts.

use std::collections::BTreeMap;
use std::fmt;

/// The document.
pub(crate) struct Document(Vec<Line>);

struct Line {
    number: usize,
    text: String,
    part: String,
    heading: Option<String>,
    kind: Kind,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Heading,
    Sentence,
    Row,
    Fence,
    Transcript,
}

/// A row of a table, without its head.
pub(crate) struct Row {
    number: usize,
    cells: Vec<String>,
}

/// One line of a transcript, unfolded.
#[derive(Clone, Debug)]
pub(crate) struct Step {
    pub(crate) number: usize,
    /// The name of the connection; empty where there is only one.
    pub(crate) who: String,
    pub(crate) what: What,
}

#[derive(Clone, Debug)]
pub(crate) enum What {
    Sends(String),
    Receives(String),
    Happens(String),
}

impl Row {
    pub(crate) fn cells(&self) -> &[String] {
        &self.cells
    }
}

impl fmt::Display for Row {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "docs/protocol.md:{}", self.number)
    }
}

impl Document {
    pub(crate) fn read() -> Self {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/protocol.md");
        let text = std::fs::read_to_string(path).expect("the document is there");
        let (mut part, mut heading) = (String::new(), None);
        let mut fence: Option<bool> = None;
        let mut lines = Vec::new();
        for (at, text) in text.lines().enumerate() {
            let kind = match (text.strip_prefix("```"), fence) {
                (Some(language), None) => {
                    fence = Some(language == "transcript");
                    Kind::Fence
                }
                (Some(_), Some(_)) => {
                    fence = None;
                    Kind::Fence
                }
                (None, Some(true)) => Kind::Transcript,
                (None, Some(false)) => Kind::Fence,
                (None, None) if text.starts_with('#') => Kind::Heading,
                (None, None) if text.starts_with('|') => Kind::Row,
                (None, None) => Kind::Sentence,
            };
            if kind == Kind::Heading {
                let name = text.trim_start_matches('#').replace('`', "").trim().to_owned();
                if text.starts_with("### ") {
                    heading = Some(name);
                } else {
                    (part, heading) = (name, None);
                }
            }
            let (text, part, heading) = (text.to_owned(), part.clone(), heading.clone());
            lines.push(Line { number: at + 1, text, part, heading, kind });
        }
        assert!(fence.is_none(), "a fence is not closed");
        Self(lines)
    }

    /// The third-level headings of a part, in order.
    pub(crate) fn headings(&self, part: &str) -> Vec<String> {
        let headings: Vec<String> = self
            .0
            .iter()
            .filter(|line| line.kind == Kind::Heading && line.part == part)
            .filter_map(|line| line.heading.clone())
            .collect();
        assert!(!headings.is_empty(), "the document has no part {part:?}");
        headings
    }

    /// The rows of the tables below a heading, without their heads.
    pub(crate) fn table(&self, part: &str, heading: Option<&str>) -> Vec<Row> {
        let rows: Vec<Row> = self
            .0
            .iter()
            .filter(|line| line.part == part && line.heading.as_deref() == heading)
            .filter(|line| line.kind == Kind::Row)
            .map(|line| Row { number: line.number, cells: cells(&line.text) })
            .collect();
        let is_rule = |row: &Row| row.cells.iter().all(|cell| cell.trim_matches('-').is_empty());
        let heads: Vec<usize> =
            rows.iter().filter(|row| is_rule(row)).map(|row| row.number).collect();
        rows.into_iter()
            .filter(|row| !heads.contains(&row.number) && !heads.contains(&(row.number + 1)))
            .collect()
    }

    /// The first cells of a table.
    pub(crate) fn first_cells(&self, part: &str, heading: Option<&str>) -> Vec<String> {
        self.table(part, heading).into_iter().map(|mut row| row.cells.remove(0)).collect()
    }

    /// The first two cells of each row of a table.
    pub(crate) fn pairs(&self, part: &str, heading: Option<&str>) -> BTreeMap<String, String> {
        let mut pairs = BTreeMap::new();
        for row in self.table(part, heading) {
            let before = pairs.insert(row.cells[0].clone(), row.cells[1].clone());
            assert!(before.is_none(), "{row}: {} stands there twice", row.cells[0]);
        }
        assert!(!pairs.is_empty(), "{part:?} has no table");
        pairs
    }

    /// All lines outside of transcripts and headings.
    pub(crate) fn sentences(&self) -> Vec<(usize, &str)> {
        let is_text = |line: &&Line| matches!(line.kind, Kind::Sentence | Kind::Row);
        self.0.iter().filter(is_text).map(|line| (line.number, line.text.as_str())).collect()
    }

    /// The transcripts, each with its steps.
    pub(crate) fn transcripts(&self) -> Vec<Vec<Step>> {
        let mut all: Vec<Vec<Step>> = Vec::new();
        let mut inside = false;
        for line in &self.0 {
            if line.kind != Kind::Transcript {
                inside = false;
                continue;
            }
            if !inside {
                all.push(Vec::new());
            }
            inside = true;
            let steps = all.last_mut().expect("one was just begun");
            if line.text.starts_with(' ') {
                let folded = steps.last_mut().map(|step| &mut step.what);
                match folded {
                    Some(What::Sends(text) | What::Receives(text)) => {
                        text.push_str(line.text.trim())
                    }
                    _ => panic!("docs/protocol.md:{}: nothing to go on with", line.number),
                }
            } else {
                steps.push(step(line));
            }
        }
        all
    }
}

fn step(line: &Line) -> Step {
    let at = line.text.find(|c: char| !c.is_ascii_lowercase()).unwrap_or(line.text.len());
    let (who, rest) = line.text.split_at(at);
    let what = match rest.split_once(' ') {
        Some((">", text)) => What::Sends(text.to_owned()),
        Some(("<", text)) => What::Receives(text.to_owned()),
        Some(("!", text)) => What::Happens(text.to_owned()),
        _ => panic!("docs/protocol.md:{}: neither >, < nor !", line.number),
    };
    Step { number: line.number, who: who.to_owned(), what }
}

/// Splits a row at its bars. A cell that is nothing but one piece of code loses its marks.
fn cells(row: &str) -> Vec<String> {
    let inner = row.trim().trim_start_matches('|').trim_end_matches('|');
    inner
        .split('|')
        .map(|cell| {
            let cell = cell.trim();
            let code = cell.strip_prefix('`').and_then(|cell| cell.strip_suffix('`'));
            code.filter(|code| !code.contains('`')).unwrap_or(cell).to_owned()
        })
        .collect()
}
