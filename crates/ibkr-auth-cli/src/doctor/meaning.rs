//! What an answer means at IBKR, and what to do about it: the search in the table.

mod table;

use ibkr_auth_blocking::{ErrorKind, TransportKind};

use super::ask::Trouble;

/// Which request it was.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum At {
    Connection,
    Token,
    Bearer,
    Live,
    Validate,
    Tickle,
    Init,
    Status,
    Portfolio,
    Accounts,
    Logout,
}

impl At {
    /// Whether a Ctrl-C leads here: what makes a session is waited for, so that it can be ended.
    pub(super) fn is_for_the_end(self) -> bool {
        matches!(self, Self::Bearer | Self::Live | Self::Logout)
    }
}

/// One row of the table: the first that fits counts.
struct Row {
    /// At which requests; at all of them if there are none.
    at: &'static [At],
    came: Origin,
    /// What the answer says, in small letters.
    says: &'static str,
    means: &'static str,
    help: &'static str,
    /// The section of docs/ONBOARDING.md.
    see: &'static str,
}

/// What came back.
enum Origin {
    Anything,
    Nothing(TransportKind),
    Status(&'static [u16]),
    /// A status of 500 and more.
    ServerError,
    /// A status of 300 to 399.
    Redirect,
    /// A web page where there should be none, with this status.
    Page(u16),
    Kind(ErrorKind),
}

/// What it means, and what to do.
pub(super) fn of(trouble: &Trouble) -> (String, String) {
    let said = trouble.error.excerpt().unwrap_or_default().to_ascii_lowercase();
    let what = trouble.error.message().to_ascii_lowercase();
    let fits = |row: &&Row| {
        (row.at.is_empty() || row.at.contains(&trouble.at))
            && row.came.fits(trouble)
            && (said.contains(row.says) || what.contains(row.says))
    };
    match table::ROWS.iter().find(fits) {
        Some(Row { means, help, see: "", .. }) => ((*means).to_owned(), (*help).to_owned()),
        Some(Row { means, help, see, .. }) => {
            (format!("{means} (`ibkr-auth guide`, {see})"), (*help).to_owned())
        }
        None => ("IBKR does not usually answer so".to_owned(), trouble.error.help().to_owned()),
    }
}

impl Origin {
    fn fits(&self, trouble: &Trouble) -> bool {
        let (kind, status) = (trouble.error.kind(), trouble.error.status());
        match self {
            Self::Anything => true,
            Self::Nothing(kind) => trouble.error.transport_kind() == Some(*kind),
            Self::Status(all) => status.is_some_and(|status| all.contains(&status.as_u16())),
            Self::ServerError => status.is_some_and(|status| status.is_server_error()),
            Self::Redirect => status.is_some_and(|status| status.is_redirection()),
            Self::Page(page) => {
                kind == ErrorKind::Unreadable && status.is_some_and(|status| status.as_u16() == *page)
            }
            Self::Kind(wanted) => kind == *wanted,
        }
    }
}
