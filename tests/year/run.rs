//! A strategy lives through a year: from one thing that happens to the next.

use std::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    net::IpAddr,
    ops::Range,
    time::{Duration, Instant},
};

use ibkr_auth_core::{Request, Response, TransportError, TransportKind};
use ibkr_sim::{Endpoint, Fault, Manner, Moment, Peer, Sim, SimConfig};

use crate::{
    dice::Dice,
    line::Line,
    machine::Machine,
    measure::{AFTER_REFUSAL, Account, Login, Measure},
    network::Fate,
    refusals::Stranger,
    strategy::{Move, Strategy},
    world::{Change, HOSTS, LIAR, SAYS_SHORT, START, STUCK, World},
};

/// A change explains a loss that begins within this time.
const CAUSE_REACHES: Duration = Duration::from_secs(600);
/// A second answer comes so much later than the first.
const TWICE_AFTER: Duration = Duration::from_millis(40);
/// As long as it takes to notice that there is no connection.
const NOTICED_AFTER: Duration = Duration::from_millis(20);
const LINES: usize = 400;

/// Leads a strategy through a world and returns its accounts.
pub(crate) fn live<S: Strategy>(world: &World, strategy: S) -> Account {
    let mut year = Year::new(world, strategy);
    while year.now < world.end() {
        year.step();
    }
    year.measure.close_account(world.days, year.sim.counters().clone())
}

struct Year<'a, S: Strategy> {
    world: &'a World,
    strategy: S,
    sim: Sim,
    machine: Machine,
    dice: Dice,
    now: Moment,
    changes: std::slice::Iter<'a, (Moment, Change)>,
    wakes: Option<Instant>,
    flights: BTreeMap<u64, Flight<S::Id>>,
    next_flight: u64,
    arrivals: BTreeSet<(Moment, u64, Arrival)>,
    road: u32,
    noticed: bool,
    slow: bool,
    dead: Vec<&'static str>,
    /// Fault scripts in force, by the trouble's name.
    faults: BTreeMap<&'static str, String>,
    refusal: Refusal,
    ready: Option<Range<Moment>>,
    next_hours: Moment,
    cause: (Moment, &'static str),
    lines: VecDeque<(Moment, Line)>,
    measure: Measure,
}

/// A request on its way, and its answer.
struct Flight<Id> {
    id: Id,
    given_up: Instant,
    fate: Fate,
    request: Request,
    answer: Option<Result<Response, TransportError>>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Arrival {
    Request,
    Answer,
    AnswerAgain,
}

/// How IBKR stands to the client.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Refusal {
    None,
    /// It would refuse a login.
    Ready,
    /// It has refused one.
    Met,
    /// It would accept one again, and the session has not been good since.
    Over,
}

/// Of the service that is asked first.
const LIE: &str = r#"{"on":"lookup","host":"api.ipify.org","do":{"status":200,"body":"8.8.8.8"}}"#;

/// What announces an end, announces it in so many seconds; a live session token's is a time.
fn says(seconds: u64, now: Moment) -> String {
    let (millis, end) = (1000 * seconds, (now + Duration::from_secs(seconds)).millis());
    format!(
        r#"[{{"on":"tickle","do":{{"patch":{{"ssoExpires":{millis}}}}}}},
            {{"on":"sso/validate","do":{{"patch":{{"EXPIRES":{millis}}}}}}},
            {{"on":"token","do":{{"patch":{{"expires_in":{seconds}}}}}}},
            {{"on":"live_session_token","do":{{"patch":{{"live_session_token_expiration":{end}}}}}}}]"#
    )
}

