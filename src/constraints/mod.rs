//! Layer 3: what a candidate must meet. Splits are data: a TOML file names the modalities, the order and the rules.
//!
//! ```text
//! split file ──► Split (typed rules) ──bound to an index──► Bound ──a caption──► Subject
//!                                                             │                    │
//!                    every rule with its values (slow) ◄── eval.rs          Bound::admits (fast: interned ids,
//!                    for reports, explanations, tests                       signatures, bitmaps)
//! ```
//!
//! A rule holds, fails, or is *unknown* (a fact it needs is missing): unknown rejects a candidate, and lets
//! a caption have no pair. The rules and their order: NewsCLIPpings, §3.
//!
//! | file | responsibility |
//! |---|---|
//! | `rule.rs` | rule names, in the order they are tried |
//! | `split.rs` | the split file, the four built-in ones |
//! | `bind.rs` | a split against an index: which matrices, which labels, who is eligible |
//! | `subject.rs` | the query's side, from a row or from outside facts |
//! | `admit.rs` | the fast test of one candidate |
//! | `postings.rs` | candidates from posting lists, where few are possible |
//! | `filter.rs` | the rules that need no vector as conditions on columns, for stores that filter by such |
//! | `eval.rs` | the slow obvious one, with the values behind every verdict |

mod admit;
mod bind;
mod eval;
mod filter;
mod postings;
mod rule;
mod split;
mod subject;

pub use bind::{BindError, Bound};
pub use eval::{Outcome, Verdict};
pub use filter::{Condition, Names, Number};
pub use rule::{Rule, RuleCounts};
pub use split::{Balance, Split, SplitError, builtin, builtin_names};
pub use subject::{Subject, Vectors};
