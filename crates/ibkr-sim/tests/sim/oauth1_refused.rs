//! OAuth 1.0a: what is refused, and why.

use std::time::Duration;

use ibkr_sim::{Consumer, DhParameters, EncryptionKey, Moment, Reply, demo};

use crate::{signer::*, world::*};

const TICKLE: &str = "/v1/api/tickle";

/// Sends a request whose header is changed before and after it is signed.
fn with(
    world: &mut World,
    signer: &mut Signer,
    path: &str,
    before: impl FnOnce(&mut Parameters),
    after: impl FnOnce(&mut Parameters),
) -> Reply {
    let request = signer.changed(world, "POST", path, before, after);
    world.send(&request)
}

/// A consumer that can ask for a live session token, and one that has one.
fn worlds() -> [(World, Signer, &'static str); 2] {
    let (mut one, mut two) = (World::new(), World::new());
    for world in [&mut one, &mut two] {
        world.sim.config_mut().rules.pacing = None;
    }
    let minted = Signer::minted(&mut two);
    [(one, Signer::demo(), LIVE), (two, minted, TICKLE)]
}

fn is_numbered(reply: &Reply, error: &str) {
    let answer = body(reply);
    let text = answer["error"].as_str().unwrap();
    let (number, rest) = text.strip_prefix("id: ").unwrap().split_once(", error: ").unwrap();
    assert!(number.parse::<u32>().is_ok());
    assert_eq!((rest, &answer["statusCode"], status(reply)), (error, &401.into(), 401));
}

#[test]
fn each_parameter_is_needed_and_no_other() {
    for (mut world, mut signer, path) in worlds() {
        let challenge = |parameters: &mut Parameters| {
            if path == LIVE {
                set(parameters, "diffie_hellman_challenge", "1fab");
            }
        };
        let names = [
            "realm",
            "oauth_consumer_key",
            "oauth_nonce",
            "oauth_signature",
            "oauth_signature_method",
            "oauth_timestamp",
            "oauth_token",
            "diffie_hellman_challenge",
        ];
        for name in &names[..if path == LIVE { 8 } else { 7 }] {
            let without = |parameters: &mut Parameters| parameters.retain(|(key, _)| key != name);
            let reply = with(&mut world, &mut signer, path, challenge, without);
            assert_eq!(rules(&reply), ["authorization"], "{name}");
            is_numbered(&reply, &format!("missing {name}"));
            let twice = |parameters: &mut Parameters| {
                let one = parameters.iter().find(|(key, _)| key == name).unwrap().clone();
                parameters.push(one);
            };
            let reply = with(&mut world, &mut signer, path, challenge, twice);
            assert_eq!(rules(&reply), ["authorization"], "{name}");
        }
        for name in ["oauth_callback", "oauth_verifier", "oauth_something"] {
            let more = |parameters: &mut Parameters| set(parameters, name, "oob");
            let reply = with(&mut world, &mut signer, path, challenge, more);
            assert_eq!(rules(&reply), ["authorization"], "{name}");
        }
    }
}

#[test]
fn the_header_is_read_strictly() {
    let mut world = World::new();
    let mut signer = Signer::minted(&mut world);
    let good = signer.get(&world, TICKLE);
    let good = good.headers()["authorization"].to_str().unwrap().to_owned();
    let signature = good.split("oauth_signature=\"").nth(1).unwrap().split('"').next().unwrap();
    for header in [
        "OAuth x".to_owned(),
        good.replace("\", ", "\"; "),
        good.replace("\", ", "\" "),
        good.replace('"', ""),
        good.replace('"', "'"),
        format!("{good},"),
        good.replace("realm=", "Realm="),
        good.replace("oauth_nonce=\"", "oauth_nonce=\"%"),
        good.replace(signature, "a+b="),
        good.strip_suffix('"').unwrap().to_owned(),
    ] {
        let reply =
            world.send(&builder("GET", TICKLE).header("authorization", &header).body(Vec::new()).unwrap());
        assert_eq!((status(&reply), rules(&reply)), (401, vec!["authorization"]), "{header}");
    }
    let encoded = good.replace(signature, &signature.replace('%', "%25"));
    let reply =
        world.send(&builder("GET", TICKLE).header("authorization", encoded).body(Vec::new()).unwrap());
    assert_eq!(rules(&reply), ["signature"], "encoded twice");
    let reply = world.send(&builder("GET", TICKLE).header("authorization", &good).body(Vec::new()).unwrap());
    assert_eq!(status(&reply), 200);
    let bare = world.send(&with_body(builder("POST", LIVE), ""));
    assert_eq!((status(&bare), rules(&bare)), (401, vec!["authorization"]));
}

#[test]
fn values_are_checked_one_by_one() {
    let now = NOON.secs();
    for (mut world, mut signer, path) in worlds() {
        let method = if path == LIVE { "HMAC-SHA256" } else { "RSA-SHA256" };
        let cases = [
            ("oauth_consumer_key", "NOBODYYET".to_owned(), "oauth_consumer_key"),
            ("oauth_signature_method", method.to_owned(), "oauth_signature_method"),
            ("oauth_signature_method", "HMAC-SHA1".to_owned(), "oauth_signature_method"),
            ("oauth_timestamp", (now * 1000).to_string(), "oauth_timestamp"),
            ("oauth_timestamp", format!("+{}", now % 1_000_000_000), "oauth_timestamp"),
            ("oauth_timestamp", (now + 301).to_string(), "oauth_timestamp"),
            ("oauth_timestamp", (now - 301).to_string(), "oauth_timestamp"),
            ("oauth_version", "2.0".to_owned(), "oauth_version"),
            ("oauth_token", "0123456789abcdef0123".to_owned(), "oauth_token"),
        ];
        for (name, value, rule) in cases {
            let before = |parameters: &mut Parameters| {
                if path == LIVE {
                    set(parameters, "diffie_hellman_challenge", "1fab");
                }
                set(parameters, name, &value);
            };
            let reply = with(&mut world, &mut signer, path, before, |_| {});
            assert_eq!((status(&reply), rules(&reply)), (401, vec![rule]), "{value}");
            match rule {
                "oauth_consumer_key" => is_numbered(&reply, "invalid consumer"),
                "oauth_token" if path == LIVE => {
                    is_numbered(&reply, "LST failed, error: No access secret key found for DEMOTRADE");
                }
                _ => {}
            }
        }
        for realm in ["test_realm", "Limited_POA"] {
            let before = |parameters: &mut Parameters| set(parameters, "diffie_hellman_challenge", "1fab");
            signer.realm = realm;
            let reply = match path {
                LIVE => with(&mut world, &mut signer, path, before, |_| {}),
                _ => with(&mut world, &mut signer, path, |_| {}, |_| {}),
            };
            assert_eq!((status(&reply), rules(&reply)), (401, vec!["realm"]));
        }
    }
}

#[test]
fn the_challenge_is_a_number_of_the_group() {
    let mut world = World::new();
    let mut signer = Signer::demo();
    for challenge in ["0x1f", "1g", "0", "1", "-1f", &"f".repeat(512), &"F".repeat(513)] {
        let before = |parameters: &mut Parameters| set(parameters, "diffie_hellman_challenge", challenge);
        let reply = with(&mut world, &mut signer, LIVE, before, |_| {});
        assert_eq!((status(&reply), rules(&reply)), (401, vec!["diffie_hellman_challenge"]), "{challenge}");
    }
    let upper = |parameters: &mut Parameters| set(parameters, "diffie_hellman_challenge", "1FAB");
    assert_eq!(status(&with(&mut world, &mut signer, LIVE, upper, |_| {})), 200);
    assert_eq!(world.sim.counters().live_session_tokens, 1);
}

#[test]
fn a_wrong_signature_is_told_apart_by_its_cause() {
    let mut world = World::with(|config| config.rules.pacing = None);
    let mut signer = Signer::minted(&mut world);
    signer.init(&mut world, true);
    let mut why = |signer: &mut Signer, before: fn(&mut Parameters), after: fn(&mut Parameters)| {
        let request =
            signer.changed(&world, "GET", "/v1/api/iserver/secdef/search?symbol=A%20B", before, after);
        let reply = world.send(&request);
        assert_eq!((status(&reply), rules(&reply)), (401, vec!["signature"]));
        assert_eq!(text(&reply), "Invalid signature");
        reply.refusals[0].why.clone()
    };
    let other = |parameters: &mut Parameters| set(parameters, "oauth_nonce", "another");
    assert!(why(&mut signer, |_| {}, other).contains("did not make this signature"));
    let nonsense = |parameters: &mut Parameters| set(parameters, "oauth_signature", "!");
    assert!(why(&mut signer, |_| {}, nonsense).contains("no base64"));
    signer.encoding = ("%=&", "%2520");
    let mut twice = signer.clone();
    twice.encoding = ("", "%2520");
    assert!(why(&mut twice, |_| {}, |_| {}).contains("encoded twice"));
    let mut text_key = signer.clone();
    text_key.encoding = ("", "%20");
    text_key.key = signer.live_session_token().into_bytes();
    assert!(why(&mut text_key, |_| {}, |_| {}).contains("base64 text"));
}

#[test]
fn wrong_keys_are_refused() {
    let mut world = World::new();
    let mut other = Signer { signature_pem: demo::testcons::SIGNATURE_KEY_PEM, ..Signer::demo() };
    let (request, _) = other.challenge(&world);
    let reply = world.send(&request);
    assert_eq!((status(&reply), rules(&reply)), (401, vec!["signature"]));

    let mut wrong = |change: fn(&mut Consumer)| {
        world.sim.config_mut().consumers[0] = demo::oauth1::consumer().unwrap();
        change(&mut world.sim.config_mut().consumers[0]);
        let (request, _) = Signer::demo().challenge(&world);
        rules(&world.send(&request))
    };
    assert_eq!(wrong(|consumer| consumer.access_tokens[0].secret[0] ^= 1), ["signature"]);
    let other_key = |consumer: &mut Consumer| {
        let pem = demo::testcons::ENCRYPTION_PUBLIC_KEY_PEM.as_bytes();
        consumer.encryption_key = EncryptionKey::from_pem(pem).unwrap();
        consumer.dh = DhParameters::from_pem(demo::oauth1::DH_PARAM_PEM.as_bytes()).unwrap();
    };
    assert_eq!(wrong(other_key), [""; 0], "the secret was encrypted before");
}

#[test]
fn a_new_consumer_is_not_active_at_once() {
    let active = NOON + Duration::from_secs(3600);
    let mut world = World::with(|config| config.consumers[0].active_from = Some(active));
    let (request, _) = Signer::demo().challenge(&world);
    let reply = world.send(&request);
    assert_eq!(rules(&reply), ["oauth_consumer_key"]);
    is_numbered(&reply, "invalid consumer");
    assert!(reply.refusals[0].why.contains("not active yet"));
    world.wait(3600);
    Signer::minted(&mut world);
}

#[test]
fn a_nonce_works_once() {
    let mut world = World::new();
    let mut signer = Signer::minted(&mut world);
    let request = signer.get(&world, TICKLE);
    assert_eq!(status(&world.send(&request)), 200);
    world.wait(2);
    let reply = world.send(&request);
    assert_eq!((status(&reply), rules(&reply)), (401, vec!["oauth_nonce"]));
    // It is remembered for as long as its timestamp would be taken.
    world.wait(298);
    assert!(world.send(&request).refused_for("oauth_nonce"));
    world.wait(62);
    assert_eq!(rules(&world.send(&request)), ["oauth_timestamp"]);
}

#[test]
fn timestamps_rise() {
    let mut world = World::with(|config| config.rules.pacing = None);
    let mut signer = Signer::minted(&mut world);
    assert_eq!(status(&signer.tickle(&mut world)), 200);
    signer.late = -1;
    assert_eq!(rules(&signer.tickle(&mut world)), ["oauth_timestamp"]);
    signer.late = 0;
    assert_eq!(status(&signer.tickle(&mut world)), 200, "the same second");
    signer.late = 300;
    assert_eq!(status(&signer.tickle(&mut world)), 200, "a clock that is fast");
    signer.late = 299;
    assert_eq!(rules(&signer.tickle(&mut world)), ["oauth_timestamp"]);
    world.sim.config_mut().rules.oauth1_timestamps_rise = false;
    assert_eq!(status(&signer.tickle(&mut world)), 200);

    world.sim.config_mut().rules.oauth1_timestamps_rise = true;
    signer.late = 0;
    world.sim.jump_clock(-3600);
    assert_eq!(status(&signer.tickle(&mut world)), 200, "the servers' clock was set back");
    world.sim.config_mut().rules.oauth1_clock_tolerance = Duration::ZERO;
    signer.late = 1;
    assert_eq!(rules(&signer.tickle(&mut world)), ["oauth_timestamp"]);
}

#[test]
fn a_token_that_was_made_anew_takes_another_secret() {
    let mut world = World::new();
    let mut signer = Signer::minted(&mut world);
    world.sim.config_mut().consumers[0].access_tokens[0].token = "ffffffffffffffffffff".to_owned();
    assert_eq!(rules(&signer.tickle(&mut world)), ["oauth_token"]);
    let (request, _) = signer.challenge(&world);
    let reply = world.send(&request);
    is_numbered(&reply, "LST failed, error: No access secret key found for DEMOTRADE");
}

#[test]
fn no_secret_is_in_the_journal() {
    let mut world = World::new();
    let mut signer = Signer::minted(&mut world);
    signer.tickle(&mut world);
    world.now = Moment::from_secs(NOON.secs() + 400);
    signer.key[0] ^= 1;
    signer.tickle(&mut world);
    signer.token = "ffffffffffffffffffff".to_owned();
    for path in [LIVE, TICKLE] {
        let before = |parameters: &mut Parameters| {
            if path == LIVE {
                set(parameters, "diffie_hellman_challenge", "1fab");
            }
        };
        assert_eq!(rules(&with(&mut world, &mut signer, path, before, |_| {})), ["oauth_token"]);
    }
    let journal = format!("{:?}", world.sim.requests().collect::<Vec<_>>());
    for secret in [demo::oauth1::ACCESS_TOKEN, &signer.token, &signer.live_session_token()] {
        assert!(!journal.contains(secret), "{journal}");
    }
    let config = format!("{:?}", world.sim.config());
    assert!(!config.contains(demo::oauth1::ACCESS_TOKEN));
}
