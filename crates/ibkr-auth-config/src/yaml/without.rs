//! What is left of YAML without the feature `yaml`. No file is opened then: there is no function that takes
//! one.

use super::{Content, Fault};

pub(crate) fn read(_: &str) -> Result<Content, Fault> {
    Err(unread())
}

pub(crate) fn profiles(_: &str) -> Result<Vec<String>, Fault> {
    Err(unread())
}

pub(crate) fn line_of(_: &str, _: Option<&str>, _: &str) -> Option<usize> {
    None
}

fn unread() -> Fault {
    Fault::new(None, "is not read by this program", "build it with the feature `yaml`")
}
