//! The way to IBKR: proxy, DNS, TLS, clock, public address.

use std::net::{IpAddr, Ipv4Addr};

use ibkr_sim::{Endpoint, Server, SimConfig};

use super::checks::Report;
use crate::common::World;

#[test]
fn an_unknown_authority_is_told_from_other_failures() {
    let world = World::new();
    world.write("ca.pem", Server::start(SimConfig::default()).unwrap().ca_pem());
    let report = world.doctor(&[]);
    report.expect("tls", "fail", &["no secure connection", "ca_file", "proxy"]);
    report.expect("clock", "skip", &["needs: tls"]);
    report.expect("access token", "skip", &["needs: tls"]);
    report.expect("public ip", "pass", &["203.0.113.7"]);
    assert_eq!(world.count(Endpoint::Token), 0);
}

#[test]
fn a_trust_store_that_cannot_be_used_fails_with_the_settings() {
    let world = World::new();
    world.configure("ca_file: nowhere.pem\n");
    let report = world.doctor(&[]);
    report.expect("settings", "fail", &["nowhere.pem"]);
    report.expect("key", "pass", &[]);
    report.expect("tls", "fail", &["nowhere.pem"]);
}

#[test]
fn a_dead_proxy_is_found_before_all_that_needs_it() {
    let world = World::new();
    world.configure("proxy: http://someone:hunter2pass@127.0.0.1:1\n");
    let report = world.doctor(&[]);
    report.expect(
        "proxy",
        "fail",
        &["http://127.0.0.1:1", "`proxy` of the settings", "user name and password"],
    );
    for check in ["dns", "public ip"] {
        report.expect(check, "skip", &["needs: proxy"]);
    }
    report.expect("key", "pass", &[]);
    assert!(!report.0.to_string().contains("hunter2pass") && !report.0.to_string().contains("someone"));
}

#[test]
fn a_proxy_of_the_environment_is_named_and_used() {
    let world = World::behind_proxy();
    let report = world.doctor(&[]);
    report.expect("proxy", "pass", &["HTTPS_PROXY"]);
    report.expect("dns", "pass", &["by the proxy"]);
    for service in ["api.ipify.org", "checkip.amazonaws.com", "ipinfo.io", "ifconfig.me"] {
        report.expect(&format!("ip by {service}"), "pass", &["203.0.113.7"]);
    }
    assert_eq!(report.all("fail"), [""; 0]);
}

#[test]
fn a_proxy_that_opens_no_tunnel_is_told() {
    let world = World::new();
    let proxy = world.simulator.proxy_url();
    world.configure(&format!("base_url: https://example.invalid\nproxy: {proxy}\n"));
    world.doctor(&[]).expect("tls", "fail", &["opens no tunnel", "CONNECT"]);
}

#[test]
fn a_host_without_address_is_told() {
    let world = World::new();
    world.configure("base_url: https://nowhere.invalid\n");
    let report = world.doctor(&[]);
    report.expect("dns", "fail", &["nowhere.invalid cannot be resolved"]);
    report.expect("tls", "skip", &["needs: dns"]);
    report.expect("public ip", "pass", &[]);
}

#[test]
fn a_port_where_nobody_listens_is_told() {
    let world = World::new();
    world.configure("base_url: https://localhost:1\n");
    world.doctor(&[]).expect("tls", "fail", &["nothing listens"]);
}

