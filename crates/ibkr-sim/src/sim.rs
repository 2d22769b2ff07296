//! The simulator: IBKR's servers as a function of a request and a moment.

use std::{collections::BTreeMap, net::IpAddr, ops::Range};

use http::{HeaderValue, Request, Response, header};
use ibkr_jws::RsaKey;

use crate::{
    Counters, Delivery, Endpoint, Entry, Fault, HostState, Manner, Moment, On, Peer, PlacedOrder, Reply,
    SimConfig, Stage,
    answer::{Answer, Answered, shown},
    call::Call,
    counters::Journal,
    demo, edge, gzip,
    host::{self, Site},
    ids::Ids,
    inject::{self, FaultBook, Target},
    lookup,
    placed::Placed,
    sockets::Sockets,
    store::{Store, Tier},
};

/// A header of every answer, by which a program can tell the simulator from IBKR.
const MARK: &str = "x-ibkr-sim";

/// IBKR's servers. Give [`handle`](Self::handle) a request and a moment; it never asks a clock, a socket or a
/// source of randomness, so the same requests at the same moments get the same answers.
pub struct Sim {
    pub(crate) config: SimConfig,
    pub(crate) store: Store,
    pub(crate) ids: Ids,
    pub(crate) server_key: RsaKey,
    pub(crate) counters: Counters,
    pub(crate) hosts: BTreeMap<String, HostState>,
    pub(crate) placed: Placed,
    pub(crate) sockets: Sockets,
    pub(crate) faults: FaultBook,
    journal: Journal,
    /// How far clock jumps have moved the servers' clock, in milliseconds.
    shift: i64,
}

impl Sim {
    /// Servers that have just been started.
    ///
    /// # Panics
    /// Never: the one key it needs ships with the crate.
    pub fn new(config: SimConfig) -> Self {
        Self {
            store: Store::default(),
            ids: Ids::new(config.seed),
            server_key: RsaKey::from_pem(demo::SERVER_KEY_PEM.as_bytes())
                .expect("the crate's own key is sound"),
            counters: Counters::default(),
            hosts: BTreeMap::new(),
            placed: Placed::default(),
            sockets: Sockets::default(),
            faults: FaultBook::new(config.faults.clone(), config.seed),
            journal: Journal::new(config.journal),
            shift: 0,
            config,
        }
    }

    /// Answers one request that arrives at `now`.
    ///
    /// The request is judged as it stands: a POST needs a `Content-Length` header, every request a
    /// `User-Agent`, as on the wire. The host is taken from the URI if it is absolute, else from the `Host`
    /// header.
    pub fn handle(&mut self, now: Moment, peer: Peer, request: &Request<Vec<u8>>) -> Reply {
        let host = host::of(request.uri(), request.headers());
        let path = request.uri().path();
        let site = host.as_deref().map_or(Site::Nobody, |host| host::site(host, path));
        let (endpoint, method_fits) = match site {
            Site::Api => Endpoint::find(request.method(), path),
            Site::Portal if path == host::CONSENT => (Endpoint::Authorize, true),
            Site::Lookup => (Endpoint::Lookup, true),
            Site::Portal | Site::Nobody => (Endpoint::Unknown, true),
        };
        let known_host = host.clone().filter(|_| site != Site::Nobody).unwrap_or_else(|| "other".to_owned());
        let target = Target { on: On::Endpoint(endpoint), host: &known_host, path };
        let fault = self.faults.pick(&target, self.now(now));
        if let Some(fault) = &fault {
            self.apply(fault);
        }

        let now = self.now(now);
        let ip = if peer.ip.is_loopback() { self.config.public_ip } else { peer.ip };
        let stub = fault.as_ref().and_then(|fault| fault.action.stub.as_ref());
        let call = Call { now, ip, endpoint, request, stub };
        self.store.purge(now);

        let refused = self.refuses(&known_host);
        let through = !refused && fault.as_ref().is_none_or(|fault| fault.action.lets_through());
        let real = through.then(|| match site {
            Site::Nobody => edge::nobody(host.as_deref()),
            Site::Lookup => lookup::answer(&call, &known_host),
            Site::Portal => self.portal(&call).unwrap_or_else(|refused| refused),
            Site::Api => self.api(&call, &known_host, method_fits).unwrap_or_else(|refused| refused),
        });
        if real.as_ref().is_some_and(|answer| (200..300).contains(&answer.status)) {
            self.faults.succeeded(endpoint);
        }
        let forged = fault.as_ref().and_then(|fault| inject::replacement(&fault.action));
        let refusals = real.as_ref().map_or_else(Vec::new, |answer| answer.refusals.clone());
        let mut socket = real.as_ref().and_then(|answer| answer.socket);
        let mut answer = forged.or(real).unwrap_or_else(|| Answer::empty(503));
        let mut delivery = Delivery::default();
        if let Some(fault) = &fault {
            inject::spoil(&fault.action, &mut answer);
            delivery = inject::delivery(&fault.action);
        }
        if refused {
            delivery.manner = Manner::Reset;
        }

        let response = self.finish(&call, site, answer, fault.as_ref());
        if response.status() != http::StatusCode::SWITCHING_PROTOCOLS
            && let Some(lost) = socket.take()
        {
            self.close_socket(lost);
        }
        let fault = fault.as_ref().map(Fault::to_string);
        self.note(&call, known_host, response.status().as_u16(), &refusals, fault.clone());
        Reply { response, endpoint, refusals, fault, delivery, socket }
    }

