//! What the parser says, in our words, with what was meant, where that can be guessed.

/// What isn't understood here stays as it is.
pub(super) fn explain(message: &str) -> String {
    let (what, rest) = match message.split_once('`') {
        Some(("unknown field ", rest)) => ("is no setting here", rest),
        Some(("unknown variant ", rest)) => ("is none of its values", rest),
        _ => return typed(message.trim_end()).replace('\n', ", "),
    };
    // The words stand between backticks: the wrong one first, then those that there are.
    let mut words = rest.split('`').step_by(2);
    let wrong = words.next().unwrap_or_default();
    let there_are: Vec<&str> = words.filter(|word| !word.is_empty()).collect();
    let near = there_are
        .iter()
        .map(|word| (strsim::jaro_winkler(wrong, word), *word))
        .filter(|(likeness, _)| *likeness > 0.8)
        .max_by(|one, other| one.0.total_cmp(&other.0));
    match near {
        Some((_, word)) => format!("`{wrong}` {what}; did you mean `{word}`?"),
        None => format!("`{wrong}` {what}; there are: {}", there_are.join(", ")),
    }
}

/// What is said of values of the wrong type, without the names that types have in programs.
fn typed(message: &str) -> String {
    for (wanted, better) in [
        ("expected a boolean", "expected true or false"),
        ("expected u16", "expected a number from 0 to 65535"),
        ("expected u32", "expected a number from 0 to 4294967295"),
        ("expected u64", "expected a number from 0 on"),
        ("expected usize", "expected a number from 0 on"),
    ] {
        if let Some(before) = message.strip_suffix(wanted) {
            return format!("{before}{better}");
        }
    }
    message.to_owned()
}
