//! Numbers for Prometheus. Their labels are few, and none comes from a client.

use std::{fmt, sync::Arc};

use http::StatusCode;
use ibkr_auth_async::Phase;
use prometheus_client::{
    collector::Collector,
    encoding::{DescriptorEncoder, EncodeMetric, text::encode},
    metrics::{MetricType, counter::ConstCounter, gauge::ConstGauge},
    registry::{Registry, Unit},
};
use tokio::time::Instant;

use crate::{
    line::Lines,
    reply::{self, Reply},
    seat::Seat,
};

const OPENMETRICS: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

pub(crate) fn answer(seats: &Arc<[Arc<Seat>]>, lines: &Arc<Lines>) -> Reply {
    let mut registry = Registry::default();
    registry.register_collector(Box::new(Now { seats: Arc::clone(seats), connections: lines.count() }));
    let mut text = String::new();
    match encode(&mut text, &registry) {
        Ok(()) => reply::with_type(StatusCode::OK, OPENMETRICS, text),
        Err(fmt::Error) => reply::error(StatusCode::INTERNAL_SERVER_ERROR, "Internal Server Error"),
    }
}

/// What is counted, as it is now.
struct Now {
    seats: Arc<[Arc<Seat>]>,
    connections: usize,
}

impl fmt::Debug for Now {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Now").finish_non_exhaustive()
    }
}

impl Collector for Now {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> Result<(), fmt::Error> {
        let connections = ConstGauge::new(i64::try_from(self.connections).unwrap_or(i64::MAX));
        connections.encode(encoder.encode_descriptor(
            "ibkr_gateway_connections",
            "Connections of clients",
            None,
            MetricType::Gauge,
        )?)?;
        self.gauges(&mut encoder)?;
        self.requests(&mut encoder)?;
        self.rates(&mut encoder)
    }
}

impl Now {
    fn gauges(&self, encoder: &mut DescriptorEncoder<'_>) -> Result<(), fmt::Error> {
        type Gauge = fn(&Seat) -> i64;
        let gauges: [(&str, &str, Gauge); 4] = [
            ("ibkr_gateway_session_connected", "1 while the session is good", |seat| {
                i64::from(seat.handle.phase() == Phase::Connected)
            }),
            ("ibkr_gateway_session_stopped", "1 once the session has stopped for good", |seat| {
                i64::from(seat.handle.phase() == Phase::Stopped)
            }),
            ("ibkr_gateway_requests_waiting", "Requests that wait for the session", |seat| {
                seat.journal.counts.waiting()
            }),
            ("ibkr_gateway_websockets", "Streams of clients", |seat| seat.journal.counts.streams()),
        ];
        for (name, help, value) in gauges {
            let mut family = encoder.encode_descriptor(name, help, None, MetricType::Gauge)?;
            for seat in self.seats.iter() {
                let labels = [("session", seat.name.as_str())];
                ConstGauge::new(value(seat)).encode(family.encode_family(&labels)?)?;
            }
        }
        Ok(())
    }

    fn requests(&self, encoder: &mut DescriptorEncoder<'_>) -> Result<(), fmt::Error> {
        let mut family = encoder.encode_descriptor(
            "ibkr_gateway_requests",
            "Requests of clients by what became of them",
            None,
            MetricType::Counter,
        )?;
        for seat in self.seats.iter() {
            for (outcome, count) in seat.journal.counts.by_outcome() {
                let labels = [("session", seat.name.as_str()), ("outcome", outcome)];
                ConstCounter::new(count).encode(family.encode_family(&labels)?)?;
            }
        }
        let mut family = encoder.encode_descriptor(
            "ibkr_gateway_last_tickle",
            "How long the last tickle took",
            Some(&Unit::Seconds),
            MetricType::Gauge,
        )?;
        for seat in self.seats.iter() {
            if let Some(last) = seat.ear.tickles().last() {
                let labels = [("session", seat.name.as_str())];
                ConstGauge::new(last.took.as_secs_f64()).encode(family.encode_family(&labels)?)?;
            }
        }
        Ok(())
    }

    fn rates(&self, encoder: &mut DescriptorEncoder<'_>) -> Result<(), fmt::Error> {
        let mut family = encoder.encode_descriptor(
            "ibkr_gateway_limit_used_ratio",
            "How much of a limit of IBKR's is used now, 0 to 1",
            None,
            MetricType::Gauge,
        )?;
        for seat in self.seats.iter() {
            for shown in seat.pace.uses(Instant::now()) {
                let per = format!("{}s", shown.limit.per.as_secs());
                let labels = [("session", seat.name.as_str()), ("limit", shown.name), ("per", per.as_str())];
                let used = shown.used as f64 / shown.limit.requests.max(1) as f64;
                ConstGauge::new(used).encode(family.encode_family(&labels)?)?;
            }
        }
        Ok(())
    }
}
