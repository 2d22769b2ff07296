//! Keys that are there already.

/// A key of the tests of ibkr-jws.
pub(crate) fn key(name: &str) -> String {
    format!("{}/../ibkr-jws/tests/keys/{name}.pem", env!("CARGO_MANIFEST_DIR"))
}

/// Of the private key `rsa3072`.
#[cfg(unix)]
pub(crate) fn public_half() -> String {
    let key = ibkr_jws::RsaKey::from_pem(&std::fs::read(key("rsa3072")).unwrap()).unwrap();
    key.public_key_pem().unwrap()
}

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
