//! Times as logs, programs and support tickets want them: UTC, to the second.

use std::time::SystemTime;

/// Such as `2026-11-21T19:00:00Z`.
pub(crate) fn stamp(at: SystemTime) -> String {
    humantime::format_rfc3339_seconds(at).to_string()
}

/// Such as `19:00:00`.
pub(crate) fn clock(at: SystemTime) -> String {
    stamp(at).chars().skip("2026-11-21T".len()).take("19:00:00".len()).collect()
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn times_are_shown_with_and_without_their_date() {
        let at = SystemTime::UNIX_EPOCH + Duration::from_secs(1_795_287_600);
        assert_eq!((stamp(at), clock(at)), ("2026-11-21T19:00:00Z".to_owned(), "19:00:00".to_owned()));
    }
}
