//! What is learnt from answers, and from whom.

use super::*;

#[test]
fn an_access_token_that_has_ended_is_not_used() {
    for clock in ["mono", "wall"] {
        let (mut session, mut bench) = (session(), Bench::new());
        let ticket = session.get_access_token();
        bench.run(&mut session, &ticket, healthy).unwrap();
        match clock {
            "mono" => bench.now.mono += Duration::from_secs(86_400),
            _ => bench.now.wall += Duration::from_secs(86_400),
        }
        let ticket = session.get_bearer_token();
        let error = bench.run(&mut session, &ticket, healthy).unwrap_err();
        assert_eq!(
            (error.kind(), count(&bench, Step::GetBearerToken)),
            (ErrorKind::OutOfOrder, 0),
            "{clock}"
        );
    }
}

#[test]
fn a_bearer_token_in_any_shape_is_not_shown_when_a_server_repeats_it() {
    let (mut session, mut bench) = (session(), Bench::new());
    let ticket = session.connect();
    let shape = "k3y:9f8e:7d6c";
    bench
        .run(&mut session, &ticket, |transmit| match transmit.step {
            Step::GetBearerToken => Ok(answer(200, &format!(r#"{{"access_token":"{shape}"}}"#))),
            _ => healthy(transmit),
        })
        .unwrap();
    let ticket = session.tickle();
    let echo = format!(r#"{{"error":"bad bearer {shape}"}}"#);
    let error = bench.run(&mut session, &ticket, |_| Ok(answer(500, &echo))).unwrap_err();
    assert!(error.to_string().contains("bad bearer [redacted]"), "{error:?}");
}

#[test]
fn a_token_that_cannot_stand_in_a_header_is_no_token() {
    for (step, body) in [
        (Step::GetAccessToken, "{\"access_token\":\"a\\r\\nb\"}"),
        (Step::GetBearerToken, "{\"access_token\":\"a b\"}"),
        (Step::GetBearerToken, "{\"access_token\":\"\"}"),
    ] {
        let (_, outcome) = connect(&mut session(), |transmit| match transmit.step {
            sent if sent == step => Ok(answer(200, body)),
            _ => healthy(transmit),
        });
        assert_eq!(outcome.unwrap_err().kind(), ErrorKind::Unreadable, "{body}");
    }
}

#[test]
fn a_cookie_that_is_no_session_id_is_not_taken() {
    let mut session = session();
    let (mut bench, _) = connect(&mut session, healthy);
    let ticket = session.status();
    bench
        .run(&mut session, &ticket, |transmit| {
            let mut response = healthy(transmit)?;
            response.headers_mut().insert("set-cookie", "api=../../etc; Path=/".parse().unwrap());
            Ok(response)
        })
        .unwrap();
    assert!(session.session_id().is_none());
}

#[test]
fn a_session_id_is_bounded_and_learnt_from_good_answers_alone() {
    let (short, long) = ("ab".repeat(16), "ab".repeat(4_097));
    for (status, body, id, is_learnt) in [
        (200, "", &short, true),
        (200, "", &long, false),
        (500, "{}", &short, false),
        (401, "{}", &short, false),
        (200, "<html>", &short, false),
    ] {
        let mut session = session();
        let (mut bench, _) = connect(&mut session, healthy);
        let ticket = session.status();
        // How it ends does not matter.
        let _ = bench.run(&mut session, &ticket, |transmit| {
            let mut response = if body.is_empty() { healthy(transmit)? } else { answer(status, body) };
            response.headers_mut().insert("set-cookie", format!("api={id}").parse().unwrap());
            Ok(response)
        });
        assert_eq!(session.session_id().is_some(), is_learnt, "{status} {body} {}", id.len());
    }
}

#[test]
fn a_cookie_that_makes_requests_too_large_is_dropped() {
    let mut session = session();
    let (mut bench, _) = connect(&mut session, healthy);
    let ticket = session.tickle();
    bench.run(&mut session, &ticket, healthy).unwrap();
    assert!(session.session_id().is_some());
    let ticket = session.status();
    bench.run(&mut session, &ticket, |_| Ok(answer(431, ""))).unwrap_err();
    assert!(session.session_id().is_none());
}

#[test]
fn null_where_a_flag_should_be_means_no() {
    let mut session = session();
    let (mut bench, _) = connect(&mut session, healthy);
    for body in [r#"{"iserver":{"authStatus":null}}"#, r#"{"iserver":{"authStatus":{"authenticated":null}}}"#]
    {
        let ticket = session.tickle();
        let tickle = bench.run(&mut session, &ticket, |_| Ok(answer(200, body))).unwrap();
        assert!(!tickle.auth_status.authenticated);
    }
}

#[test]
fn what_ibkr_says_about_the_session_is_believed() {
    let mut session = session();
    let (mut bench, _) = connect(&mut session, healthy);
    let ticket = session.tickle();
    let lost = r#"{"session":"aa","iserver":{"authStatus":{"authenticated":false,"competing":false,"connected":true}}}"#;
    bench.run(&mut session, &ticket, |_| Ok(answer(200, lost))).unwrap();
    assert!(!session.is_connected());
}

#[test]
fn a_refused_bearer_says_nothing_about_the_brokerage_session() {
    let mut session = session();
    let (mut bench, _) = connect(&mut session, healthy);
    assert!(session.auth_status().is_some());
    let ticket = session.tickle();
    bench.run(&mut session, &ticket, |_| Ok(answer(401, ""))).unwrap_err();
    assert!(session.auth_status().is_none() && !session.is_connected());
}

#[test]
fn the_session_id_follows_the_cookie() {
    let mut session = session();
    let (mut bench, _) = connect(&mut session, healthy);
    let ticket = session.status();
    bench
        .run(&mut session, &ticket, |transmit| {
            let mut response = healthy(transmit)?;
            let cookies = response.headers_mut();
            cookies.append("set-cookie", "x-sess-uuid=0.1; secure".parse().unwrap());
            cookies.append(
                "set-cookie",
                "api=ddbbf21e34c60566d44711ffb4e06006; Path=/; Secure".parse().unwrap(),
            );
            Ok(response)
        })
        .unwrap();
    assert_eq!(session.session_id().unwrap().expose(), "ddbbf21e34c60566d44711ffb4e06006");
}
