//! Reads `docs/plain.md`: its transcripts, its pages of the help and its table of limits.

/// The document.
pub(crate) struct Document {
    text: String,
}

/// What stands between two fences.
struct Block<'a> {
    /// What follows the first fence.
    kind: &'a str,
    /// With their numbers in the document.
    lines: Vec<(usize, &'a str)>,
}

/// One step of a transcript, unfolded.
#[derive(Debug)]
pub(crate) struct Step {
    pub(crate) number: usize,
    pub(crate) what: What,
}

#[derive(Debug)]
pub(crate) enum What {
    /// Somebody types a line.
    Types { who: String, line: String },
    /// Somebody reads a line.
    Reads { who: String, line: String },
    /// The server ends somebody's connection.
    Ends { who: String },
    /// A command in a shell, with what it prints.
    Runs { command: String, prints: Vec<String> },
}

impl Document {
    pub(crate) fn read() -> Self {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/plain.md");
        Self { text: std::fs::read_to_string(path).expect("the document is there") }
    }

    pub(crate) fn lines(&self) -> impl Iterator<Item = (usize, &str)> {
        self.text.lines().enumerate().map(|(at, line)| (at + 1, line))
    }

    fn blocks(&self) -> Vec<Block<'_>> {
        let mut blocks: Vec<Block<'_>> = Vec::new();
        let mut inside = false;
        for (number, line) in self.lines() {
            match (line.strip_prefix("```"), inside) {
                (Some(kind), false) => {
                    blocks.push(Block { kind, lines: Vec::new() });
                    inside = true;
                }
                (Some(_), true) => inside = false,
                (None, true) => blocks.last_mut().expect("one began").lines.push((number, line)),
                (None, false) => {}
            }
        }
        assert!(!inside, "a fence is not closed");
        blocks
    }

    /// The pages of the help: the command that shows each, and its lines.
    pub(crate) fn help(&self) -> Vec<(String, Vec<String>)> {
        let blocks = self.blocks().into_iter().filter(|block| block.kind.starts_with("help"));
        blocks
            .map(|block| {
                let lines = block.lines.iter().map(|(_, line)| (*line).to_owned()).collect();
                (format!("/{}", block.kind), lines)
            })
            .collect()
    }

    /// The transcripts, each with its steps.
    pub(crate) fn transcripts(&self) -> Vec<Vec<Step>> {
        let blocks = self.blocks().into_iter().filter(|block| block.kind == "transcript");
        blocks.map(|block| steps(&block.lines)).collect()
    }

    /// The rows of the table of limits: what is limited, and how much of it may be.
    pub(crate) fn limits(&self) -> Vec<(&str, &str)> {
        let lines = self.lines().map(|(_, line)| line);
        let part = lines.skip_while(|line| *line != "## Limits");
        let rows = part.filter_map(|line| line.strip_prefix("| ")?.strip_suffix(" |"));
        rows.filter_map(|row| row.split_once(" | ")).skip(1).collect()
    }
}

fn steps(lines: &[(usize, &str)]) -> Vec<Step> {
    let mut steps: Vec<Step> = Vec::new();
    for &(number, line) in lines {
        if let Some(what) = begins(line) {
            steps.push(Step { number, what });
            continue;
        }
        match steps.last_mut().map(|step| &mut step.what) {
            Some(What::Runs { prints, .. }) => prints.push(line.to_owned()),
            Some(What::Types { line: folded, .. } | What::Reads { line: folded, .. })
                if line.starts_with("     ") =>
            {
                folded.push(' ');
                folded.push_str(line.trim());
            }
            _ => panic!("docs/plain.md:{number}: neither >, <, ! nor $"),
        }
    }
    steps
}

/// The step that begins with this line, if one does.
fn begins(line: &str) -> Option<What> {
    if let Some(command) = line.strip_prefix("$ ") {
        return Some(What::Runs { command: command.to_owned(), prints: Vec::new() });
    }
    let end = line.find(|c: char| !c.is_ascii_lowercase()).filter(|end| *end > 0)?;
    let (who, rest) = line.split_at(end);
    let (sign, line) = rest.split_once(' ').unwrap_or((rest, ""));
    let (who, line) = (who.to_owned(), line.to_owned());
    match (sign, &*line) {
        (">", _) => Some(What::Types { who, line }),
        ("<", _) => Some(What::Reads { who, line }),
        ("!", "ended by the server") => Some(What::Ends { who }),
        _ => None,
    }
}
