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
    /// Processor time of all threads so far, of those that have ended too.
    pub processor: Duration,
}

impl Usage {
    /// Of another process. Zero where the system does not tell.
    pub fn of(process: u32) -> Self {
        let path = format!("/proc/{process}");
        // In hundredths of a second, which Linux fixes for programs.
        let stat = fs::read_to_string(format!("{path}/stat")).unwrap_or_default();
        let fields = stat.rsplit(") ").next().unwrap_or_default().split(' ').skip(11).take(2);
        let ticks: u64 = fields.filter_map(|ticks| ticks.parse::<u64>().ok()).sum();
        Self { processor: Duration::from_millis(ticks * 10), ..Self::read(&path) }
    }

    /// Now. Zero where the system does not tell: all but processor time comes from `/proc`.
    pub fn now() -> Self {
        Self { processor: processor(), ..Self::read("/proc/self") }
    }

    fn read(path: &str) -> Self {
        let status = fs::read_to_string(format!("{path}/status")).unwrap_or_default();
        let field = |name: &str| {
            let line = status.lines().find_map(|line| line.strip_prefix(name))?;
            line.split_whitespace().next()?.parse().ok()
        };
        Self {
            memory: field("VmRSS:").unwrap_or(0),
            descriptors: fs::read_dir(format!("{path}/fd")).map_or(0, |entries| entries.count() as u64),
            threads: field("Threads:").unwrap_or(0),
            processor: Duration::ZERO,
        }
    }
}

#[cfg(unix)]
fn processor() -> Duration {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::ProcessCPUTime);
    Duration::try_from(time).unwrap_or_default()
}

#[cfg(not(unix))]
fn processor() -> Duration {
    Duration::ZERO
}
