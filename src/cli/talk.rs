//! Progress bars and notes on stderr.

use crate::import::Talk;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use std::io::{self, Write};
use std::time::Duration;

/// One line on stderr. That nobody reads it any more is no reason to fail.
pub(super) fn say(text: &str) {
    let _ = writeln!(io::stderr(), "{text}");
}

/// Bars on a terminal; on a pipe, notes only; with `--quiet`, nothing.
pub(super) struct Bars {
    bar: ProgressBar,
    quiet: bool,
}

impl Bars {
    pub fn new(quiet: bool) -> Bars {
        let bar = ProgressBar::with_draw_target(
            Some(0),
            if quiet { ProgressDrawTarget::hidden() } else { ProgressDrawTarget::stderr_with_hz(8) },
        );
        Bars { bar, quiet }
    }

    /// Removes the bar.
    pub fn clear(&self) {
        self.bar.finish_and_clear();
    }
}

impl Talk for Bars {
    fn begin(&self, what: &str, total: u64) {
        let template = if total > 0 {
            "{msg:<24} {wide_bar:.cyan/blue} {percent:>3}% {elapsed_precise} (ETA {eta})"
        } else {
            "{msg:<24} {spinner} {human_pos} {elapsed_precise}"
        };
        if let Ok(style) = ProgressStyle::with_template(template) {
            self.bar.set_style(style);
        }
        self.bar.reset();
        self.bar.set_length(total);
        self.bar.set_message(what.to_owned());
        self.bar.enable_steady_tick(Duration::from_millis(200));
    }

    fn advance(&self, by: u64) {
        self.bar.inc(by);
    }

    fn note(&self, text: &str) {
        if !self.quiet {
            self.bar.suspend(|| say(text));
        }
    }
}
