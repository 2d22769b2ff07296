//! Examples and notes behind the help of each command. The pages of `docs/cli` and the manual come from here
//! too.

use crate::exit;

const DEMO_FIRST: &str = "
  ibkr-auth demo
      See a whole login against a simulator; needs no account and no configuration.";

const EXAMPLES: &str = "
  ibkr-auth init
      Make the configuration and the key, step by step.
  ibkr-auth doctor
      Find out what is wrong.
  ibkr-auth header | curl -sSH @- https://api.ibkr.com/v1/api/iserver/accounts
      Use the session from a script.";

/// Behind `-h`.
pub(crate) fn short() -> String {
    let more =
        "`ibkr-auth --help` lists the exit codes. `ibkr-auth help COMMAND` has examples of each command.";
    format!("{}\n\n{more}", examples())
}

/// Behind `--help`.
pub(crate) fn long() -> String {
    format!("{}\n\n{}", examples(), exit::help())
}

fn examples() -> String {
    let demo = if cfg!(feature = "simulator") { DEMO_FIRST } else { "" };
    format!("Examples:{demo}{EXAMPLES}")
}

pub(crate) const INIT: &str = "\
Examples:
  ibkr-auth init
      Asks for everything, and explains where each value comes from.
  ibkr-auth init --no-input --new-key
      Makes the key and prints what to give IBKR; asks nothing.
  ibkr-auth init --no-input --client-id MyFirm --credential me1234
      Completes that once IBKR has answered.
  ibkr-auth init --dir . --key private.pem
      With a key that is there already, in the current folder: other commands need --config then.
  ibkr-auth init --oauth1
      For OAuth 1.0a, as private people have it: two RSA keys, Diffie-Hellman parameters, and what
      to do with them on IBKR's page. Once more with what that page gives:
  ibkr-auth init --consumer-key MYCONSUMR --access-token TOKEN --access-token-secret SECRET

Organisations and advisers have OAuth 2.0; private people, where IBKR admits them, OAuth 1.0a.
Vendors of software have OAuth 1.0a, and `ibkr-auth authorize` for their users' consent.

Settings go to your configuration folder, where every command finds them. Without a terminal it
never asks. No file is replaced: what is missing in settings that are there is added at their end,
and what says otherwise is told. Settings with profiles, and those that lead logins elsewhere than
straight to IBKR, are left to you. RSA keys are made by an installed `openssl`. The secret of an
access token is encrypted: without the encryption key it is of no use to those who see it.";

pub(crate) const AUTHORIZE: &str = "\
Examples:
  ibkr-auth authorize
      Prints the address for the user's browser, and asks for the verifier that the page shows.
  ibkr-auth authorize --port 8080 --open
      Opens it, and waits for the browser to come back to http://127.0.0.1:8080/.
  ibkr-auth authorize --no-input --json
      Prints request token and address for another program, which goes on with:
  ibkr-auth authorize --request-token TOKEN --verifier VERIFIER --print --json
      Prints access token and secret instead of adding them to the settings.

For vendors, whom IBKR has approved and given a consumer key: one's own consumer, made on IBKR's
self-service page, has its access token there (`ibkr-auth init --oauth1`). The settings need
oauth1_consumer_key, private_key_file (the signature key), oauth1_encryption_key_file and
oauth1_dh_param_file. Nothing is sent twice, and no line of the settings is replaced: a user's
further consents give the same token with another secret, and the one before ends.";

pub(crate) const DOCTOR: &str = "\
Examples:
  ibkr-auth doctor
      Checks everything. The report holds no secret: paste it into a support ticket.
  ibkr-auth doctor --json
      The same for programs.
  ibkr-auth doctor --offline
      Settings, files, key and kept session only; nothing is sent.
  ibkr-auth doctor --fresh
      Ends the kept session, and checks a whole new login.

A kept session that is good is used and left open. Without one there is one login, which counts
like any other and is logged out at the end; nothing that IBKR refuses is repeated, and no other
session of the username is ended without `--compete`. Exit code 1: something failed.";

