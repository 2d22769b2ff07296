//! The exit codes: one table for the program, its help and the documentation.

/// How the program ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Exit {
    Failed = 1,
    Usage = 2,
    Config = 3,
    NoSession = 4,
    Refused = 5,
    Competing = 6,
    Network = 7,
    Server = 8,
    ApiError = 9,
    Unknown = 10,
    Interrupted = 130,
    ClosedPipe = 141,
}

/// What each code means.
pub(crate) const TABLE: &[(u8, &str)] = &[
    (0, "success"),
    (Exit::Failed as u8, "something else went wrong, or `doctor` found a failure"),
    (Exit::Usage as u8, "wrong usage"),
    (Exit::Config as u8, "the settings, the key or the trust store cannot be used"),
    (Exit::NoSession as u8, "there is no session, or it is no longer good: `ibkr-auth login`"),
    (
        Exit::Refused as u8,
        "IBKR refused the client, its key or the user: change something before the next try",
    ),
    (Exit::Competing as u8, "another login of the username has the brokerage session"),
    (Exit::Network as u8, "nothing came back: network, TLS, proxy or look-up of the public address"),
    (Exit::Server as u8, "IBKR failed, is closed, or asked for a pause: try again later"),
    (Exit::ApiError as u8, "`get`, `post`, `delete`: the API answered with an error"),
    (
        Exit::Unknown as u8,
        "`post`, `delete`: it may have been executed: no answer that can be read, or neither granted nor refused (3xx, 408, 5xx)",
    ),
    (Exit::Interrupted as u8, "interrupted"),
    (Exit::ClosedPipe as u8, "whoever read the output has closed it"),
];

/// The table as the end of a help page.
pub(crate) fn help() -> String {
    let rows = TABLE.iter().map(|(code, meaning)| format!("\n  {code:>3}  {meaning}"));
    format!("Exit codes:{}", rows.collect::<String>())
}

#[cfg(test)]
mod tests {
    use ibkr_auth_store::FailureKind;

    use super::Exit;

    #[test]
    fn what_is_kept_of_a_failure_has_its_exit_code() {
        let same = [
            (FailureKind::Failed, Exit::Failed),
            (FailureKind::Config, Exit::Config),
            (FailureKind::NoSession, Exit::NoSession),
            (FailureKind::Refused, Exit::Refused),
            (FailureKind::Competing, Exit::Competing),
            (FailureKind::Network, Exit::Network),
            (FailureKind::Server, Exit::Server),
            (FailureKind::Unknown, Exit::Unknown),
        ];
        for (kind, exit) in same {
            assert_eq!(u8::from(kind), exit as u8);
        }
    }
}
