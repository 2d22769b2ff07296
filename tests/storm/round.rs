//! One round: a storm over a session in virtual time, and the calm after it.

use std::{
    collections::VecDeque,
    time::{Duration, Instant, SystemTime},
};

use ibkr_auth_core::{
    Event, Now, Output, Phase, Request, RequestId, SavedSession, Session, Step, Transmit, TransportKind,
    Wait, testing::FakeKey,
};
use ibkr_auth_tests::chance::Chance;

use crate::{
    answers::{self, Answer, Question},
    commands::Commands,
    ledger::{Broken, Kept, Ledger, keep},
    oauth1::{Minted, Signed, Strict},
    weather::{self, Weather},
};

const SECOND: Duration = Duration::from_secs(1);
const DAY: Duration = Duration::from_secs(86_400);
/// More than any command can take with the settings of [`weather::config`].
const OUTCOME_WITHIN: Duration = Duration::from_secs(7_200);

pub(crate) struct Round {
    pub(crate) chance: Chance,
    pub(crate) spared: u32,
    pub(crate) weather: Weather,
    pub(crate) session: Session,
    pub(crate) now: Now,
    pub(crate) ledger: Ledger,
    /// The server's clock: the true time.
    truth: SystemTime,
    /// Time that has passed without jumps.
    pub(crate) lived: Duration,
    pub(crate) commands: Commands,
    pub(crate) saved: Option<SavedSession>,
    arriving: Vec<(Instant, RequestId, Answer)>,
    asked: Vec<(RequestId, Question)>,
    /// The storm is over: what is not stamped as it should be is refused.
    strict: Option<Strict>,
    /// The signed step that IBKR refuses, and until when.
    refusing: Option<(Step, Instant)>,
    /// The last of what happened, if somebody wants to know.
    story: Option<VecDeque<String>>,
    start: Instant,
}

/// Runs the round of this seed, without the kinds of trouble in `spared`. `Ok` says how long it took to be
/// connected again.
pub(crate) fn run(seed: u64, spared: u32) -> Result<Duration, Broken> {
    Round::new(seed, spared, false).run()
}

/// The same, with what happened.
pub(crate) fn story(seed: u64, spared: u32) -> Vec<String> {
    let mut round = Round::new(seed, spared, true);
    let outcome = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| round.run()));
    let mut story: Vec<String> = round.story.take().unwrap_or_default().into();
    story.push(format!("{:?} -> {outcome:?}", round.weather));
    story
}

impl Round {
    fn new(seed: u64, spared: u32, tell: bool) -> Self {
        let mut chance = Chance::new(seed);
        let weather = Weather::new(&mut chance, spared);
        let config = weather::config(&mut chance, spared);
        let start = Instant::now();
        let wall = SystemTime::UNIX_EPOCH
            + Duration::from_millis(1_750_000_000_000 + chance.number() % 100_000_000_000);
        Self {
            ledger: Ledger::new(!weather.mixed, config.compete(), config.login().oauth1().is_some()),
            session: Session::new(config, FakeKey, seed),
            now: Now { mono: start, wall },
            truth: wall,
            lived: Duration::ZERO,
            commands: Commands::default(),
            saved: None,
            arriving: Vec::new(),
            asked: Vec::new(),
            strict: None,
            refusing: None,
            story: tell.then(VecDeque::new),
            start,
            chance,
            spared,
            weather,
        }
    }

    fn run(&mut self) -> Result<Duration, Broken> {
        if !self.weather.mixed || self.chance.per_mille(500) {
            self.switch_on();
        }
        for _ in 0..self.weather.moves {
            if self.chance.per_mille(self.weather.command) {
                self.command();
            }
            if self.chance.per_mille(self.weather.command) {
                self.own_request()?;
            }
            self.step()?;
        }
        self.calm()
    }

