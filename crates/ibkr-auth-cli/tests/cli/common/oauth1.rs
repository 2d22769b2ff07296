//! Worlds whose user logs in by OAuth 1.0a.

use ibkr_auth_blocking::{Http, Response, Transport};
use ibkr_sim::{Consumer, SimConfig, demo};

use super::{World, program::LONGEST};

/// A consumer that asks for consent, by the keys of TESTCONS.
pub(crate) const VENDOR: &str = "VENDORKEY";

impl World {
    /// The demo consumer's settings lead to the simulator.
    pub(crate) fn oauth1() -> Self {
        Self::oauth1_with(|_| {})
    }

    pub(crate) fn oauth1_with(change: impl FnOnce(&mut SimConfig)) -> Self {
        let world = Self::with(change);
        world.write("private.pem", demo::oauth1::SIGNATURE_KEY_PEM);
        world.write("encryption.pem", demo::oauth1::ENCRYPTION_KEY_PEM);
        world.write("dhparam.pem", demo::oauth1::DH_PARAM_PEM);
        let (token, secret) = (demo::oauth1::ACCESS_TOKEN, demo::oauth1::ACCESS_TOKEN_SECRET);
        world.configure_oauth1(
            demo::oauth1::CONSUMER_KEY,
            &format!("oauth1_access_token: {token}\noauth1_access_token_secret: {secret}\n"),
        );
        world
    }

    /// Those of a third party, which has no access token yet. `callback`: the one that IBKR has registered.
    pub(crate) fn vendor(consumer_key: &str, callback: Option<&str>) -> Self {
        let world = Self::with(|config| {
            let [signature, encryption, dh] = [
                demo::testcons::SIGNATURE_PUBLIC_KEY_PEM,
                demo::testcons::ENCRYPTION_PUBLIC_KEY_PEM,
                demo::oauth1::DH_PARAM_PEM,
            ];
            let vendor =
                Consumer::new(VENDOR, signature.as_bytes(), encryption.as_bytes(), dh.as_bytes()).unwrap();
            config.consumers.push(vendor.as_third_party(callback));
        });
        world.write("private.pem", demo::testcons::SIGNATURE_KEY_PEM);
        world.write("encryption.pem", demo::testcons::ENCRYPTION_KEY_PEM);
        world.write("dhparam.pem", demo::oauth1::DH_PARAM_PEM);
        world.configure_oauth1(consumer_key, "");
        world
    }

    /// The usual settings of OAuth 1.0a for this consumer, and some more lines.
    pub(crate) fn configure_oauth1(&self, consumer_key: &str, more: &str) {
        self.configure_without(
            &["client_id", "client_key_id", "credential", "ip_services"],
            &format!(
                "oauth1_consumer_key: {consumer_key}\noauth1_encryption_key_file: encryption.pem\n\
                 oauth1_dh_param_file: dhparam.pem\n{more}"
            ),
        );
    }

    /// A browser, which trusts the simulator and follows nothing.
    pub(crate) fn browse(&self, address: &str) -> Response {
        let transport =
            Transport { ca_file: Some(self.path("ca.pem")), ca_only: true, ..Transport::default() };
        let request = http::Request::get(address).header("user-agent", "browser").body(Vec::new()).unwrap();
        Http::new(&transport).unwrap().send(request, LONGEST).unwrap()
    }
}
