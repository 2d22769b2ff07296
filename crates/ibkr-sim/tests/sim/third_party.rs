//! OAuth 1.0a for third parties: the request token, the user's consent, the access token.

use http::Request;
use ibkr_sim::{Reply, SimConfig};
use serde_json::Value;

use crate::{signer::*, world::*};

const REQUEST: &str = "/v1/api/oauth/request_token";
const ACCESS: &str = "/v1/api/oauth/access_token";
const CALLBACK: &str = "https://vendor.example/done?from=ibkr";

fn ask(world: &mut World, signer: &mut Signer, callback: &str) -> Reply {
    let before = |parameters: &mut Parameters| {
        parameters.retain(|(name, _)| name != "oauth_token");
        set(parameters, "oauth_callback", callback);
    };
    let request = signer.changed(world, "POST", REQUEST, before, |_| {});
    world.send(&request)
}

fn requested(world: &mut World, signer: &mut Signer, callback: &str) -> String {
    let reply = ask(world, signer, callback);
    assert_eq!((status(&reply), rules(&reply)), (200, vec![]));
    let token = body(&reply)["oauth_token"].as_str().unwrap().to_owned();
    assert_eq!(token.len(), 20);
    token
}

fn open(world: &mut World, path: &str) -> Reply {
    let request = Request::get(format!("https://www.interactivebrokers.com{path}"));
    world.send(&request.header("user-agent", "browser").body(Vec::new()).unwrap())
}

/// The page's links, by their text.
fn links(page: &Reply) -> Vec<(String, String)> {
    let links = text(page).split("<a href=\"").skip(1).map(|link| {
        let (target, rest) = link.split_once("\">").unwrap();
        (rest.split('<').next().unwrap().to_owned(), target.replace("&amp;", "&"))
    });
    links.collect()
}

fn allow(world: &mut World, token: &str, more: &str) -> Reply {
    let page = open(world, &format!("/authorize?oauth_token={token}{more}"));
    assert_eq!((status(&page), rules(&page)), (200, vec![]));
    let (label, link) = links(&page).remove(0);
    assert_eq!(label, "Allow, as demouser");
    open(world, &link)
}

/// The verifier that the page shows.
fn shown(page: &Reply) -> String {
    text(page).split("<code>").nth(1).unwrap().split('<').next().unwrap().to_owned()
}

fn exchange(world: &mut World, signer: &mut Signer, token: &str, verifier: &str) -> Reply {
    let before = |parameters: &mut Parameters| {
        set(parameters, "oauth_token", token);
        set(parameters, "oauth_verifier", verifier);
    };
    let request = signer.changed(world, "POST", ACCESS, before, |_| {});
    world.send(&request)
}

fn take(signer: &mut Signer, answer: &Value) {
    signer.token = answer["oauth_token"].as_str().unwrap().to_owned();
    signer.secret = answer["oauth_token_secret"].as_str().unwrap().to_owned();
}

fn with_callback(config: &mut SimConfig) {
    config.consumers[1].callback = Some(CALLBACK.to_owned());
}

#[test]
fn from_a_request_token_to_a_session() {
    let mut world = World::new();
    let mut signer = Signer::testcons();
    let token = requested(&mut world, &mut signer, "oob");
    let page = allow(&mut world, &token, "");
    assert_eq!(status(&page), 200);
    let reply = exchange(&mut world, &mut signer, &token, &shown(&page));
    assert_eq!((status(&reply), rules(&reply)), (200, vec![]));
    let answer = body(&reply);
    assert_eq!(answer["is_paper"], true);
    take(&mut signer, &answer);
    assert_eq!((signer.token.len(), signer.decrypted().len()), (20, 32));
    signer.mint(&mut world);
    assert_eq!(status(&signer.tickle(&mut world)), 200);

    // The token is the same for the same user, the secret is not.
    let again = requested(&mut world, &mut signer, "oob");
    let page = allow(&mut world, &again, "");
    let second = body(&exchange(&mut world, &mut signer, &again, &shown(&page)));
    assert_eq!(second["oauth_token"], answer["oauth_token"]);
    assert_ne!(second["oauth_token_secret"], answer["oauth_token_secret"]);
    let (request, _) = signer.challenge(&world);
    assert_eq!(rules(&world.send(&request)), ["signature"], "with the old secret");
    take(&mut signer, &second);
    signer.mint(&mut world);
    // Consent outlasts the servers.
    world.sim.restart();
    signer.mint(&mut world);
}

#[test]
fn the_browser_is_sent_to_the_callback() {
    let mut world = World::with(with_callback);
    let mut signer = Signer::testcons();
    for (callback, more) in [
        (CALLBACK, String::new()),
        ("oob", format!("&redirect_uri={}", CALLBACK.replace('?', "%3F").replace('=', "%3D"))),
    ] {
        let token = requested(&mut world, &mut signer, callback);
        let page = allow(&mut world, &token, &more);
        assert_eq!(status(&page), 302);
        let expected = format!("{CALLBACK}&oauth_token={token}&oauth_verifier={}", shown(&page));
        assert_eq!(page.response.headers()["location"], expected);
        assert_eq!(status(&exchange(&mut world, &mut signer, &token, &shown(&page))), 200);
    }
}