pub(crate) const LOGIN: &str = "\
Examples:
  ibkr-auth login
      Logs in unless the kept session is good, and keeps the session.
  ibkr-auth login --compete
      Ends another brokerage session of the username, such as TWS.
  ibkr-auth login --profile paper
      With the settings of one profile.
  HTTPS_PROXY=http://127.0.0.1:8445 SSL_CERT_FILE=ca.pem ibkr-auth login
      Through a proxy, trusting another authority: here a running `ibkr-auth sim`.

IBKR locks accounts that log in blindly. What IBKR has refused is not tried again with the same
settings for a minute, then two, then four…, and there are at most 12 logins an hour and 60 a day,
half of them in a row. Of what is signed for them, at most 40 an hour and 240 a day leave this
machine, whatever answers. `--force` overrides all of that, and a pause that IBKR has asked for. A
simulator on this machine, by its `base_url`, may be logged in to as often as you like.";

pub(crate) const STATUS: &str = "\
Examples:
  ibkr-auth status
      Exit code 0: the session is good. 4: there is none. 6: another login has it.
  ibkr-auth status --json | jq .expires_at
      When the bearer token ends; null until IBKR has said it.";

pub(crate) const TICKLE: &str = "\
Examples:
  ibkr-auth tickle
      IBKR ends a brokerage session that is idle for 5 minutes. `ibkr-auth keep` tickles by itself.";

pub(crate) const VALIDATE: &str = "\
Examples:
  ibkr-auth validate
      Who is logged in, live or paper, and until when.
  ibkr-auth validate --json | jq -r .user
      The whole username; the text shows its ends alone.";

pub(crate) const LOGOUT: &str = "\
Examples:
  ibkr-auth logout
      Ends the session at IBKR and forgets it. Without a session there is nothing to do.";

pub(crate) const KEEP: &str = "\
Examples:
  ibkr-auth keep
      A status screen with keys on a terminal, a line for each event elsewhere. Other invocations
      use its session and ask nothing themselves.
  ibkr-auth keep --compete --hosts 1.api.ibkr.com,2.api.ibkr.com
      Takes the session back from TWS, and turns to other servers when one is dead.
  ibkr-auth keep --json
      A line of JSON for each event: `time`, `event`, `phase`, and what belongs to it.

As a service of systemd, which is told when the session is good, where it stands, and that the
program is alive:
  [Service]
  Type=notify
  User=ibkr-auth
  WatchdogSec=60
  ExecStart=/usr/local/bin/ibkr-auth keep --config /etc/ibkr-auth/config.yaml
  StateDirectory=ibkr-auth
  Environment=IBKR_AUTH_STATE_DIR=/var/lib/ibkr-auth
  Restart=on-failure
  RestartSec=60
  RestartPreventExitStatus=2 3 5
`ibkr-auth guide quickstart` has the whole unit, for a user of its own and hardened, and says how
other programs use the session.

Ctrl-C and SIGTERM leave the session open for the next invocation; with `--logout` they end it. It
goes on until then, unless IBKR refuses the client, its key or the user (exit code 5).";

#[cfg(feature = "gateway")]
pub(crate) const GATEWAY: &str = "\
Examples:
  ibkr-auth gateway --demo
      On the simulator inside this program; prints a `curl` line to paste.
  ibkr-auth gateway
      https://localhost:5000 for every program that speaks to IBKR's own gateway; the status page is
      at https://localhost:5000/gateway/.
  ibkr-auth gateway --profiles live,paper
      Two usernames in one process, each at the port or the path that its profile names.
  ibkr-auth gateway --import-conf ~/clientportal.gw/root/conf.yaml
      With the port, the certificate and the addresses of the Java gateway's settings.

Everything that can be set is a key `gateway_…` of the settings, or a variable
IBKR_AUTH_GATEWAY_…: `ibkr-auth guide settings` lists them. Ctrl-C and SIGTERM finish the requests
that are under way and log out; with `--leave-open` the session stays for the next start. SIGHUP
reads settings and key anew.";

pub(crate) const HEADER: &str = "\
Examples:
  ibkr-auth header | curl -sSH @- https://api.ibkr.com/v1/api/iserver/accounts
      Through a pipe, so that no other user of the machine sees the token among the processes. IBKR
      takes some requests once in 5 s, such as /portfolio/accounts: `ibkr-auth get` waits, curl not.
  ibkr-auth header --json
      As an object: header name to value.