impl<'a, S: Strategy> Year<'a, S> {
    fn new(world: &'a World, strategy: S) -> Self {
        let mut config = SimConfig { calendar: world.calendar.clone(), ..SimConfig::default() };
        config.rules.signatures = false;
        config.journal = 0;
        Self {
            world,
            strategy,
            sim: Sim::new(config),
            machine: Machine::new(world.drift),
            dice: Dice::new(world.seed, "network"),
            now: START,
            changes: world.changes.iter(),
            wakes: None,
            flights: BTreeMap::new(),
            next_flight: 0,
            arrivals: BTreeSet::new(),
            road: 0,
            noticed: false,
            slow: false,
            dead: Vec::new(),
            faults: BTreeMap::new(),
            refusal: Refusal::None,
            ready: None,
            next_hours: START,
            cause: (START, "start"),
            lines: VecDeque::new(),
            measure: Measure::default(),
        }
    }

    /// Lets the client do what it wants to do now, and goes on to the next thing that happens.
    fn step(&mut self) {
        if self.machine.is_awake() {
            self.let_act();
        }
        self.look();
        let next = self.next_moment();
        self.pass(next);
        self.now = next;
        self.happen();
    }

    fn let_act(&mut self) {
        loop {
            match self.strategy.poll(self.machine.now(self.now)) {
                Move::Send(id, time_limit, request) => self.send(id, time_limit, request),
                Move::Say(event) => self.note(Line::Event(event)),
                Move::Wait(until) => return self.wakes = until,
            }
        }
    }

    fn next_moment(&self) -> Moment {
        let mut next = self.world.end().min(self.next_hours);
        let mut consider = |at: Option<Moment>| next = at.map_or(next, |at| at.min(next));
        consider(self.changes.as_slice().first().map(|(at, _)| *at));
        consider(self.arrivals.first().map(|(at, ..)| *at));
        if self.machine.is_awake() {
            let given_up = self.flights.values().map(|flight| flight.given_up);
            consider(given_up.chain(self.wakes).min().map(|mono| self.machine.when(mono, self.now)));
        }
        next.max(self.now)
    }

    fn pass(&mut self, until: Moment) {
        let dead = self.dead.iter().any(|host| *host == self.strategy.host());
        let ready = if dead { &None } else { &self.ready };
        let is_good = ready.as_ref().is_some_and(|ready| ready.contains(&self.now));
        if self.refusal == Refusal::Over && is_good {
            self.refusal = Refusal::None;
        }
        let barred = self.refusal == Refusal::Met && !is_good;
        let allowed = self.sim.is_up(self.now) && self.road == 0 && self.machine.is_awake() && !barred;
        let (since, cause) = self.cause;
        let cause = match self.refusal {
            Refusal::Over => AFTER_REFUSAL,
            _ if self.now.since(since) < CAUSE_REACHES => cause,
            _ => "nothing",
        };
        let Some(began) = self.measure.pass(self.now..until, allowed, ready, cause) else { return };
        let since = began - Duration::from_secs(75);
        let story = self.lines.iter().filter(|(at, _)| *at >= since);
        self.measure.tell(story.map(|(at, line)| {
            let seconds = (at.millis() - began.millis()) as f64 / 1000.0;
            format!("{seconds:+8.1} s  {line}")
        }));
    }

    /// Whatever is due now: changes of the world, arrivals, requests that are given up.
    fn happen(&mut self) {
        if self.next_hours <= self.now {
            self.open_or_close();
        }
        while let Some((_, change)) = self.changes.as_slice().first().filter(|(at, _)| *at <= self.now) {
            self.changes.next();
            self.change(change);
        }
        while let Some((_, flight, arrival)) =
            self.arrivals.first().copied().filter(|(at, ..)| *at <= self.now)
        {
            self.arrivals.pop_first();
            match arrival {
                Arrival::Request => self.arrive_at_server(flight),
                Arrival::Answer | Arrival::AnswerAgain => self.arrive_at_client(flight, arrival),
            }
        }
        if self.machine.is_awake() {
            let mono = self.machine.mono(self.now);
            let over =
                self.flights.iter().filter(|(_, flight)| flight.given_up <= mono).map(|(number, _)| *number);
            for number in over.collect::<Vec<_>>() {
                if let Some(flight) = self.flights.remove(&number) {
                    self.deliver(flight.id, Err(TransportError::timeout()));
                }
            }
        }
    }

