//! `ibkr-auth authorize`: a user's consent to a third party (OAuth 1.0a), and the access token that comes of
//! it.

mod browser;
mod callback;

use std::{
    path::{Path, PathBuf},
    time::{Duration, SystemTime},
};

use ibkr_auth_blocking::{Error, Http, Request, Response, Step};
use ibkr_auth_config::{Reader, Unkeyed};
use ibkr_auth_core::{
    text::one_line,
    wire::consent::{
        OUT_OF_BAND, PAGE, RequestToken, Verifier,
        access_token::{self, Granted},
        request_token,
    },
};
use serde_json::{Value, json};

use super::token::{RevealArgs, redacted};
use crate::{
    exit::Exit,
    failure::Failure,
    init::{ask::Asker, oauth1::add_access_token},
    interrupt::Interrupt,
    lazy_key::LazyKey,
    options::{Global, duration},
    output::Output,
    profile,
};
use callback::Listener;

const TOKEN: &str = "oauth1_access_token";
const SECRET: &str = "oauth1_access_token_secret";

#[derive(Debug, clap::Args)]
pub(crate) struct AuthorizeArgs {
    /// Wait for the browser to come back to this port of 127.0.0.1, by HTTP
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..))]
    port: Option<u16>,
    /// The address that IBKR has registered for the consumer; without it the page shows the verifier, or the
    /// browser comes back to --port
    #[arg(long, value_name = "URL")]
    callback: Option<String>,
    /// Open the address in a browser
    #[arg(long)]
    open: bool,
    /// Give up when the browser has not come back after this time
    #[arg(long, value_name = "TIME", default_value = "10m", value_parser = duration)]
    within: Duration,
    /// The verifier, of a consent that an earlier invocation has begun
    #[arg(long, value_name = "VERIFIER", requires = "request_token", conflicts_with_all = ["port", "open"])]
    verifier: Option<String>,
    /// The request token of that consent
    #[arg(long, value_name = "TOKEN", requires = "verifier")]
    request_token: Option<String>,
    /// Ask nothing: without a port to wait at, print request token and address, and end
    #[arg(long)]
    no_input: bool,
    /// Print access token and secret instead of adding them to the settings
    #[arg(long)]
    print: bool,
    /// The page for the consent; that of a simulator on this machine is found by itself
    #[arg(long, value_name = "URL")]
    page: Option<String>,
    #[command(flatten)]
    reveal: RevealArgs,
}

pub(crate) fn run(global: &Global, output: Output, args: &AuthorizeArgs) -> Result<(), Failure> {
    let file = profile::file(global)?;
    let settings = settings(global, file.as_deref(), args)?;
    if settings.config.login().oauth1().is_none() {
        return Err(Failure::new(
            Exit::Config,
            "these settings log in by OAuth 2.0, which asks for no consent",
        )
        .help("set oauth1_consumer_key and the keys of OAuth 1.0a: `ibkr-auth help keys`"));
    }
    // Whatever can fail without IBKR fails before IBKR is asked.
    let listener = args.port.map(Listener::bind).transpose()?;
    let key = LazyKey::new(settings.key.clone(), global.passphrase_fd);
    key.load()?;
    let http = Http::new(&settings.transport)?;
    let consent = Consent { output, args, settings: &settings, key, http };

    let (token, verifier) = match (&args.request_token, &args.verifier) {
        (Some(token), Some(verifier)) => (RequestToken::new(token)?, Verifier::new(verifier)?),
        _ => {
            let token = consent.request_token()?;
            match consent.verifier(&token, listener)? {
                Some(verifier) => (token, verifier),
                None => return Ok(()),
            }
        }
    };
    let granted = consent.access_token(&token, &verifier)?;
    keep(global, output, args, file, &granted)
}

/// The settings with something in place of what the consent will bring.
fn settings(global: &Global, file: Option<&Path>, args: &AuthorizeArgs) -> Result<Unkeyed, Failure> {
    let variables = std::env::vars_os()
        .chain([(variable(TOKEN), "noaccesstokenyet".into()), (variable(SECRET), "none".into())]);
    let settings = reader(global, file).vars(variables).read()?;
    if args.print {
        return Ok(settings);
    }
    let cannot = |why: &str| {
        Failure::new(Exit::Usage, "the access token could not be added to the settings")
            .why(why)
            .help("have it printed, with --print, and write it where it belongs")
    };
    let Some(file) = file else { return Err(cannot("no file has them: they come from variables")) };
    if settings.profile.is_some() {
        return Err(cannot("a profile was chosen, and profiles are not edited"));
    }
    let has = |key: &str| std::env::var_os(variable(key)).is_some();
    let written = Reader::new().file(file).written()?;
    if has(TOKEN) || has(SECRET) || written.iter().any(|(key, _)| [TOKEN, SECRET].contains(key)) {
        return Err(cannot("they have one already, and no line is ever replaced"));
    }
    Ok(settings)
}

fn reader(global: &Global, file: Option<&Path>) -> Reader {
    let mut reader = Reader::new();
    if let Some(file) = file {
        reader = reader.file(file);
    }
    match &global.profile {
        Some(name) => reader.profile(name),
        None => reader,
    }
}

fn variable(key: &str) -> std::ffi::OsString {
    format!("IBKR_AUTH_{}", key.to_ascii_uppercase()).into()
}

struct Consent<'a> {
    output: Output,
    args: &'a AuthorizeArgs,
    settings: &'a Unkeyed,
    key: LazyKey,
    http: Http,
}