    /// What becomes of a connection to `host` at a stage of its making: [`Manner::Whole`] lets it go on.
    pub fn connection(&mut self, now: Moment, stage: Stage, host: &str) -> Delivery {
        let target = Target { on: On::Stage(stage), host, path: "" };
        let fault = self.faults.pick(&target, self.now(now));
        self.counters.faults += u64::from(fault.is_some());
        fault.map_or_else(Delivery::default, |fault| inject::delivery(&fault.action))
    }

    /// Whether a login can succeed at this moment as far as the servers are concerned: no outage, no
    /// maintenance, no nightly reset. For accounts of availability: what a client could not have had is not
    /// its fault.
    pub fn is_up(&self, at: Moment) -> bool {
        self.config.calendar.is_up(self.now(at))
    }

    /// When this bearer, or live session token of OAuth 1.0a in base64, has an established brokerage session
    /// if nothing more happens: until it expires, idles, or is ended by midnight or a nightly reset. `None`
    /// when it has none, or was not made for the address at which callers from loopback are seen. It counts
    /// as no request.
    pub fn ready(&self, bearer: &str) -> Option<Range<Moment>> {
        let SimConfig { rules, calendar, public_ip, .. } = &self.config;
        let session = self.store.sessions.get(bearer)?;
        let Tier::Up(from) = session.tier else { return None };
        if rules.ip_checked_always && !session.is_at_home(*public_ip) {
            return None;
        }
        if session.live.as_ref().is_some_and(|live| !self.knows(live)) {
            return None;
        }
        let idles = session.last_request + rules.brokerage_idle;
        let until = calendar.next_reset(session.last_request).into_iter().fold(idles, Moment::min);
        Some(from.shifted(-self.shift)..until.min(session.deadline()).shifted(-self.shift))
    }

    /// What the servers' clock shows when the true time is `at`.
    pub fn now(&self, at: Moment) -> Moment {
        at.shifted(self.shift)
    }

    /// The set-up. Rules and calendar may be changed at any time.
    pub fn config_mut(&mut self) -> &mut SimConfig {
        &mut self.config
    }

    /// The set-up.
    pub fn config(&self) -> &SimConfig {
        &self.config
    }

    /// Adds a fault after those that are there.
    pub fn add_fault(&mut self, fault: Fault) {
        self.faults.add(fault);
    }

    /// Removes all faults.
    pub fn clear_faults(&mut self) {
        self.faults.clear();
    }

    /// The faults in force.
    pub fn faults(&self) -> impl Iterator<Item = &Fault> {
        self.faults.rules()
    }

    /// From now on callers from loopback are seen at this address.
    pub fn set_ip(&mut self, ip: IpAddr) {
        self.config.public_ip = ip;
    }

    /// Makes one host bad, or well again with `None`.
    pub fn set_host(&mut self, host: impl Into<String>, state: Option<HostState>) {
        match state {
            Some(state) => self.hosts.insert(host.into(), state),
            None => self.hosts.remove(&host.into()),
        };
    }

    /// Whether connections to this host are refused.
    pub fn refuses(&self, host: &str) -> bool {
        self.hosts.get(host) == Some(&HostState::Refuse)
    }

    /// Forgets every token and session, as servers do that are started anew.
    pub fn restart(&mut self) {
        self.store = Store::default();
    }

    /// Moves the servers' clock by a signed number of seconds.
    pub fn jump_clock(&mut self, secs: i64) {
        self.shift = self.shift.saturating_add(secs.saturating_mul(1000));
    }

