//! Comparing with the files in `snapshots/`.

use std::path::Path;

/// What differs from run to run is replaced first.
macro_rules! assert_shows {
    ($world:expr, $name:expr, $shown:expr) => {
        $crate::common::filters($world.root()).bind(|| insta::assert_snapshot!($name, $shown.to_string()));
    };
}
pub(crate) use assert_shows;

pub(crate) fn filters(folder: &Path) -> insta::Settings {
    let mut settings = insta::Settings::clone_current();
    settings.set_prepend_module_to_snapshot(false);
    settings.set_omit_expression(true);
    for (pattern, replacement) in [
        (folder.to_string_lossy().replace('.', r"\."), "FOLDER"),
        (r"(localhost|127\.0\.0\.1):\d+".to_owned(), "$1:PORT"),
        (r" +\d+ ms".to_owned(), " N ms"),
        (r"\d+\.\d s\b".to_owned(), "N s"),
        (r"\b(\d+ (d|h|min) )?\d+ (h|min|s)\b".to_owned(), "TIME"),
        (r#""(since|good_at|expires_at|ms|requests)": \d+"#.to_owned(), "\"$1\": N"),
        (r"Bearer [\w.-]+".to_owned(), "Bearer TOKEN"),
        (r"api=\w+".to_owned(), "api=SESSION"),
        (r#""(token|session_id)": "[\w.-]+""#.to_owned(), "\"$1\": \"SECRET\""),
        (r"\(os error \d+\)".to_owned(), "(os error N)"),
        (r"ibkr-auth/\d+\.\d+\.\d+".to_owned(), "ibkr-auth/VERSION"),
    ] {
        settings.add_filter(&pattern, replacement);
    }
    settings
}
