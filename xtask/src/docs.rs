//! `cargo xtask docs`: the page of each command, written from the program's own help.

use crate::process;

pub(crate) const ABOUT: &str = "write docs/cli from the help of ibkr-auth";

pub(crate) fn run(arguments: &[String]) -> Result<(), String> {
    if let Some(other) = arguments.first() {
        return Err(format!("`docs` takes no argument, not `{other}`"));
    }
    let mut test = process::cargo();
    test.args(["test", "--quiet", "--package", "ibkr-auth-cli", "--test", "pages"]);
    process::status(test.env("PAGES_WRITE", "1"))
}
