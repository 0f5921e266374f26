//! The log on stderr: text for people, or one JSON object a line.
//!
//! At `info` there is one event a request: id, method, route, status, time. What was asked, and about whom, is told at
//! `debug` only.

use super::config::{Log, LogFormat, LogLevel};
use tracing::Level;

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
