//! The table of meanings, after docs/ONBOARDING.md §9. What is special stands before what is general.

use ibkr_auth_blocking::{ErrorKind, TransportKind};

use super::{
    At::{Accounts, Bearer, Connection, Init, Live, Portfolio, Tickle, Token, Validate},
    Origin::{Anything, Kind, Nothing, Page, Redirect, ServerError, Status},
    Row,
};

pub(super) const ROWS: &[Row] = &[
    // Nothing came back.
    Row {
        at: &[],
        came: Nothing(TransportKind::Tls),
        says: "",
        means: "the certificate that came is not trusted: something on the way opens TLS (a company's proxy, a virus \
                scanner), or this machine lacks the usual authorities",
        help: "ask who runs the network for the CA certificate of their proxy and name it in `ca_file` (or SSL_CERT_FILE); \
               in a container install ca-certificates",
        see: "",
    },
    Row {
        at: &[],
        came: Nothing(TransportKind::CertificateDate),
        says: "",
        means: "the certificate that came has ended or not begun: mostly this machine's clock is wrong",
        help: "set date and time of this machine, and let NTP keep them",
        see: "",
    },
    Row {
        at: &[],
        came: Nothing(TransportKind::ProxyRefused),
        says: "",
        means: "the proxy answered 407: it does not take the user name and password in its URL, or wants some",
        help: "correct the proxy's URL before you run this again: wrong passwords may lock your account there",
        see: "",
    },
    Row {
        at: &[],
        came: Nothing(TransportKind::Proxy),
        says: "",
        means: "the proxy is there, but opens no tunnel to this host",
        help: "check that it allows CONNECT to this host and port; `proxy: none` goes without",
        see: "",
    },
    Row {
        at: &[],
        came: Nothing(TransportKind::Connect),
        says: "",
        means: "nothing listens there, or a firewall refuses the way",
        help: "allow outgoing TCP to this host and port; where only a proxy leads out, set HTTPS_PROXY; check `base_url` \
               if it is set",
        see: "",
    },
    Row {
        at: &[],
        came: Nothing(TransportKind::Timeout),
        says: "",
        means: "nothing came in time: a firewall that drops packets, an overloaded proxy, or IBKR itself, which is at times \
                closed",
        help: "run this again in a minute; if it stays, allow outgoing HTTPS, and look at IBKR's System Status page",
        see: "§10",
    },
    Row {
        at: &[],
        came: Nothing(TransportKind::TooLarge),
        says: "",
        means: "something other than IBKR answered",
        help: "check proxy and `base_url`",
        see: "",
    },
    Row {
        at: &[],
        came: Nothing(TransportKind::Broken),
        says: "",
        means: "the connection broke before the whole answer was here: a proxy or firewall in between, or IBKR itself",
        help: "run this again; if it stays, go around the proxy",
        see: "",
    },
    // The edge.
    Row {
        at: &[Validate],
        came: Kind(ErrorKind::RateLimited),
        says: "",
        means: "IBKR takes one sso/validate a minute of a username, and another program has just asked",
        help: "nothing: a login goes on without it",
        see: "§10",
    },
    Row {
        at: &[],
        came: Kind(ErrorKind::RateLimited),
        says: "",
        means: "more requests than IBKR allows came from this address, which is blocked for 10 to 15 minutes; repeat \
                offenders for good",
        help: "stop every program behind this address, wait 15 minutes, then run this once",
        see: "§10",
    },
    Row {
        at: &[Connection],
        came: Anything,
        says: "429",
        means: "more requests than IBKR allows came from this address, which is blocked for 10 to 15 minutes; repeat \
                offenders for good. No login was tried",
        help: "stop every program behind this address, wait 15 minutes, then run this once",
        see: "§10",
    },
    Row {
        at: &[],
        came: Page(403),
        says: "",
        means: "IBKR's edge refused the request before any login: for want of a User-Agent, which a proxy may have removed, \
                or because it blocks this address",
        help: "go around the proxy, or try from another address; then write to IBKR with this report",
        see: "§9, before any step",
    },
    Row {
        at: &[],
        came: Status(&[411]),
        says: "",
        means: "the POST arrived without `Content-Length`: a proxy on the way rewrites requests",
        help: "go around that proxy",
        see: "§9, before any step",
    },
    Row {
        at: &[],
        came: Redirect,
        says: "",
        means: "IBKR's API does not redirect: a captive portal or a proxy answered. Redirects are not followed, they would \
                carry tokens elsewhere",
        help: "log in to the network with a browser; check proxy and `base_url`",
        see: "",
    },
    // Step 1.
    Row {
        at: &[Token],
        came: Status(&[400, 401, 403]),
        says: "scope",
        means: "client and key may be good, but the client may not ask for this scope",
        help: "take `scope` out of the settings: a login needs `sso-sessions.write`, the default; else ask IBKR to grant it",
        see: "§4",
    },
    Row {
        at: &[Token],
        came: Status(&[400, 401, 403]),
        says: "",
        means: "IBKR refused the assertion, and does not say why: a key that does not work yet, another key than the one \
                that was uploaded, or a wrong client_id or client_key_id. Username and address do not matter yet",
        help: "compare the key's SHA-256 above with that of the key you uploaded, and client_id and client_key_id letter by \
               letter; new keys work after the next midnight of your region at the earliest; after two business days write \
               to IBKR with this report. Do not try in a loop: once an hour is plenty",
        see: "§9, step 1; §8",
    },
    // Step 2.
    Row {
        at: &[Bearer],
        came: Status(&[400]),
        says: "signed_jwt",
        means: "the body that arrived was no signed JWT: something on the way has changed it",
        help: "go around the proxy",
        see: "§9, step 2",
    },
    Row {
        at: &[Bearer],
        came: Status(&[400]),
        says: "",
        means: "client and key are good; a claim of the request is missing or cannot be read",
        help: "check `credential`, `public_ip`, `alternative_ips` and `service` in the settings",
        see: "§9, step 2",
    },
    Row {
        at: &[Bearer],
        came: Status(&[401]),
        says: "",
        means: "client and key are good; the public address or the username is wrong",
        help: "see whether all look-up services above agree (a VPN, a proxy or two ways out?); check `credential`: the \
               username, not an account number, and that of the paper account for a paper client",
        see: "§9, step 2; §7",
    },
    Row {
        at: &[Bearer],
        came: Status(&[403]),
        says: "permission denied",
        means: "the client may not act for this account",
        help: "write a ticket that names client id, username and account",
        see: "§9, step 2",
    },
    Row {
        at: &[Bearer],
        came: Status(&[403]),
        says: "",
        means: "IBKR knows the client, but has not set it up for this username, or without the scope `sso-sessions.write`",
        help: "write a ticket that names client id, username and scope: nothing on your side helps; paper and live may each \
               need a client id of their own",
        see: "§9, step 2; §5",
    },
    Row {
        at: &[Bearer],
        came: Kind(ErrorKind::Rejected),
        says: "",
        means: "IBKR made a session and did not activate it: the username may not use the Web API yet",
        help: "ask IBKR whether the username may use the Web API",
        see: "§9, step 2",
    },
    // The one step of OAuth 1.0a.
    Row {
        at: &[Live],
        came: Status(&[400, 401, 403]),
        says: "invalid consumer",
        means: "not active yet, or mistyped: IBKR does not know this consumer key. A new or changed one works after IBKR's next \
                restart at night or on the weekend, for some users after two weeks",
        help: "compare oauth1_consumer_key letter by letter with IBKR's OAuth page; if it is new, wait, and run this once a \
               day: a try in between changes nothing",
        see: "§9, OAuth 1.0a",
    },
    Row {
        at: &[Live],
        came: Status(&[400, 401, 403]),
        says: "no access secret key",
        means: "the consumer key is active, but IBKR has no such access token for it any more: it was withdrawn, or the keys \
                were changed after it",
        help: "generate a new access token on IBKR's OAuth page, and set oauth1_access_token and oauth1_access_token_secret: \
               it works within a minute",
        see: "§9, OAuth 1.0a",
    },
    Row {
        at: &[Live],
        came: Status(&[403]),
        says: "",
        means: "not entitled: IBKR knows the consumer, and does not let this username use it",
        help: "ask IBKR whether the account may use the Web API by OAuth 1.0a; waiting does not help here",
        see: "§2",
    },
    Row {
        at: &[Live],
        came: Status(&[400, 401]),
        says: "",
        means: "IBKR refused the signature: it has the public half of another signature key, or the secret is not the one of \
                this access token",
        help: "compare the key's SHA-256 above with that of the signature key that was uploaded; generate a new access token \
               if its secret may be an older one. Do not try in a loop",
        see: "§9, OAuth 1.0a",
    },
    Row {
        at: &[Live],
        came: Kind(ErrorKind::Unproven),
        says: "",
        means: "IBKR accepted consumer, token and signature, and came to another token than this program: it has other \
                Diffie-Hellman parameters",
        help: "run this once more, then upload the file of oauth1_dh_param_file anew, or take the one that was uploaded",
        see: "",
    },
    // Step 3, and any call with a bearer token.
    Row {
        at: &[Validate],
        came: Kind(ErrorKind::Unauthorized),
        says: "not valid",
        means: "IBKR answered `RESULT: false`: the session is not valid after all, which is seen now and then",
        help: "run this again in a minute",
        see: "§9, step 3",
    },
    Row {
        at: &[Tickle],
        came: Kind(ErrorKind::Unauthorized),
        says: "",
        means: "the kept session is over: all end within 24 hours, at midnight, when they are idle, or when the public \
                address changes",
        help: "nothing: a new one is made. If it happens often, let `ibkr-auth keep` run",
        see: "§10",
    },
    Row {
        at: &[],
        came: Kind(ErrorKind::Unauthorized),
        says: "",
        means: "the session is over, or this request left by another address than the one stated at the login",
        help: "look for a changing public address (see the look-ups above), then run this again",
        see: "§9, step 3; §7",
    },
    // Step 4.
    Row {
        at: &[Init],
        came: Status(&[500]),
        says: "sso dh token",
        means: "one of: another login holds the username; the session is not ready yet; the account is not entitled; a new \
                paper account, which may answer so for one to two weeks",
        help: "log out of TWS, Client Portal and the phone, and run this again in a minute; a new paper account: wait one to \
               two weeks; then write to IBKR with this report",
        see: "§9, step 4; §8",
    },
    Row {
        at: &[Init],
        came: Status(&[410]),
        says: "",
        means: "this node will not have the session; or the session is stale; or a newer paper account. The sources disagree",
        help: "try another host: `domain: 2.api.ibkr.com` (1 to 8 exist) in the settings, or IBKR_AUTH_DOMAIN=2.api.ibkr.com; \
               with a paper account write to IBKR if that does not help",
        see: "§9, step 4",
    },
    Row {
        at: &[Init],
        came: Status(&[500]),
        says: "",
        means: "IBKR could not open the brokerage session: new paper accounts answer so for one to two weeks",
        help: "with a new paper account wait one to two weeks, or test with another one; else run this again in an hour, then \
               write to IBKR with this report",
        see: "§9, step 4; §8",
    },
    Row {
        at: &[],
        came: Status(&[410]),
        says: "",
        means: "this node does not have the session",
        help: "try another host: `domain: 2.api.ibkr.com` (1 to 8 exist) in the settings, or IBKR_AUTH_DOMAIN=2.api.ibkr.com",
        see: "§9, step 4",
    },
    // Step 5.
    Row {
        at: &[Accounts, Portfolio],
        came: Kind(ErrorKind::NoBrokerageSession),
        says: "",
        means: "there is no brokerage session, or no longer: idle, reset, or taken by another login",
        help: "run this again; if it stays, look for another login of the username",
        see: "§9, step 5",
    },
    Row {
        at: &[],
        came: Anything,
        says: "query /accounts first",
        means: "IBKR wants `/iserver/accounts` to be asked once after each ssodh/init",
        help: "`ibkr-auth get /iserver/accounts`, once for each session",
        see: "§9, step 5",
    },
    Row {
        at: &[],
        came: Kind(ErrorKind::NoBrokerageSession),
        says: "",
        means: "there is no brokerage session, or no longer: idle, reset, or taken by another login",
        help: "run this again: it opens one",
        see: "§9, step 5",
    },
    // IBKR itself.
    Row {
        at: &[],
        came: Status(&[503]),
        says: "",
        means: "IBKR is closed, or needed more than 10 s: /iserver is reset about 01:00 in New York, Zug or Hong Kong, and \
                maintenance is on Saturday evenings",
        help: "run this again later; judge nothing by what happens in those hours",
        see: "§10",
    },
    Row {
        at: &[],
        came: ServerError,
        says: "",
        means: "IBKR failed, not you",
        help: "run this again in minutes; after a day write to IBKR with this report",
        see: "§9",
    },
    Row {
        at: &[],
        came: Status(&[404, 405]),
        says: "",
        means: "IBKR's API is not at this address",
        help: "check `domain` and `base_url`",
        see: "",
    },
    Row {
        at: &[],
        came: Status(&[403]),
        says: "",
        means: "the username or client may not do this",
        help: "ask IBKR what the username may do in the Web API",
        see: "§9, step 2",
    },
    Row {
        at: &[],
        came: Kind(ErrorKind::Unreadable),
        says: "",
        means: "something other than IBKR may have answered: a captive portal, a proxy",
        help: "log in to the network with a browser, go around the proxy, then run this again",
        see: "",
    },
    Row {
        at: &[],
        came: Kind(ErrorKind::Sign),
        says: "",
        means: "nothing was sent: the key did not sign",
        help: "see the key above",
        see: "",
    },
];
