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

/// A consumer of OAuth 1.0a that logs in the demo username: its keys, and what IBKR's portal shows for it.
pub mod oauth1 {
    use crate::{Consumer, ConsumerError};

    /// `oauth_consumer_key`.
    pub const CONSUMER_KEY: &str = "DEMOTRADE";

    /// The access token that logs in [`CREDENTIAL`](super::CREDENTIAL).
    pub const ACCESS_TOKEN: &str = "6a1c2f0be94d37158ac0";

    /// Its secret, encrypted to [`ENCRYPTION_KEY_PEM`].
    pub const ACCESS_TOKEN_SECRET: &str = "GKeCCaDOtkY3UnxBDdIH3GQTFndbfU8TmGof9QDIBx7E4sb3y7eJHtDw3mUy44a52PbY1XVkrU27bKLoVyKeo3RWR0E/xn0puWmpSMdP0NSvhQcHr2cncOJ4rwZ5j/0qam9GMkoivYGL5wX93WnszwTWfunTfdCAh8V7zsUBHxP39bHGixbXJA6f9bpWnzgiPynhzDEXg+AUZTfyx1FJynueQUNBfEfdI1k3KJOekUlo9nazYLSFQy0NDkgroEG93HWj22TE+dIYCLWL/dBdqWjyaCmmGyiu53QPjcEMnmTozxzf1KnPIKIE0qU8dCd+8sPgqi+dUG2JM+KIJVs3FA==";

    /// The RSA-2048 private key that signs the call for a live session token.
    pub const SIGNATURE_KEY_PEM: &str = include_str!("../demo/oauth1/demo-signature.pem");

    /// What is registered of it.
    pub const SIGNATURE_PUBLIC_KEY_PEM: &str = include_str!("../demo/oauth1/demo-signature.pub.pem");

    /// The RSA-2048 private key that decrypts the secret.
    pub const ENCRYPTION_KEY_PEM: &str = include_str!("../demo/oauth1/demo-encryption.pem");

    /// What is registered of it.
    pub const ENCRYPTION_PUBLIC_KEY_PEM: &str = include_str!("../demo/oauth1/demo-encryption.pub.pem");

    /// Diffie-Hellman parameters: group 14 of RFC 3526.
    pub const DH_PARAM_PEM: &str = include_str!("../demo/oauth1/dhparam.pem");

    /// The secret before its encryption.
    const SECRET: [u8; 32] = [
        0x8f, 0x1d, 0x6a, 0x0c, 0x5b, 0x7e, 0x42, 0x93, 0x9e, 0x3c, 0x21, 0xd0, 0x7f, 0x64, 0xab, 0x58, 0xc0,
        0xd9, 0x13, 0x7e, 0x2b, 0x8a, 0x45, 0xf6, 0xa1, 0xe4, 0x7c, 0x3b, 0x9d, 0x5f, 0x60, 0x82,
    ];

    /// As the simulator has it registered.
    ///
    /// # Errors
    /// Never: its files are sound.
    pub fn consumer() -> Result<Consumer, ConsumerError> {
        let [signature, encryption, dh] = [SIGNATURE_PUBLIC_KEY_PEM, ENCRYPTION_PUBLIC_KEY_PEM, DH_PARAM_PEM];
        Consumer::new(CONSUMER_KEY, signature.as_bytes(), encryption.as_bytes(), dh.as_bytes())
            .map(|consumer| consumer.with_access_token(ACCESS_TOKEN, SECRET, super::CREDENTIAL))
    }
}

/// IBKR's public test consumer of OAuth 1.0a, here with keys of the simulator's: a third party without a
/// callback, whose realm is `test_realm`.
pub mod testcons {
    use super::oauth1::DH_PARAM_PEM;
    use crate::{Consumer, ConsumerError};

    /// `oauth_consumer_key`.
    pub const CONSUMER_KEY: &str = "TESTCONS";

    /// The RSA-2048 private key that signs the calls for tokens.
    pub const SIGNATURE_KEY_PEM: &str = include_str!("../demo/oauth1/testcons-signature.pem");

    /// What is registered of it.
    pub const SIGNATURE_PUBLIC_KEY_PEM: &str = include_str!("../demo/oauth1/testcons-signature.pub.pem");

    /// The RSA-2048 private key that decrypts secrets.
    pub const ENCRYPTION_KEY_PEM: &str = include_str!("../demo/oauth1/testcons-encryption.pem");

    /// What is registered of it.
    pub const ENCRYPTION_PUBLIC_KEY_PEM: &str = include_str!("../demo/oauth1/testcons-encryption.pub.pem");

    /// As the simulator has it registered, with the Diffie-Hellman parameters of the demo consumer.
    ///
    /// # Errors
    /// Never: its files are sound.
    pub fn consumer() -> Result<Consumer, ConsumerError> {
        let [signature, encryption, dh] = [SIGNATURE_PUBLIC_KEY_PEM, ENCRYPTION_PUBLIC_KEY_PEM, DH_PARAM_PEM];
        Consumer::new(CONSUMER_KEY, signature.as_bytes(), encryption.as_bytes(), dh.as_bytes())
            .map(|consumer| consumer.as_third_party(None))
    }
}
