//! Layer 5: the Python module (`contrib/module`), behind the feature `python`.
//!
//! ```text
//! mispair/ (Python) ── settings as JSON, arrays as buffers ──► index.rs ──► questions.rs ──► query/
//!   dicts, arrays,                                                └───────► part.rs ───────► matcher/, dataset/
//!   frames           ◄── documents as JSON, arrays filled in ────┘
//! ```
//! The native half takes and gives texts and buffers; what is pleasant in Python is written in Python. Nothing is searched
//! for while the interpreter is held: a block of an array is copied into the rows that kernels want, and answered by threads of
//! this module. Documents are those of the command line, by the same code.
//!
//! | file | responsibility |
//! |---|---|
//! | `index.rs` | the class `Index` |
//! | `part.rs` | the class `Part`: one chunk, matched |
//! | `settings.rs` | settings as typed |
//! | `questions.rs` | as meant → answered |
//! | `opened.rs` | an open index, its threads, who is eligible |
//! | `arrays.rs` | arrays in and out |
//! | `errors.rs` | what Python raises |

mod arrays;
mod errors;
mod index;
mod opened;
mod part;
mod questions;
mod settings;

use pyo3::prelude::*;

#[pymodule]
mod _native {
    #[pymodule_export]
    use super::index::Index;
    #[pymodule_export]
    use super::part::Part;
    #[pymodule_export]
    const VERSION: &str = env!("CARGO_PKG_VERSION");
}
