//! Layer 5: the matcher daemon. HTTP and JSON over the same searchers that the command line uses.
//!
//! ```text
//!  TCP, Unix socket                                                 async threads          search threads
//!  ── serve.rs ──► connection ──► app.rs: id, log, count, token ──► handler ── pool.rs ──► answering.rs ──► query
//!      │  header, body, write and                                     │         admits, or 503 at once
//!      │  drain deadlines, connection cap                             ▼
//!  SIGHUP, POST /v1/reload ──► state.rs: Generation n → n+1     Answer | Problem (RFC 9457)
//! ```
//! A request takes one [`Generation`] and keeps it to its end, so no answer mixes two. Nothing searches on the threads that
//! talk to sockets; nothing waits without an end.
//!
//! | file | responsibility |
//! |---|---|
//! | `config.rs` | the configuration: file, defaults, what is refused |
//! | `state.rs` | what is served: generations, reload, who is eligible |
//! | `pool.rs` | threads that search, and admission to them |
//! | `app.rs` | routes, and what every request passes through |
//! | `queries.rs` | routes that search: one, batch, stream, match, vectors, verify |
//! | `answering.rs` | a request as typed → as meant → answered |
//! | `verifying.rs` | a caption and its image → evidence and a verdict |
//! | `given.rs` | what a request brings along: vectors, texts, facts |
//! | `uploads.rs` | forms that bring a file |
//! | `encoding.rs` | vectors of texts and images: models, their threads, what they made of late |
//! | `catalogs.rs` | routes that tell what is served: indexes, splits, samples, images |
//! | `ops.rs` | routes of operation: alive, ready, metrics, reload |
//! | `openapi.rs` | `/openapi.json` and the page made from it |
//! | `dto.rs` | bodies of requests, as typed; which field is at fault |
//! | `bodies.rs` | bodies read within bounds, by lines, written in pieces |
//! | `pages/` | the same in a browser: search, explanations, checks, status |
//! | `problem.rs` | errors as clients see them |
//! | `auth.rs` | tokens |
//! | `images.rs` | images beneath their root |
//! | `metrics.rs` | counters and histograms |
//! | `logs.rs` | the log on stderr |
//! | `serve.rs` | listeners, connections, signals, drain |
//! | `stall.rs` | a connection whose client must read |
//! | `notify.rs` | what the service manager is told |

mod answering;
mod app;
mod auth;
mod bodies;
mod catalogs;
mod config;
mod dto;
mod encoding;
mod given;
mod images;
mod logs;
mod metrics;
mod notify;
mod openapi;
mod ops;
mod pages;
mod pool;
mod problem;
mod queries;
mod serve;
mod stall;
mod state;
mod uploads;
mod verifying;

pub use app::app;
pub use auth::{Access, Token};
pub use config::{Auth, Config, ConfigError, Limits, Log, LogFormat, LogLevel, Served, Timeouts, is_url, parse_listen};
pub use encoding::{Fault, Models};
pub use pool::{Done, Pending, Pool, Ticket};
pub use problem::{Kind, Problem};
pub use serve::{Listeners, ServeError, run, serve};
pub use state::{Generation, OpenError, State};