    fn send(&mut self, id: S::Id, time_limit: Duration, request: Request) {
        let fate = Fate::throw(&mut self.dice, self.slow);
        let number = self.next_flight;
        self.next_flight += 1;
        let host = request.uri().host().unwrap_or_default();
        let refused = self.dead.contains(&host) && self.sim.refuses(host);
        let answer = (self.road > 0 && self.noticed || refused)
            .then(|| Err(TransportError::new(TransportKind::Connect, "")));
        match request.uri().path() {
            // Nothing is sent where nothing is connected.
            _ if answer.is_some() => {}
            "/oauth2/api/v1/token" => self.measure.log_in(self.now, Login::Token),
            "/gw/api/v1/sso-sessions" => self.measure.log_in(self.now, Login::Bearer),
            "/v1/api/oauth/live_session_token" => self.measure.log_in(self.now, Login::LiveSession),
            _ => {}
        }
        if answer.is_some() {
            self.arrivals.insert((self.now + NOTICED_AFTER, number, Arrival::Answer));
        } else if self.road == 0 && !fate.request_lost {
            self.arrivals.insert((self.now + fate.out, number, Arrival::Request));
        }
        let given_up = self.machine.mono(self.now) + time_limit;
        self.flights.insert(number, Flight { id, given_up, fate, request, answer });
    }

    fn arrive_at_server(&mut self, number: u64) {
        let Some(flight) = self.flights.get_mut(&number).filter(|_| self.road == 0) else { return };
        let reply = self.sim.handle(self.now, Peer::LOOPBACK, &flight.request);
        let lost = flight.fate.answer_lost;
        let is_login =
            matches!(reply.endpoint, Endpoint::Token | Endpoint::SsoSessions | Endpoint::LiveSessionToken);
        if is_login && reply.response.status().is_client_error() {
            match self.refusal {
                Refusal::Ready => {
                    self.refusal = Refusal::Met;
                    self.measure.meet_refusal();
                    self.measure.refuse_login(self.now);
                }
                Refusal::Met => self.measure.refuse_login(self.now),
                _ => {}
            }
        }
        let host = flight.request.uri().host();
        let line = Line::Answer {
            host: HOSTS.into_iter().find(|name| host == Some(name)),
            endpoint: reply.endpoint,
            status: reply.response.status().as_u16(),
            refusals: reply.refusals,
            lost,
        };
        flight.answer = Some(match reply.delivery.manner {
            Manner::Whole => Ok(reply.response),
            _ => Err(TransportError::new(TransportKind::Connect, "")),
        });
        let arrives = self.now + flight.fate.back;
        if !lost {
            self.arrivals.insert((arrives, number, Arrival::Answer));
        }
        self.note(line);
    }

    fn arrive_at_client(&mut self, number: u64, arrival: Arrival) {
        let told = |flight: &Flight<S::Id>| matches!(flight.answer, Some(Err(_)));
        let gone = !self.machine.is_awake() || self.road > 0 && !self.flights.get(&number).is_some_and(told);
        if gone {
            return;
        }
        let Some(mut flight) = self.flights.remove(&number) else { return };
        let Some(answer) = flight.answer.take() else { return };
        let (id, twice) = (flight.id, flight.fate.answer_twice && arrival == Arrival::Answer);
        if let (true, Ok(answer)) = (twice, &answer) {
            flight.answer = Some(Ok(answer.clone()));
            self.arrivals.insert((self.now + TWICE_AFTER, number, Arrival::AnswerAgain));
            self.flights.insert(number, flight);
        }
        self.deliver(id, answer);
    }

    fn deliver(&mut self, id: S::Id, answer: Result<Response, TransportError>) {
        let now = self.machine.now(self.now);
        self.strategy.receive(now, id, answer);
        // Between two answers of the same moment too.
        self.let_act();
    }

