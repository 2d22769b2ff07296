//! Every fault that the simulator can script, and the steps that it may strike.

use ibkr_auth_core::Step;

/// What is written in the documents, and what the simulator does.
pub(crate) const FAULTS: [(&str, &str); 34] = [
    ("400", r#"{"status":400}"#),
    ("400 no bridge", r#"{"status":400,"body":{"error":"Bad Request: no bridge","statusCode":400}}"#),
    (
        "401 expired",
        r#"{"status":401,"body":{"title":"Unauthorized","status":401,"detail":"Access token expired"}}"#,
    ),
    ("401 not authenticated", r#"{"status":401}"#),
    ("401 web page", r#"{"status":401,"html":true}"#),
    ("403 web page", r#"{"status":403}"#),
    ("404", r#"{"status":404}"#),
    ("408", r#"{"status":408}"#),
    ("410", r#"{"status":410}"#),
    ("429, Retry-After 2", r#"{"status":429,"retry_after":2}"#),
    ("429", r#"{"status":429}"#),
    ("500", r#"{"status":500}"#),
    ("500 sso dh token", r#"{"status":500,"body":{"error":"failed to generate sso dh token"}}"#),
    ("502", r#"{"status":502,"html":true}"#),
    ("503", r#"{"status":503}"#),
    ("503, Retry-After 2", r#"{"status":503,"retry_after":2}"#),
    ("504", r#"{"status":504}"#),
    ("302", r#"{"redirect":"https://example.com/"}"#),
    ("200 with an error inside", r#"{"status":200,"body":{"error":"failed to process request"}}"#),
    ("200 web page", r#"{"html":true}"#),
    ("200 garbage", r#"{"garbage":true}"#),
    ("200 without end", r#"{"huge":67108864}"#),
    ("compressed", r#"{"gzip":true}"#),
    ("late", r#"{"delay_ms":2500}"#),
    ("byte by byte", r#"{"drip_ms":400}"#),
    ("truncated", r#"{"truncate":5}"#),
    ("no answer", r#"{"hang":true}"#),
    ("reset", r#"{"reset":true}"#),
    ("reset, executed", r#"{"reset":true,"processed":true}"#),
    ("address changes", r#"{"ip":"198.51.100.9"}"#),
    ("login elsewhere", r#"{"kick":true}"#),
    ("clock an hour on", r#"{"clock_jump_s":3600}"#),
    ("clock an hour back", r#"{"clock_jump_s":-3600}"#),
    ("restart", r#"{"restart":true}"#),
];
/// Those that change the servers' world, and not one answer.
const WORLD: [&str; 5] =
    ["address changes", "login elsewhere", "clock an hour on", "clock an hour back", "restart"];

/// The steps of a login.
pub(crate) const LOGIN: [Step; 6] = [
    Step::GetAccessToken,
    Step::PublicIp,
    Step::GetBearerToken,
    Step::ValidateSso,
    Step::SsodhInit,
    Step::Status,
];
/// Those of one by OAuth 1.0a.
pub(crate) const LOGIN_OAUTH1: [Step; 3] = [Step::GetLiveSessionToken, Step::SsodhInit, Step::Status];
/// The steps after it.
pub(crate) const SINGLE: [Step; 3] = [Step::Tickle, Step::Status, Step::Logout];

/// The simulator's name of a step.
pub(crate) fn endpoint(step: Step) -> &'static str {
    match step {
        Step::GetAccessToken => "token",
        Step::PublicIp => "lookup",
        Step::GetBearerToken => "sso-sessions",
        Step::GetLiveSessionToken => "live_session_token",
        Step::ValidateSso => "sso/validate",
        Step::SsodhInit => "ssodh/init",
        Step::Status => "auth/status",
        Step::Tickle => "tickle",
        _ => "logout",
    }
}

/// The rule that strikes these calls of a step.
pub(crate) fn rule(step: Step, calls: &str, action: &str) -> String {
    format!(r#"{{"on":"{}","calls":"{calls}","do":{action}}}"#, endpoint(step))
}

/// Whether the outcome depends on the fault alone. Token and look-up are under way at once: what changes the
/// world between them strikes one or the other.
pub(crate) fn is_decided(fault: &str, step: Step, once: bool) -> bool {
    let together = matches!(step, Step::GetAccessToken | Step::PublicIp);
    !WORLD.contains(&fault) || (once && !together)
}
