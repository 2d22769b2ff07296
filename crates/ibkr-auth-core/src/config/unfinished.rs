//! Text that a shell, Docker or a template should have finished before it came here.

/// What is wrong with a setting that still holds what somebody else should have replaced, and what to do
/// about it: quotes around the whole value, or a variable like `${NAME}`. It would go to the server as it is,
/// which can say no more than that it does not know it.
#[doc(hidden)]
pub fn unfinished(value: &str) -> Option<&'static str> {
    let value = value.trim();
    let is_quoted = |quote: char| value.len() > 1 && value.starts_with(quote) && value.ends_with(quote);
    let starts_a_name = |c: char| c.is_ascii_alphabetic() || c == '_';
    let names =
        |sign: &str| value.split(sign).skip(1).any(|rest| rest.trim_start().starts_with(starts_a_name));
    if is_quoted('"') || is_quoted('\'') {
        Some("stands in quotes that are part of the value: write it without them")
    } else if (names("${") && value.contains('}'))
        || (names("{{") && value.contains("}}"))
        || (value.starts_with('$') && names("$"))
    {
        Some(
            "holds a variable that nothing has filled in: write the value itself, variables are not filled in here",
        )
    } else {
        None
    }
}
