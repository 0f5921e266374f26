//! Layer 5: the command line. Arguments as typed → one file a verb → exit code.
//!
//! stdout is data, stderr is talk. Exit codes: 0 done; 2 bad usage; 1 any other failure, with one line on stderr.
//!
//! | file | responsibility |
//! |---|---|
//! | `args.rs`, `args_models.rs`, `args_export.rs` | the arguments, their help |
//! | `talk.rs` | progress bars and notes on stderr |
//! | `build.rs`, `info.rs`, `embed.rs`, `doctor.rs`, `query.rs`, `matching.rs`, `bench.rs`, `export.rs`, `serve.rs`, `demo.rs` | the verbs |
//! | `models.rs` | what `--model` names: a folder, or a server of embeddings |
//! | `serve_models.rs` | the models that `mispair serve` encodes with |
//! | `parts.rs` | `mispair match --chunk` and `mispair merge`: a dataset made in parts |
//! | `verify/` | `mispair verify` |
//! | `remote.rs` | `mispair query --url`: the same, asked of a daemon |
//! | `http.rs` | a daemon over TCP or a Unix socket |
//! | `eval/` | the verbs of `mispair eval` |
//! | `query_vectors.rs` | what a query brings: vectors of a file, of a text, of an image; facts |
//! | `render.rs` | tables, numbers, texts for people |

mod args;
mod args_export;
mod args_models;
mod bench;
mod build;
mod demo;
mod doctor;
mod embed;
mod eval;
mod export;
mod http;
mod info;
mod matching;
mod models;
mod parts;
mod query;
mod query_vectors;
mod remote;
mod render;
mod serve;
mod serve_models;
mod talk;
mod verify;

pub use args::Args;

use crate::constraints::{Split, builtin, builtin_names};
use crate::index::Index;
use crate::memory;
use crate::publish::abandon_all;
use anyhow::{Context, Result};
use args::Verb;
use clap::CommandFactory;
use serve::ConfigVerb;
use std::io::{self, Write};
use std::path::Path;
use std::process::ExitCode;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use talk::{Bars, say};

/// A daemon runs, which stops by signals of its own accord.
static SERVES: AtomicBool = AtomicBool::new(false);

/// Runs a verb; 130 after Ctrl-C, with nothing half-made left behind.
pub fn run(args: Args) -> ExitCode {
    if let Err(e) = enough_addresses() {
        say(&format!("error: {e}"));
        return ExitCode::from(1);
    }
    // The daemon writes nothing, and has its own way with signals.
    if !matches!(args.verb, Verb::Serve(_)) {
        let stop = ctrlc::set_handler(|| {
            if SERVES.load(Relaxed) {
                return;
            }
            let _nothing_else_begins = abandon_all();
            std::process::exit(130);
        });
        if let Err(e) = stop {
            say(&format!("note: Ctrl-C will not tidy up: {e}"));
        }
    }
    match dispatch(args) {
        Ok(()) => ExitCode::SUCCESS,
        Err(e) if is_broken_pipe(&e) => ExitCode::SUCCESS,
        Err(e) => {
            say(&format!("error: {}", one_line(&e)));
            ExitCode::from(if e.is::<Usage>() { 2 } else { 1 })
        }
    }
}

/// An argument whose fault shows only when it is looked up: exit code 2.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
struct Usage(String);

fn usage(e: impl std::fmt::Display) -> anyhow::Error {
    Usage(e.to_string()).into()
}

fn dispatch(args: Args) -> Result<()> {
    if let Verb::Serve(a) = &args.verb {
        return serve::run(a, args.threads);
    }
    let mut pool = rayon::ThreadPoolBuilder::new();
    if let Some(threads) = args.threads {
        pool = pool.num_threads(usize::from(threads));
    }
    let pool = pool.build().context("cannot start threads")?;
    let talk = Bars::new(args.quiet);
    pool.install(|| match args.verb {
        Verb::Demo(a) => demo::run(&a, &talk),
        Verb::Build(a) => build::run(&a, &talk),
        Verb::Info(a) => info::run(&a),
        Verb::VerifyIndex(a) => info::verify(&a),
        Verb::Embed(a) => embed::run(&a, &talk),
        Verb::Doctor(a) => doctor::run(&a),
        Verb::Query(a) => query::run(&a),
        Verb::Match(a) => matching::run(&a, &talk),
        Verb::Merge(a) => parts::merge(&a, &talk),
        Verb::Bench(a) => bench::run(&a, &talk),
        Verb::Export(a) => export::run(&a, &talk),
        Verb::Verify(a) => verify::run(&a, &talk),
        Verb::Eval(a) => eval::run(&a, &talk),
        Verb::Serve(a) => serve::run(&a, args.threads),
        Verb::Config { verb: ConfigVerb::Print(a) } => serve::print(&a, args.threads),
        Verb::Splits(a) => splits(&a),
        Verb::Newsroom(a) => build::newsroom(&a, &talk),
        Verb::Completions { shell } => {
            // Into memory first: the generator panics where a pipe breaks.
            let mut script = Vec::new();
            clap_complete::generate(shell, &mut Args::command(), "mispair", &mut script);
            Ok(io::stdout().write_all(&script)?)
        }
    })
}

