//! Signals as inputs.

use super::input::Source;

/// Listens from now on; a system that gives no thread leaves the signals as they were.
#[cfg(unix)]
pub(super) fn listen(source: Source) {
    use signal_hook::{
        consts::{SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGWINCH},
        iterator::Signals,
    };

    use super::input::Input;

    let mut wanted = vec![SIGINT, SIGQUIT, SIGTERM, SIGWINCH];
    if !is_ignored(SIGHUP) {
        wanted.push(SIGHUP);
    }
    let Ok(mut signals) = Signals::new(wanted) else { return };
    let listening = std::thread::Builder::new().name("signals".to_owned());
    let _ = listening.spawn(move || {
        for signal in signals.forever() {
            source.send(if signal == SIGWINCH { Input::Resized } else { Input::Leave });
        }
    });
}

/// Whether we were started with this signal ignored, as `nohup` does. Elsewhere than on Linux nobody tells.
#[cfg(unix)]
fn is_ignored(signal: i32) -> bool {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let mask = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    let mask = mask.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok());
    mask.is_some_and(|mask| mask >> (signal - 1) & 1 == 1)
}

#[cfg(not(unix))]
pub(super) fn listen(_source: Source) {}