    /// What happened so far.
    pub fn counters(&self) -> &Counters {
        &self.counters
    }

    /// The last requests, oldest first.
    pub fn requests(&self) -> impl DoubleEndedIterator<Item = &Entry> {
        self.journal.entries()
    }

    /// The orders that were executed so far, first ones first: each once, with how often that was. A
    /// simulated restart does not forget them.
    pub fn placed_orders(&self) -> impl Iterator<Item = &PlacedOrder> {
        self.placed.orders()
    }

    /// How many tokens, sessions and used assertions are remembered: bounded, because what has expired is
    /// forgotten.
    pub fn remembered(&self) -> usize {
        self.store.len()
    }

    /// The last request.
    pub fn last_request(&self) -> Option<&Entry> {
        self.journal.entries().next_back()
    }

    pub(crate) fn apply(&mut self, fault: &Fault) {
        let action = &fault.action;
        if let Some(ip) = action.ip {
            self.set_ip(ip);
        }
        if let Some(secs) = action.clock_jump_s {
            self.jump_clock(secs);
        }
        if action.restart {
            self.restart();
        }
        if action.kick {
            self.kick(None);
        }
    }

    fn api(&mut self, call: &Call<'_>, host: &str, method_fits: bool) -> Answered {
        self.edge(call, host, method_fits)?;
        match call.endpoint {
            Endpoint::Token => self.token(call),
            Endpoint::SsoSessions => self.sso_sessions(call),
            Endpoint::EchoHttps | Endpoint::EchoSignedJwt => self.echo(call),
            Endpoint::RequestToken | Endpoint::AccessToken | Endpoint::LiveSessionToken => self.oauth1(call),
            Endpoint::Socket => self.upgrade(call, host),
            _ => self.trading(call),
        }
    }

    /// The headers that all answers have, and compression.
    fn finish(
        &mut self,
        call: &Call<'_>,
        site: Site,
        mut answer: Answer,
        fault: Option<&Fault>,
    ) -> Response<Vec<u8>> {
        let accepts = call.header(&header::ACCEPT_ENCODING).unwrap_or("");
        let compressed = answer.headers.iter().any(|(name, _)| *name == "content-encoding");
        if site == Site::Api
            && self.config.rules.gzip
            && accepts.contains("gzip")
            && !compressed
            && !answer.body.is_empty()
        {
            answer.body = gzip::stored(&answer.body);
            answer.headers.push(("content-encoding", "gzip".into()));
        }
        let mut response = Response::new(answer.body);
        *response.status_mut() =
            http::StatusCode::from_u16(answer.status).unwrap_or(http::StatusCode::BAD_GATEWAY);
        let headers = response.headers_mut();
        let mut set = |name: &str, value: &str| {
            if let (Ok(name), Ok(value)) = (header::HeaderName::try_from(name), HeaderValue::from_str(value))
            {
                headers.append(name, value);
            }
        };
        let date_shift = fault.and_then(|fault| fault.action.date_shift_s).unwrap_or(0);
        set("date", &call.now.shifted(date_shift.saturating_mul(1000)).http_date());
        set("content-type", answer.content_type);
        set(MARK, env!("CARGO_PKG_VERSION"));
        for (name, value) in &answer.headers {
            set(name, value);
        }
        if site == Site::Api {
            // Akamai's affinity cookie, on almost every answer.
            let affinity = self.ids.hex(14);
            let (node, request) = affinity.split_at(8);
            set(
                "set-cookie",
                &format!("x-sess-uuid=0.{node}.{}.{request}; secure; HttpOnly", call.now.secs()),
            );
        }
        for (name, value) in fault.into_iter().flat_map(|fault| &fault.action.headers) {
            if let (Ok(name), Ok(value)) = (header::HeaderName::try_from(name), HeaderValue::from_str(value))
            {
                headers.insert(name, value);
            }
        }
        response
    }

    fn note(
        &mut self,
        call: &Call<'_>,
        host: String,
        status: u16,
        refusals: &[crate::Refusal],
        fault: Option<String>,
    ) {
        self.journal.count += 1;
        let entry = Entry {
            number: self.journal.count,
            at: call.now,
            host,
            method: shown(call.request.method().as_str()),
            path: shown(call.path()),
            endpoint: call.endpoint,
            status,
            refusals: refusals.to_vec(),
            fault,
        };
        self.counters.count(&entry);
        self.journal.write(entry);
    }
}