fn splits(args: &args::Splits) -> Result<()> {
    let names = match &args.name {
        Some(name) => vec![name.as_str()],
        None => builtin_names(),
    };
    let mut out = io::stdout().lock();
    for (i, name) in names.into_iter().enumerate() {
        Split::builtin(name).map_err(usage)?;
        let text = builtin(name).unwrap_or_default();
        write!(out, "{}{text}", if i > 0 { "\n" } else { "" })?;
    }
    Ok(())
}

/// A built-in split, or a split file.
fn split_named(name: &str) -> Result<Split> {
    let path = Path::new(name);
    let is_file = name.ends_with(".toml") || name.contains('/');
    if !is_file {
        return Split::builtin(name).map_err(usage);
    }
    let text = std::fs::read_to_string(path).with_context(|| name.to_owned())?;
    Ok(Split::parse(name, &text)?)
}

/// The command as typed, wherever the program lies.
fn command() -> String {
    let typed = std::env::args_os().skip(1).map(|a| a.to_string_lossy().into_owned());
    std::iter::once("mispair".to_owned()).chain(typed).collect::<Vec<_>>().join(" ")
}

fn open(path: &Path) -> Result<Index> {
    let index = Index::open(path)?;
    enough_addresses()?;
    Ok(index)
}

/// What threads and a verb's heap need of addresses at the least, beside the files that it maps.
const ADDRESSES: u64 = 256 << 20;

/// Where addresses are limited, running out of them would end the process in the middle of its work: better not begun.
fn enough_addresses() -> Result<()> {
    match memory::addresses() {
        Some(room) if room.bytes < ADDRESSES => anyhow::bail!(
            "{} {}, at least {} are needed; raise it (`ulimit -v`)",
            render::bytes(room.bytes),
            room.by,
            render::bytes(ADDRESSES)
        ),
        _ => Ok(()),
    }
}

/// An error and its causes on one line: what the text before quotes already is not said again, and of the excerpts
/// that the TOML reader draws (`3 | colour = 1`, `  | ^^^^^^`) only the words are kept.
fn one_line(e: &anyhow::Error) -> String {
    let is_excerpt = |line: &str| line.trim_start_matches(|c: char| c == ' ' || c.is_ascii_digit()).starts_with('|');
    let mut text = String::new();
    for cause in e.chain().map(|c| c.to_string()) {
        for line in cause.lines().filter(|l| !is_excerpt(l)) {
            let line: String = line.trim().chars().filter(|c| !c.is_control()).collect();
            if !text.contains(&line) {
                text.push_str(if text.is_empty() { "" } else { ": " });
                text.push_str(&line);
            }
        }
    }
    // ENOENT: nothing else can be done about a name.
    if text.ends_with("(os error 2)") {
        text.push_str("; check the path");
    }
    // ENOSPC and EDQUOT, whatever layers the system's words came through.
    if text.contains("(os error 28)") || text.contains("(os error 122)") {
        text.push_str("; nothing was left behind: free some space there, or write to another disk");
    }
    text
}

fn is_broken_pipe(e: &anyhow::Error) -> bool {
    e.chain().any(|c| {
        let io = c.downcast_ref::<io::Error>().map(io::Error::kind);
        let json = c.downcast_ref::<serde_json::Error>().and_then(serde_json::Error::io_error_kind);
        io.or(json) == Some(io::ErrorKind::BrokenPipe)
    })
}

/// Rules from `--waive`, checked.
fn waive(split: &mut Split, rules: &[crate::constraints::Rule]) -> Result<()> {
    for &rule in rules {
        if !rule.can_be_waived() {
            return Err(usage(format!("--waive {rule}: a pair without it makes no sense; it cannot be waived")));
        }
        split.waive.insert(rule);
    }
    Ok(())
}