    /// A trouble that is a fault of the simulator's comes, with this script, or goes.
    fn fault(&mut self, name: &'static str, script: Option<String>) {
        match script {
            Some(script) => self.faults.insert(name, script),
            None => self.faults.remove(name),
        };
        self.sim.clear_faults();
        for script in self.faults.values() {
            let faults = Fault::parse_script(script).expect("a fault script");
            faults.into_iter().for_each(|fault| self.sim.add_fault(fault));
        }
    }

    fn change(&mut self, change: &Change) {
        self.note(Line::Change(change.clone()));
        match change {
            Change::RoadDown { noticed } => (self.road, self.noticed) = (self.road + 1, *noticed),
            Change::RoadUp => self.road -= 1,
            Change::Slow(slow) => self.slow = *slow,
            Change::Address(ip) => self.sim.set_ip(IpAddr::V4(*ip)),
            Change::RivalComes(shown) => {
                self.sim.config_mut().rules.competing_shown = *shown;
                self.sim.kick(None);
            }
            Change::Stuck(step) => {
                self.fault(STUCK.name, Some(format!(r#"{{"on":"{step}","do":{{"status":500}}}}"#)));
            }
            Change::Liar => self.fault(LIAR.name, Some(LIE.to_owned())),
            Change::SaysShort(seconds) => self.fault(SAYS_SHORT.name, Some(says(*seconds, self.now))),
            Change::Cured(name) => self.fault(name, None),
            Change::LivesShort(seconds) => {
                self.sim.config_mut().rules.bearer_life = Duration::from_secs(*seconds);
            }
            Change::LivesLong => {
                self.sim.config_mut().rules.bearer_life = SimConfig::default().rules.bearer_life;
            }
            Change::Refused { who, forgets } => {
                self.refusal = Refusal::Ready;
                who.forget(self.sim.config_mut());
                if *forgets {
                    self.sim.restart();
                }
            }
            Change::Accepted => {
                let was_met = self.refusal == Refusal::Met;
                self.refusal = if was_met { Refusal::Over } else { Refusal::None };
                Stranger::welcome(self.sim.config_mut());
            }
            Change::RivalLeaves => self.sim.release(),
            Change::Restart => self.sim.restart(),
            Change::HostsDie(hosts, state) => {
                self.dead = hosts.clone();
                hosts.iter().for_each(|host| self.sim.set_host(*host, Some(*state)));
            }
            Change::HostsHeal => {
                self.dead.drain(..).for_each(|host| self.sim.set_host(host, None));
            }
            Change::Sleep { stands } => self.machine.sleep(self.now, *stands),
            Change::Wake => self.machine.wake(self.now),
            Change::ClockStep(millis) => self.machine.step_clock(*millis),
            Change::ClockDrifts => self.machine.let_drift(self.now),
            Change::ClockSet => self.machine.set_clock(),
            Change::Outage | Change::Midnight => {}
        }
        if let Some(cause) = change.cause() {
            self.cause = (self.now, cause);
        }
    }

    fn open_or_close(&mut self) {
        let is_up = self.sim.is_up(self.now);
        self.note(Line::Up(is_up));
        if !matches!(self.cause.1, "restart" | "outage") || self.now.since(self.cause.0) > CAUSE_REACHES {
            self.cause = (self.now, "nightly reset or maintenance");
        } else {
            self.cause.0 = self.now;
        }
        self.next_hours = self.world.calendar.next_change(self.now).unwrap_or(self.world.end());
    }

    fn look(&mut self) {
        self.ready = self.strategy.bearer().and_then(|bearer| self.sim.ready(bearer));
    }

    fn note(&mut self, line: Line) {
        self.lines.push_back((self.now, line));
        if self.lines.len() > LINES {
            self.lines.pop_front();
        }
    }
}