With a session that was seen to be good within `--max-age` nothing is sent. Else IBKR is asked
once, and what is broken is healed with the cheapest step that can; parallel invocations wait for
the one that does it.";

pub(crate) const SIGN: &str = "\
Examples:
  ibkr-auth sign GET '/v1/api/iserver/marketdata/snapshot?conids=265598&fields=31'
      The headers of this request, for once: with OAuth 1.0a each is signed by itself.
  ibkr-auth sign GET $URL | curl -sSH @- $URL
      The same, sent by curl.

Send it at once, and once: its time and its nonce are good for one request. The address must be the
one that is sent, with its query; a JSON body is not signed. With OAuth 2.0 it prints what `header`
prints.";

pub(crate) const TOKEN: &str = "\
Examples:
  ibkr-auth token
      The bearer token alone, for a WebSocket's `bearer_token` or a program's environment.
  ibkr-auth token --json
      With its end and the session id.";

pub(crate) const GET: &str = "\
Examples:
  ibkr-auth get /portfolio/accounts
      https://api.ibkr.com/v1/api/portfolio/accounts, as indented JSON.
  ibkr-auth get '/iserver/marketdata/snapshot?conids=265598&fields=31' | jq
      Quote what the shell would read.

A GET is sent a second time when IBKR has lost the session, or its brokerage session, and that was
healed. What needs no brokerage session works beside another login too. JSON is indented, and every
value stays as it is written. Exit code 9: the API answered with an error, in its status or inside
a 200; the answer is printed to standard output, the error to standard error, with `--json` too. 6:
what it says is that another login is in the way. What is neither JSON nor text is no answer: 8.

What IBKR takes once in 5 s waits for its time, and says so. An endpoint that has answered 429 gets
nothing until its pause is over; the second one that does so within that time means all of them.";

pub(crate) const POST: &str = "\
Examples:
  ibkr-auth post /iserver/account/U1234567/orders --data @order.json
      From a file.
  echo '{\"acctId\":\"U1234567\"}' | ibkr-auth post /iserver/account --data @-
      From standard input.

A POST is sent once. Exit code 10 means that it may have been executed: no answer came that can be
read, or one that neither grants nor surely refuses it (3xx, 408, 5xx). Ask IBKR what became of it
before you send anything again. With `not sent` in the error it was certainly not executed.
`ibkr-auth help get` tells of exit code 9.";

pub(crate) const DELETE: &str = "\
Examples:
  ibkr-auth delete /iserver/account/U1234567/order/987654
      Cancels an order. It is sent in a pause too that IBKR has asked for.

A DELETE is sent once; see `ibkr-auth help post` about exit code 10,
`ibkr-auth help get` about 9.";

#[cfg(feature = "simulator")]
pub(crate) const DEMO: &str = "\
Examples:
  ibkr-auth demo
      Everything happens inside this program; nothing leaves the machine.";

pub(crate) const PROFILES: &str = "\
Examples:
  ibkr-auth profiles
      `*` marks the one that counts without `--profile`. Live or paper is what IBKR said last.
  ibkr-auth profiles --json | jq -r '.[] | select(.good).profile'
      Those with a session that was good lately.

Nothing is sent. A profile whose settings cannot be used is listed with the reason.";

pub(crate) const GUIDE: &str = "\
Examples:
  ibkr-auth guide
      Who gets OAuth 2.0 from IBKR, what to ask for and where, every error step by step.
  ibkr-auth guide 4
      One section of it.
  ibkr-auth guide quickstart
      From nothing to a session, and to a service of systemd.
  ibkr-auth guide settings
      Every key of config.yaml, and its default.";

pub(crate) const COMPLETIONS: &str = "\
Examples:
  mkdir -p ~/.local/share/bash-completion/completions
  ibkr-auth completions bash > ~/.local/share/bash-completion/completions/ibkr-auth
  mkdir -p ~/.zfunc    # and in ~/.zshrc, before compinit: fpath+=(~/.zfunc)
  ibkr-auth completions zsh > ~/.zfunc/_ibkr-auth
  mkdir -p ~/.config/fish/completions
  ibkr-auth completions fish > ~/.config/fish/completions/ibkr-auth.fish";

pub(crate) const MAN: &str = "\
Examples:
  ibkr-auth man | man -l -
  ibkr-auth man --dir ~/.local/share/man/man1";
