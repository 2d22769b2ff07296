//! Drives the YAML library. Its messages quote the file, so none of them is ever shown.

use serde::de::DeserializeSeed;
use serde_yaml::Deserializer as Parser;

use crate::yaml::{
    Content, Fault,
    survey::{NO_SETTINGS, Notes, Shape, Survey, WRITE_SETTINGS},
    values::Values,
};

/// The parser's time grows with the square of the nesting, and settings hardly nest.
const MOST_OPEN_BRACKETS: usize = 200;

/// Reads twice, because the parser turns `007` into 7 unless it is asked for text, and stumbles over a list
/// when it is: first the shape of each value, then its text.
pub(crate) fn read(text: &str) -> Result<Content, Fault> {
    refuse_at_a_glance(text)?;
    let notes = Notes::new(text);
    let mut documents = Parser::from_str(text);
    let found = match documents.next() {
        Some(first) => {
            Survey::new(None, &notes).deserialize(first).map_err(|error| refused(text, &notes, &error))?
        }
        None => Shape::Empty,
    };
    let Shape::Settings(found) = found else {
        return Err(Fault::new(None, NO_SETTINGS, WRITE_SETTINGS));
    };
    if documents.next().is_some() {
        return Err(Fault::new(None, "holds several YAML documents", "keep one, and remove the lines `---`"));
    }
    Values(&found).deserialize(Parser::from_str(text)).map_err(|error| refused(text, &notes, &error))
}

/// The names of the profiles, whatever stands beside and below them.
pub(crate) fn profiles(text: &str) -> Result<Vec<String>, Fault> {
    refuse_at_a_glance(text)?;
    let notes = Notes::new(text);
    let Some(first) = Parser::from_str(text).next() else { return Ok(Vec::new()) };
    let found = Survey::of_names(&notes).deserialize(first).map_err(|error| refused(text, &notes, &error))?;
    Ok(found.into_profiles().into_iter().map(|(name, _)| name).collect())
}

/// The line of a key that [`read`] has found. Only the parser's errors know where they are, hence the detour.
pub(crate) fn line_of(text: &str, profile: Option<&str>, key: &str) -> Option<usize> {
    let survey = Survey::new(Some((profile, key)), &Notes::new(text)).deserialize(Parser::from_str(text));
    survey.err()?.location().map(|place| place.line())
}

fn refuse_at_a_glance(text: &str) -> Result<(), Fault> {
    if text.lines().map(str::trim_start).all(|line| line.is_empty() || line.starts_with('#')) {
        return Err(Fault::new(None, "is empty", WRITE_SETTINGS));
    }
    let mut open = 0_usize;
    for byte in text.bytes() {
        match byte {
            b'[' | b'{' => open += 1,
            b']' | b'}' => open = open.saturating_sub(1),
            _ => {}
        }
        if open > MOST_OPEN_BRACKETS {
            let what = "holds too many open brackets for a settings file";
            return Err(Fault::new(None, what, "check the path"));
        }
    }
    Ok(())
}

fn refused(text: &str, notes: &Notes, error: &serde_yaml::Error) -> Fault {
    let line = error.location().map(|place| place.line());
    match notes.fault() {
        Some(problem) => Fault { line, problem },
        None => unreadable(text, line),
    }
}

fn unreadable(text: &str, line: Option<usize>) -> Fault {
    let indented_by_tab =
        |line: &str| line.trim_start_matches(' ').starts_with('\t') && !line.trim_start().starts_with('#');
    if let Some(tab) = text.lines().take(line.unwrap_or(usize::MAX)).position(indented_by_tab) {
        return Fault::new(Some(tab + 1), "this line is indented with a tab", "use spaces");
    }
    let here = line.and_then(|line| text.lines().nth(line - 1)).unwrap_or_default();
    let help = if here.contains('"') && here.contains('\\') {
        "within double quotes a backslash has a meaning of its own: use single quotes"
    } else {
        "look here and just above for a missing quote, or a missing space behind a colon"
    };
    Fault::new(line, "this cannot be read as YAML", help)
}