#[test]
fn a_boxed_address_does_not_log_in() {
    let world = World::new();
    world.fault(r#"{"on":"unknown","do":{"status":429}}"#);
    let report = world.doctor(&[]);
    report.expect("tls", "fail", &["15 minutes"]);
    assert_eq!(world.count(Endpoint::Token), 0);
}

#[test]
fn a_wrong_clock_is_told_and_does_not_hide_the_rest() {
    for (step, result, words) in [
        (9_000, "warn", "behind"),
        (-9_000, "warn", "ahead"),
        (60_000, "warn", "behind"),
        (3_600_000, "fail", "behind"),
        (-3_600_000, "fail", "ahead"),
    ] {
        let world = World::new();
        world.simulator.handle().step_millis(step);
        let report = world.doctor(&[]);
        report.expect("clock", result, &[words, "timedatectl", "corrects"]);
        if result == "fail" {
            // What is signed for another hour is signed for whoever turned the clock, and would be refused.
            report.expect("access token", "skip", &["a clock that is right"]);
            assert_eq!(world.count(Endpoint::Token), 0);
            continue;
        }
        for check in ["access token", "bearer token", "accounts"] {
            report.expect(check, "pass", &[]);
        }
    }
}

#[test]
fn each_assertion_counts_where_the_clock_is_corrected_only_then() {
    let world = World::new();
    // The host's first answer hides what the clock of the login's answers shows.
    world.simulator.handle().step_millis(90_000);
    world.fault(r#"{"on":"unknown","do":{"date_shift_s":-90}}"#);
    let ran = world.run(["doctor"]);
    assert!(ran.out.contains("client, key id and key are accepted"), "{ran}");
    assert_eq!(world.count(Endpoint::Token), 2, "the second with the time corrected");
    let assertions = world.read_record()["history"]["assertions"].as_array().unwrap().len();
    assert_eq!(assertions as u64, world.count(Endpoint::Token));
}

#[test]
fn services_that_disagree_or_fail_are_told_one_by_one() {
    let world = World::new();
    let elsewhere =
        SimConfig { public_ip: IpAddr::V4(Ipv4Addr::new(198, 51, 100, 9)), ..SimConfig::default() };
    let other = Server::start(elsewhere).unwrap();
    let services = [world.simulator.lookup_url() + "/?token=canarycanary", other.lookup_url()];
    world.configure(&format!("ip_services: {services:?}\n"));
    let report = world.doctor(&[]);
    report.expect("public ip", "warn", &["198.51.100.9 and 203.0.113.7", "takes 203.0.113.7", "VPN"]);
    report.expect("bearer token", "pass", &[]);
    assert!(!report.0.to_string().contains("canary"), "{:#}", report.0);

    world.fault(r#"{"on":"lookup","do":{"status":500}}"#);
    world.a_minute_later();
    let report = world.doctor(&[]);
    report.expect("public ip", "pass", &["198.51.100.9"]);
    report.expect("clock", "warn", &["by itself"]);
    assert_eq!(report.all("warn").len(), 2, "{:#}", report.0);
    report.expect("bearer token", "fail", &["public address"]);
}

#[test]
fn no_service_at_all_is_a_failure() {
    let world = World::new();
    world.fault(r#"{"on":"lookup","do":{"html":true}}"#);
    let report = world.doctor(&[]);
    report.expect("public ip", "fail", &["public_ip"]);
    report.expect("access token", "pass", &[]);
    report.expect("bearer token", "skip", &["needs: public ip"]);
}

#[test]
fn a_fixed_address_is_compared() {
    let world = World::behind_proxy();
    world.configure_without(&["ip_services", "proxy"], "public_ip: 198.51.100.9\n");
    let report = Report::of(&world.run_with([("NO_PROXY", "localhost")], ["doctor", "--json"]));
    // `ca_only` keeps the look-ups behind the same authority.
    report.expect("public ip", "warn", &["198.51.100.9 is fixed", "seen at 203.0.113.7"]);
    report.expect("proxy", "pass", &["NO_PROXY"]);
    report.expect("bearer token", "fail", &["public address"]);
}

#[test]
fn a_proxy_with_an_ipv6_address_is_reached() {
    // Without IPv6 on this machine there is nothing to try.
    let Ok(listener) = std::net::TcpListener::bind((std::net::Ipv6Addr::LOCALHOST, 0)) else { return };
    let proxy = format!("http://{}", listener.local_addr().unwrap());
    // It is reached, and answers nothing.
    std::thread::spawn(move || listener.incoming().map_while(Result::ok).for_each(drop));
    let world = World::new();
    let report = Report::of(&world.run_with([("IBKR_AUTH_PROXY", proxy)], ["doctor", "--json"]));
    report.expect("proxy", "pass", &["[::1]"]);
}
