//! Logs in, asks for the accounts and logs out: `cargo run -p ibkr-auth-blocking --example login_blocking --
//! config.yaml`

use ibkr_auth_blocking::{Client, Error};

fn main() -> Result<(), Error> {
    let config = std::env::args().nth(1).unwrap_or_else(|| "config.yaml".to_owned());
    println!("{}", accounts(&config)?);
    Ok(())
}

pub(crate) fn accounts(config: &str) -> Result<String, Error> {
    let mut client = Client::from_yaml(config)?;
    client.on_event(|event| println!("{event}"));

    client.connect()?;
    let answer = client.get("/v1/api/portfolio/accounts")?;
    client.logout()?;
    Ok(String::from_utf8_lossy(answer.body()).into_owned())
}