impl Consent<'_> {
    fn request_token(&self) -> Result<RequestToken, Failure> {
        let config = &self.settings.config;
        let callback = self.args.callback.as_deref().unwrap_or(OUT_OF_BAND);
        let request = request_token::request(config, &self.key, callback, SystemTime::now())?;
        let answer = self.send(Step::RequestToken, request)?;
        Ok(request_token::parse(config, &answer)?)
    }

    fn access_token(&self, token: &RequestToken, verifier: &Verifier) -> Result<Granted, Failure> {
        let config = &self.settings.config;
        let request = access_token::request(config, &self.key, token, verifier, SystemTime::now())?;
        let answer = self.send(Step::ConsentedToken, request)?;
        Ok(access_token::parse(config, &answer, (token, verifier))?)
    }

    /// Once: whether IBKR has made a token of a request shows in its answer alone.
    fn send(&self, step: Step, request: Request) -> Result<Response, Failure> {
        let answer = self.http.send(request, self.settings.config.timeout());
        Ok(answer.map_err(|failure| Error::transport(Some(step), &failure))?)
    }

    /// `None`: another invocation goes on.
    fn verifier(
        &self,
        token: &RequestToken,
        listener: Option<Listener>,
    ) -> Result<Option<Verifier>, Failure> {
        let Self { output, args, .. } = *self;
        // Before anybody can know what is waited for.
        let interrupt = listener.is_some().then(Interrupt::watch);
        let own = args.port.map(|port| format!("http://127.0.0.1:{port}/"));
        let redirect = args.callback.as_ref().or(own.as_ref());
        let page = match &args.page {
            Some(page) => page.clone(),
            None if self.settings.is_local() => {
                format!("{}/authorize", self.settings.config.host().base_url())
            }
            None => PAGE.to_owned(),
        };
        let address = token.address(&page, redirect.map(String::as_str));
        let asker = if args.no_input { None } else { Asker::of_terminal(output.quiet) };
        if listener.is_none() && asker.is_none() {
            return self.leave(token, &address).map(|()| None);
        }
        // Not to standard output: what comes of it goes there.
        let said = Output { quiet: false, ..output };
        said.note(format_args!(
            "Open this address in a browser, log in to IBKR there, and consent:\n  {address}"
        ));
        if args.open {
            browser::open(output, &address);
        }
        if let (Some(listener), Some(interrupt)) = (listener, interrupt) {
            output.note(format_args!("Waiting for the browser to come back. Ctrl-C gives up."));
            return listener.verifier(token, args.within, &interrupt).map(Some);
        }
        let check = |answer: &str| Verifier::new(answer).map(drop).map_err(|error| error.to_string());
        match asker {
            Some(asker) => Ok(Some(Verifier::new(&asker.text("Verifier", None, check)?)?)),
            None => Ok(None),
        }
    }

    fn leave(&self, token: &RequestToken, address: &str) -> Result<(), Failure> {
        let token = token.expose();
        if self.output.json {
            return self.output.value(&json!({ "request_token": token, "address": address }));
        }
        self.output.result(address)?;
        self.output.note(format_args!(
            "Open this address in a browser. With the verifier that IBKR gives:\n  \
             ibkr-auth authorize --request-token {token} --verifier VERIFIER"
        ));
        Ok(())
    }
}

/// Where the access token goes. What cannot be kept is printed: nobody gets this secret a second time.
fn keep(
    global: &Global,
    output: Output,
    args: &AuthorizeArgs,
    file: Option<PathBuf>,
    granted: &Granted,
) -> Result<(), Failure> {
    let (token, secret) = (granted.access_token.expose(), granted.encrypted_secret.expose());
    let values = [(variable(TOKEN), token.into()), (variable(SECRET), secret.into())];
    let opened = reader(global, file.as_deref()).vars(std::env::vars_os().chain(values)).read();
    if let Err(error) = opened.and_then(|settings| settings.check_secret()) {
        output.warning(format_args!("this access token cannot be used with these settings: {error}"));
    }
    let is_paper = granted.is_paper;
    let Some(file) = file.filter(|_| !args.print) else { return print(output, args.reveal, granted) };
    if let Err(failure) = add_access_token(&file, token, secret) {
        output.warning("the settings could not be written, so this is what would stand there");
        print(output, args.reveal, granted)?;
        return Err(failure);
    }
    let shown = one_line(&file.display().to_string());
    if output.json {
        return output.value(&json!({ "config": shown, "is_paper": is_paper }));
    }
    output.line(format_args!("Access token and secret{} are in {shown}.", account(is_paper)))?;
    output.line("Next: `ibkr-auth doctor`, then `ibkr-auth login`.")
}

fn print(output: Output, reveal: RevealArgs, granted: &Granted) -> Result<(), Failure> {
    let reveal = reveal.reveal || !Output::is_seen();
    let show = |secret: &str| if reveal { secret.to_owned() } else { redacted(secret) };
    let token = show(granted.access_token.expose());
    let secret = show(granted.encrypted_secret.expose());
    if output.json {
        let shown: Value = json!({
            "access_token": token,
            "access_token_secret": secret,
            "is_paper": granted.is_paper,
        });
        output.value(&shown)?;
    } else {
        output.result(format_args!("{TOKEN}: \"{token}\"\n{SECRET}: \"{secret}\""))?;
    }
    if !reveal {
        output.note("Redacted, because this is a terminal: pipe it, or add --reveal.");
    }
    Ok(())
}

fn account(is_paper: Option<bool>) -> &'static str {
    match is_paper {
        Some(true) => " of the paper account",
        Some(false) => " of the live account",
        None => "",
    }
}