    /// The storm is over: however bad it was, a healthy server is found again.
    fn calm(&mut self) -> Result<Duration, Broken> {
        self.tell(|| "the storm is over".to_owned());
        (self.weather, self.refusing) = (Weather::calm(), None);
        if self.is_oauth1() {
            // IBKR refuses whoever does not know the time.
            self.now.wall = self.truth;
            self.ledger.jumped(self.now);
            self.strict = Some(Strict::default());
        }
        // What was refused in the storm may still be looked into.
        while self.settle()?.in_flight > 0 || !self.arriving.is_empty() {
            self.step()?;
        }
        match self.session.phase() {
            Phase::Off | Phase::Stopped => self.switch_on(),
            Phase::Paused => {
                self.ledger.resumed();
                self.session.resume();
            }
            _ => {}
        }
        // Where one login a day is allowed, one may be spent on finding out that the clock is wrong.
        let (over, longest) = (self.lived, self.ledger.longest_wait.saturating_add(DAY + OUTCOME_WITHIN));
        while !(self.session.phase() == Phase::Connected && self.session.is_connected()) {
            self.step()?;
            keep(self.lived - over < longest, "connected again when the storm is over", || {
                format!("{} after {:?}: {:?}", self.session.phase(), self.lived - over, self.session)
            })?;
        }
        let took = self.lived - over;
        let end = self.lived + 1_800 * SECOND;
        while self.lived < end {
            self.step()?;
        }
        let phase = self.session.phase();
        let text = format!("{:?} {:?}", self.session, self.session.snapshot());
        self.ledger.shows_nothing(text, "no secret in Debug")?;
        keep(phase == Phase::Connected, "a healthy server is not left again", || phase.to_string())?;
        Ok(took)
    }

    fn is_oauth1(&self) -> bool {
        self.session.config().login().oauth1().is_some()
    }

    /// A request of the user's own is signed by itself, too.
    fn own_request(&mut self) -> Kept {
        let request = Request::new(Vec::new());
        let (mut parts, body) = request.into_parts();
        parts.uri = http::Uri::from_static("/v1/api/portfolio/accounts?a=b");
        match self.session.authorize(Request::from_parts(parts, body), self.now) {
            Ok(request) => self.ledger.signed(&request),
            Err(_) => Ok(()),
        }
    }

    fn step(&mut self) -> Kept {
        let wait = self.settle()?;
        let arrival = self.arriving.iter().map(|(at, ..)| *at).min();
        let next = [arrival, wait.until].into_iter().flatten().min();
        let mut by = next.map_or(60 * SECOND, |next| next.saturating_duration_since(self.now.mono));
        if self.chance.per_mille(self.weather.late) {
            by += self.chance.time(SECOND / 100, 40 * SECOND);
        } else if self.weather.late > 0 && self.chance.per_mille(100) {
            by /= 2;
        }
        self.pass(by);
        self.lived += by;
        if self.chance.per_mille(self.weather.jump) {
            self.jump();
        }
        self.refuse_or_accept();
        if self.chance.per_mille(self.weather.loss) {
            self.stray();
        }
        while let Some(index) = self.arriving.iter().position(|(at, ..)| *at <= self.now.mono) {
            let (_, id, answer) = self.arriving.swap_remove(index);
            self.deliver(id, answer);
            if self.chance.per_mille(700) {
                self.settle()?;
            }
        }
        Ok(())
    }

    /// Polls until there is nothing left to do.
    fn settle(&mut self) -> Result<Wait, Broken> {
        for _ in 0..100 {
            match self.session.poll(self.now) {
                Output::Send(transmit) => self.send(transmit)?,
                Output::Event(event) => {
                    self.tell(|| event.to_string());
                    self.ledger.told(self.now, &event)?;
                    if let Event::Failed { error, .. } = &event {
                        self.long_wait(error);
                    }
                }
                Output::Wait(wait) => {
                    self.commands.look(self.lived, OUTCOME_WITHIN)?;
                    self.ledger.rests(self.now, &self.session, wait, self.commands.open())?;
                    self.ledger.kept_alive(self.now, &self.session)?;
                    return Ok(wait);
                }
            }
        }
        keep(false, "poll settles", || format!("{:?}", self.session))?;
        unreachable!("broken")
    }

    /// What a server asks for may be waited for, and half as long again, but a day at most is reasonable.
    fn long_wait(&mut self, error: &ibkr_auth_core::Error) {
        if let ibkr_auth_core::Advice::RetryAfter(asked) = error.advice() {
            self.ledger.longest_wait = self.ledger.longest_wait.max(asked.min(DAY) * 3 / 2);
        }
    }