#[test]
fn callbacks_are_those_that_were_registered() {
    let mut world = World::with(with_callback);
    let mut signer = Signer::testcons();
    let reply = ask(&mut world, &mut signer, "https://elsewhere.example/");
    assert_eq!((status(&reply), rules(&reply)), (401, vec!["oauth_callback"]));
    let token = requested(&mut world, &mut signer, "oob");
    for uri in ["https://elsewhere.example/", "javascript:alert(1)"] {
        let page = open(&mut world, &format!("/authorize?oauth_token={token}&redirect_uri={uri}"));
        assert_eq!((status(&page), rules(&page)), (400, vec!["redirect_uri"]));
    }
}

#[test]
fn the_page_is_for_a_fresh_request_token_alone() {
    let mut world = World::new();
    let mut signer = Signer::testcons();
    let refused = |world: &mut World, path: &str| {
        let page = open(world, path);
        assert_eq!(status(&page) / 100, 4, "{path}");
        rules(&page)
    };
    assert_eq!(refused(&mut world, "/authorize"), ["oauth_token"]);
    assert_eq!(refused(&mut world, "/authorize?oauth_token=00"), ["oauth_token"]);
    assert_eq!(refused(&mut world, "/elsewhere"), ["path"]);
    let token = requested(&mut world, &mut signer, "oob");
    let nobody = format!("/authorize?oauth_token={token}&decision=allow&username=nobody");
    assert_eq!(refused(&mut world, &nobody), ["credential"]);
    let on_the_api = world.send(&builder("GET", "/authorize").body(Vec::new()).unwrap());
    assert_eq!(status(&on_the_api), 404);
    let local = format!("https://localhost:8443/authorize?oauth_token={token}");
    assert_eq!(status(&world.send(&Request::get(local).body(Vec::new()).unwrap())), 200);
    world.wait(600);
    assert_eq!(refused(&mut world, &format!("/authorize?oauth_token={token}")), ["oauth_token"], "too old");

    let token = requested(&mut world, &mut signer, "oob");
    let page = open(&mut world, &format!("/authorize?oauth_token={token}"));
    let (label, link) = links(&page).pop().unwrap();
    assert_eq!(label, "Refuse");
    assert_eq!(status(&open(&mut world, &link)), 200);
    assert_eq!(rules(&exchange(&mut world, &mut signer, &token, "00")), ["oauth_token"]);
}

#[test]
fn token_and_verifier_are_spent_together() {
    let mut world = World::new();
    let mut signer = Signer::testcons();
    let token = requested(&mut world, &mut signer, "oob");
    assert_eq!(rules(&exchange(&mut world, &mut signer, &token, "00")), ["oauth_verifier"], "no consent yet");
    let verifier = shown(&allow(&mut world, &token, ""));
    let answered = open(&mut world, &format!("/authorize?oauth_token={token}"));
    assert_eq!(rules(&answered), ["oauth_token"], "the page asks once");
    assert_eq!(rules(&exchange(&mut world, &mut signer, &token, "00")), ["oauth_verifier"]);
    assert_eq!(rules(&exchange(&mut world, &mut signer, "00", &verifier)), ["oauth_token"]);
    assert_eq!(status(&exchange(&mut world, &mut signer, &token, &verifier)), 200);
    let reply = exchange(&mut world, &mut signer, &token, &verifier);
    assert_eq!((status(&reply), rules(&reply)), (401, vec!["oauth_token"]));
    let again = open(&mut world, &format!("/authorize?oauth_token={token}"));
    assert_eq!(rules(&again), ["oauth_token"]);
}

#[test]
fn a_request_token_is_for_its_consumer_alone() {
    let mut world = World::with(|config| config.consumers[0].third_party = true);
    let mut signer = Signer::testcons();
    let token = requested(&mut world, &mut signer, "oob");
    let verifier = shown(&allow(&mut world, &token, ""));
    assert_eq!(rules(&exchange(&mut world, &mut Signer::demo(), &token, &verifier)), ["oauth_token"]);
}

#[test]
fn a_consumer_of_ones_own_has_no_business_there() {
    let mut world = World::new();
    let mut signer = Signer::demo();
    for reply in [ask(&mut world, &mut signer, "oob"), exchange(&mut world, &mut signer, "00", "00")] {
        assert_eq!((status(&reply), rules(&reply)), (401, vec!["third-party"]));
    }
}

#[test]
fn signatures_and_parameters_are_checked_there_too() {
    let mut world = World::new();
    let mut signer = Signer::testcons();
    signer.signature_pem = Signer::demo().signature_pem;
    assert_eq!(rules(&ask(&mut world, &mut signer, "oob")), ["signature"]);
    assert_eq!(rules(&exchange(&mut world, &mut signer, "00", "00")), ["signature"]);
    let mut signer = Signer::testcons();
    let request = signer.post(&world, REQUEST);
    assert_eq!(rules(&world.send(&request)), ["authorization"], "no oauth_callback");
    signer.token = "00".to_owned();
    let request = signer.post(&world, ACCESS);
    assert_eq!(rules(&world.send(&request)), ["authorization"], "no oauth_verifier");
    signer.realm = "limited_poa";
    assert_eq!(rules(&ask(&mut world, &mut signer, "oob")), ["realm"]);
}
