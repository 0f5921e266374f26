//! The log on stderr: text for people, or one JSON object a line.
//!
//! At `info` there is one event a request: id, method, route, status, time. What was asked, and about whom, is told at
//! `debug` only. Requests that are turned away for want of room are told together, once a second: when there is no room
//! there is no time for writing, either.

use super::config::{Log, LogFormat, LogLevel};
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::{Duration, Instant};
use tracing::Level;

/// How often those who were turned away are told of.
const EVERY: Duration = Duration::from_secs(1);

/// Counts what is told together.
pub(super) struct TurnedAway {
    began: Instant,
    untold: AtomicU64,
    /// When it may be told again, in milliseconds from the beginning.
    due: AtomicU64,
}

impl Default for TurnedAway {
    fn default() -> TurnedAway {
        TurnedAway { began: Instant::now(), untold: AtomicU64::new(0), due: AtomicU64::new(0) }
    }
}

impl TurnedAway {
    /// One more; how many there were since they were last told, when it is time to tell.
    pub fn one_more(&self) -> Option<u64> {
        self.at(self.began.elapsed())
    }

    fn at(&self, now: Duration) -> Option<u64> {
        self.untold.fetch_add(1, Relaxed);
        let (now, due) = (now.as_millis() as u64, self.due.load(Relaxed));
        let next = now + EVERY.as_millis() as u64;
        // Of several at the same time one tells.
        let tells = now >= due && self.due.compare_exchange(due, next, Relaxed, Relaxed).is_ok();
        tells.then(|| self.untold.swap(0, Relaxed))
    }
}

/// From now on. The first call decides, in a process that hosts several daemons.
pub(super) fn begin(log: Log) {
    let level = match log.level {
        LogLevel::Error => Level::ERROR,
        LogLevel::Warn => Level::WARN,
        LogLevel::Info => Level::INFO,
        LogLevel::Debug => Level::DEBUG,
    };
    // A stderr that is gone must not end the daemon.
    let subscriber = tracing_subscriber::fmt()
        .with_writer(std::io::stderr)
        .with_max_level(level)
        .with_target(false)
        .with_ansi(false)
        .log_internal_errors(false);
    let _first = match log.format {
        LogFormat::Text => subscriber.try_init(),
        LogFormat::Json => {
            subscriber.json().flatten_event(true).with_current_span(false).with_span_list(false).try_init()
        }
    };
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_is_told_at_once_and_the_rest_together() {
        let (away, at) = (TurnedAway::default(), Duration::from_millis);
        assert_eq!(away.at(at(5)), Some(1));
        assert_eq!([6, 500, 1004].map(|ms| away.at(at(ms))), [None; 3]);
        assert_eq!(away.at(at(1005)), Some(4));
        assert_eq!(away.at(at(1006)), None);
        assert_eq!(away.at(at(9000)), Some(2));
    }
}
