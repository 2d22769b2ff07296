//! Logs in, asks for the accounts and logs out: `cargo run -p ibkr-auth-async --example login_async --
//! config.yaml`

use ibkr_auth_async::{Client, Error};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    let config = std::env::args().nth(1).unwrap_or_else(|| "config.yaml".to_owned());
    println!("{}", accounts(&config).await?);
    Ok(())
}

pub(crate) async fn accounts(config: &str) -> Result<String, Error> {
    let mut client = Client::from_yaml(config)?;
    client.on_event(|event| println!("{event}"));

    client.connect().await?;
    let answer = client.get("/v1/api/portfolio/accounts").await?;
    client.logout().await?;
    Ok(String::from_utf8_lossy(answer.body()).into_owned())
}
