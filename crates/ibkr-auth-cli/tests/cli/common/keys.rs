//! Keys that are there already.

/// A key of the tests of ibkr-jws.
pub(crate) fn key(name: &str) -> String {
    format!("{}/../ibkr-jws/tests/keys/{name}.pem", env!("CARGO_MANIFEST_DIR"))
}

/// The file of the demo's private key.
#[cfg(unix)]
pub(crate) const DEMO_KEY: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../ibkr-sim/demo/demo-client.pem");

#[cfg(unix)]
impl super::World {
    /// IBKR knows the key, which is encrypted with `secret`.
    pub(crate) fn with_encrypted_key() -> Self {
        let plain = ibkr_jws::RsaKey::from_pem(&std::fs::read(key("rsa3072")).unwrap()).unwrap();
        let public = plain.public_key_pem().unwrap();
        let world = Self::with(|config| {
            let client = config.clients.remove(0);
            config.clients.push(client.with_key(ibkr_sim::demo::KEY_ID, public.as_bytes()).unwrap());
        });
        world.write("private.pem", std::fs::read(key("encrypted")).unwrap());
        world
    }
}
