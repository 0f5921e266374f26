//! How long each step of a query took.

use std::time::{Duration, Instant};

/// A step.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    /// What the caption itself fails or lacks.
    Plan,
    /// Who is eligible.
    Filter,
    /// The walk or the scan, constraints tested on the way.
    Search,
    /// CTI of what was found.
    Score,
    /// Captions and paths of what was found.
    Hydrate,
    /// Every candidate of the pool tested, for an explanation.
    Explain,
}

impl Step {
    /// Every step, in order.
    pub const ALL: [Step; 6] = [Step::Plan, Step::Filter, Step::Search, Step::Score, Step::Hydrate, Step::Explain];

    /// In reports.
    pub fn name(self) -> &'static str {
        match self {
            Step::Plan => "plan",
            Step::Filter => "filter",
            Step::Search => "search",
            Step::Score => "score",
            Step::Hydrate => "hydrate",
            Step::Explain => "explain",
        }
    }
}

/// The steps of one query; zero where one was not taken.
#[derive(Debug, Clone, Copy)]
pub struct Steps {
    took: [Duration; Step::ALL.len()],
    last: Instant,
}

impl Steps {
    /// No step was taken here.
    pub(super) fn none() -> Steps {
        Steps { took: Default::default(), last: Instant::now() }
    }

    pub(super) fn since(start: Instant, first: Step) -> Steps {
        let mut steps = Steps { took: Default::default(), last: start };
        steps.ends(first);
        steps
    }

    /// Now.
    pub(super) fn ends(&mut self, step: Step) {
        let now = Instant::now();
        self.took[step as usize] = now - self.last;
        self.last = now;
    }

    pub(super) fn took(&mut self, step: Step, time: Duration) {
        self.took[step as usize] = time;
    }

    /// Of each of `n` queries that were answered together.
    pub(super) fn shared_by(mut self, n: usize) -> Steps {
        self.took.iter_mut().for_each(|t| *t /= n.max(1) as u32);
        self
    }

    /// How long a step took.
    pub fn of(&self, step: Step) -> Duration {
        self.took[step as usize]
    }
}