    fn send(&mut self, transmit: Transmit) -> Kept {
        self.tell(|| format!("-> {}", transmit.step));
        self.ledger.sent(self.now, &transmit, self.session.phase())?;
        let signed = Signed::of(&transmit.request).filter(|_| self.is_oauth1());
        let minted = signed.as_ref().and_then(|signed| Minted::of(signed, &mut self.chance));
        self.ledger.minted(minted.as_ref());
        let question = Question { step: transmit.step, is_oauth1: self.is_oauth1(), minted };
        self.asked.push((transmit.id, question.clone()));
        if self.chance.per_mille(self.weather.loss) {
            return Ok(());
        }
        let is_closed = self.chance.per_mille(self.weather.closed);
        let is_timely = match (&mut self.strict, &signed) {
            (Some(strict), Some(signed)) => strict.takes(signed.timestamp, self.truth),
            _ => true,
        };
        let answer = match self.refusing {
            _ if is_closed => answers::closed(&mut self.chance),
            _ if !is_timely => answers::untimely(self.truth),
            Some((step, _)) if step == transmit.step => answers::refusal(&mut self.chance),
            _ => answers::random(&mut self.chance, &self.weather, &question, self.truth),
        };
        let longest = if self.weather.late > 0 && !is_closed { transmit.timeout * 2 } else { SECOND };
        let at = self.now.mono + self.chance.time(SECOND / 1000, longest);
        self.arriving.push((at, transmit.id, answer));
        if self.chance.per_mille(self.weather.loss) {
            let again = answers::random(&mut self.chance, &self.weather, &question, self.truth);
            self.arriving.push((at + self.chance.time(SECOND / 1000, 100 * SECOND), transmit.id, again));
        }
        Ok(())
    }

    /// An answer that nobody waits for any more, or to the wrong question.
    fn stray(&mut self) {
        if self.asked.is_empty() {
            return;
        }
        let (id, question) = self.chance.pick(&self.asked);
        let question = if self.chance.per_mille(500) { question } else { self.chance.pick(&self.asked).1 };
        if self.arriving.iter().all(|(_, waiting, _)| *waiting != id) {
            let answer = answers::random(&mut self.chance, &self.weather, &question, self.truth);
            self.deliver(id, answer);
        }
    }

    fn deliver(&mut self, id: RequestId, answer: Answer) {
        if self.story.is_some() {
            let text = match &answer {
                Ok(response) => {
                    let body = String::from_utf8_lossy(response.body());
                    let body: String = body.chars().take(150).collect();
                    format!("<- {id:?} {} {:?} {body:?}", response.status(), response.headers())
                }
                Err(error) => format!("<- {id:?} {error}"),
            };
            self.tell(|| text);
        }
        let broke = answer.as_ref().is_err_and(|error| error.kind() == TransportKind::Broken);
        self.ledger.heard(self.now, id, broke, answer.as_ref().ok());
        self.session.receive(self.now, id, answer);
    }

    /// IBKR refuses whom it knew for a time that is shorter than the slow retries.
    fn refuse_or_accept(&mut self) {
        self.refusing = self.refusing.filter(|(_, until)| *until > self.now.mono);
        if self.refusing.is_none() && self.chance.per_mille(self.weather.passing) {
            let step = match self.is_oauth1() {
                true => Step::GetLiveSessionToken,
                false => self.chance.pick(&[Step::GetAccessToken, Step::GetBearerToken]),
            };
            let lasts = self.chance.time(60 * SECOND, 6_000 * SECOND);
            self.refusing = Some((step, self.now.mono + lasts));
            self.tell(|| format!("{step} is refused for {lasts:?}"));
        }
    }

    fn jump(&mut self) {
        let by = self.chance.time(SECOND, 3 * DAY);
        match self.chance.below(4) {
            0 => (self.now.wall, self.truth) = (self.now.wall + by, self.truth + by),
            1 => self.pass(by),
            2 => self.now.wall += by,
            _ => self.now.wall -= by,
        }
        self.tell(|| format!("clocks jump by {by:?}"));
        self.ledger.jumped(self.now);
    }

    fn pass(&mut self, by: Duration) {
        self.now.mono += by;
        self.now.wall += by;
        self.truth += by;
    }

    pub(crate) fn tell(&mut self, what: impl FnOnce() -> String) {
        let elapsed = self.now.mono - self.start;
        let phase = self.session.phase();
        if let Some(story) = &mut self.story {
            story.push_back(format!("{:>12.3} s  {phase:<22} {}", elapsed.as_secs_f64(), what()));
            if story.len() > 60 {
                story.pop_front();
            }
        }
    }
}
