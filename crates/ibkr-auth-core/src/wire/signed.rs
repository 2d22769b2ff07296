//! Bodies of account management that IBKR wants signed (its OpenAPI, security policy `SIGNED_JWT`): the
//! members of the operation as claims, with who signs and when.

use std::time::{Duration, SystemTime};

use ibkr_jws::{Jws, Sign};
use serde_json::{Map, Value};

use super::build;
use crate::{Config, Error, OAuth2, time::unix_seconds};

/// As IBKR's own example of a signed operation has it.
const LIFETIME: Duration = Duration::from_secs(60);

/// Signs the members of an operation as of `wall`: good for a minute. The result is the whole body, of type
/// `application/jwt`. Members that are `null` are left out: IBKR refuses them.
///
/// # Errors
/// When the key cannot sign, and for a login by OAuth 1.0a.
pub fn body(
    config: &Config,
    key: &(impl Sign + ?Sized),
    members: Map<String, Value>,
    wall: SystemTime,
) -> Result<Jws, Error> {
    build::sign(None, config, key, &claims(config.login.needs_oauth2(None)?, members, wall))
}

fn claims(login: &OAuth2, members: Map<String, Value>, wall: SystemTime) -> Map<String, Value> {
    let now = unix_seconds(wall);
    let mut claims = without_null(members);
    claims.insert("iss".to_owned(), login.client_id.as_str().into());
    claims.insert("iat".to_owned(), now.into());
    claims.insert("exp".to_owned(), (now + LIFETIME.as_secs()).into());
    claims
}

fn without_null(members: Map<String, Value>) -> Map<String, Value> {
    let members = members.into_iter().filter(|(_, value)| !value.is_null());
    members.map(|(name, value)| (name, thinned(value))).collect()
}

fn thinned(value: Value) -> Value {
    match value {
        Value::Object(members) => Value::Object(without_null(members)),
        Value::Array(values) => Value::Array(values.into_iter().map(thinned).collect()),
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn the_members_are_claims_beside_who_signs_and_when() {
        let config = Config::new("client", "main", "someone").unwrap();
        let members = json!({ "instructionType": "DEPOSIT", "iss": "somebody else", "none": null,
            "instruction": { "amount": 10, "why": null, "list": [{ "x": null }] } });
        let Value::Object(members) = members else { unreachable!("it is an object") };
        let wall = SystemTime::UNIX_EPOCH + Duration::from_secs(1_800_000_000);
        let expected = json!({ "instructionType": "DEPOSIT", "instruction": { "amount": 10, "list": [{}] },
            "iss": "client", "iat": 1_800_000_000_u64, "exp": 1_800_000_060_u64 });
        assert_eq!(Value::Object(claims(config.login.oauth2().unwrap(), members, wall)), expected);
    }
}
