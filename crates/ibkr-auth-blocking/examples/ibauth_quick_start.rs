//! The quick start of the Python package `ibauth`, line for line:
//! `cargo run -p ibkr-auth-blocking --example ibauth_quick_start -- config.yaml`

use std::{thread, time::Duration};

use ibkr_auth_blocking::{Client, Error};

fn main() -> Result<(), Error> {
    let config = std::env::args().nth(1).unwrap_or_else(|| "config.yaml".to_owned());
    let mut auth = Client::from_yaml(config)?;

    auth.get_access_token()?;
    auth.get_bearer_token()?;

    auth.ssodh_init()?;
    auth.validate_sso()?;

    // Keep the session alive.
    for _ in 0..3 {
        auth.tickle()?;
        thread::sleep(Duration::from_secs(10));
    }

    // Change the host while running. (With `base_url` in the file, this leaves it.)
    auth.set_host("5.api.ibkr.com".parse()?);
    auth.tickle()?;

    auth.logout()
}
