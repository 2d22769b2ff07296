//! What this process uses, as Linux tells it.

use std::{fs, time::Duration};

/// Memory, descriptors, threads and processor time of this process.
#[derive(Debug, Clone, Copy, Default)]
pub struct Usage {
    /// Resident memory in KiB.
    pub memory: u64,
    /// Open file descriptors.
    pub descriptors: u64,
    /// Threads.
    pub threads: u64,
    /// Processor time of all threads so far, in steps of 10 ms.
    pub processor: Duration,
}

impl Usage {
    /// Now. All zero where there is no `/proc`.
    pub fn now() -> Self {
        let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
        let field = |name: &str| {
            let line = status.lines().find_map(|line| line.strip_prefix(name))?;
            line.split_whitespace().next()?.parse().ok()
        };
        let stat = fs::read_to_string("/proc/self/stat").unwrap_or_default();
        // The program's name, in brackets, may hold spaces; user and system time are the 14th and 15th field.
        let after_name = stat.rsplit_once(')').map_or("", |(_, rest)| rest);
        let ticks =
            after_name.split_whitespace().skip(11).take(2).filter_map(|text| text.parse::<u64>().ok());
        Self {
            memory: field("VmRSS:").unwrap_or(0),
            descriptors: fs::read_dir("/proc/self/fd").map_or(0, |entries| entries.count() as u64),
            threads: field("Threads:").unwrap_or(0),
            processor: Duration::from_millis(10 * ticks.sum::<u64>()),
        }
    }
}
