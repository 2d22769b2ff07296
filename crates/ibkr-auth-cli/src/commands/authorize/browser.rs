//! Opens an address in the user's browser.

use std::process::{Command, Stdio};

use crate::output::Output;

/// By the program that each system has for it. Whether a browser came up shows to the user alone.
pub(super) fn open(output: Output, address: &str) {
    let program = if cfg!(target_os = "macos") { "open" } else { "xdg-open" };
    let mut command = match cfg!(windows) {
        // Not by `cmd`, to which `&` ends a command.
        true => Command::new("rundll32"),
        false => Command::new(program),
    };
    if cfg!(windows) {
        command.arg("url.dll,FileProtocolHandler");
    }
    let quiet = command.arg(address).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    if let Err(error) = quiet.spawn() {
        output.warning(format_args!("no browser could be opened ({error}): open the address yourself"));
    }
}
