//! One line for each request, and the reasons of refusals.

use std::fmt::Write as _;

use crate::{Entry, Event, Server};

pub(super) struct Log {
    colour: bool,
}

impl Log {
    pub(super) fn new(colour: bool) -> Self {
        Self { colour }
    }

    pub(super) fn event(&self, event: &Event<'_>) -> String {
        match event {
            Event::Request(entry) => self.request(entry),
            Event::TunnelRefused(reason) => self.line(YELLOW, &format!("proxy: {reason}")),
            Event::ConnectionStruck(host) => self.line(YELLOW, &format!("fault: a connection to {host}")),
            Event::TlsFailed(reason) => {
                let hint = "does the client trust ca.pem?";
                self.line(YELLOW, &format!("TLS handshake failed: {reason} ({hint})"))
            }
        }
    }

    fn request(&self, entry: &Entry) -> String {
        // An HTTP date's 18th to 25th characters are the time of day.
        let date = entry.at.http_date();
        let time = date.get(17..25).unwrap_or(&date);
        let colour = match entry.status {
            ..400 => GREEN,
            400..500 => RED,
            _ => YELLOW,
        };
        let line = format!("{time} {} {:<4} {} {}", entry.status, entry.method, entry.host, entry.path);
        let mut text = self.line(colour, &line);
        for refusal in &entry.refusals {
            // Writing to a string cannot fail.
            let _ = writeln!(text, "         refused, {}: {}", refusal.rule, refusal.why);
            let _ = writeln!(text, "         do this: {}", refusal.fix);
        }
        if let Some(fault) = &entry.fault {
            let _ = writeln!(text, "         fault: {fault}");
        }
        text
    }

    fn line(&self, colour: &str, text: &str) -> String {
        if self.colour { format!("{colour}{text}\x1b[0m\n") } else { format!("{text}\n") }
    }
}

const GREEN: &str = "\x1b[32m";
const YELLOW: &str = "\x1b[33m";
const RED: &str = "\x1b[31m";

/// What happened, for the end.
pub(super) fn summary(server: &Server) -> String {
    let counters = server.handle().counters();
    let refusals: Vec<_> = counters.refusals.iter().map(|(rule, count)| format!("{rule} ×{count}")).collect();
    let refusals = if refusals.is_empty() { "none".to_owned() } else { refusals.join(", ") };
    format!(
        "\n{} requests, {} access tokens, {} bearers, {} live session tokens, {} brokerage sessions, {} orders; refusals: {refusals}\n",
        counters.total(),
        counters.tokens,
        counters.bearers,
        counters.live_session_tokens,
        counters.inits,
        counters.orders,
    )
}
