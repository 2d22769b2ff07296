//! The identity that ships with the simulator: a client, its key and a paper username. Everybody has the
//! private key; it opens nothing but this simulator.

/// The demo client's id (`iss` and `sub` of the client assertion).
pub const CLIENT_ID: &str = "DemoClient";

/// The name of the demo client's key (`kid`). `main` is the default at IBKR.
pub const KEY_ID: &str = "main";

/// The username to log in.
pub const CREDENTIAL: &str = "demouser";

/// The account that the username trades.
pub const ACCOUNT: &str = "DU1234567";

/// The demo client's RSA-3072 private key.
pub const PRIVATE_KEY_PEM: &str = include_str!("../demo/demo-client.pem");

/// The public key that the simulator has registered for the demo client.
pub const PUBLIC_KEY_PEM: &str = include_str!("../demo/demo-client.pub.pem");

/// The key with which the simulated token endpoint signs its access tokens.
pub(crate) const SERVER_KEY_PEM: &str = include_str!("../demo/demo-server.pem");
