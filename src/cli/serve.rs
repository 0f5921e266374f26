//! `mispair serve` and `mispair config print`.

use super::{serve_models, usage};
use crate::daemon::{
    self, Config, ConfigError, LogFormat, LogLevel, OpenError, ServeError, Served, State, Token, parse_listen,
};
use anyhow::{Context, Result};
use clap::{Args as ClapArgs, Subcommand, ValueEnum};
use std::env;
use std::io::{self, Write};
use std::path::PathBuf;

/// `mispair serve`
#[derive(Debug, ClapArgs)]
#[command(after_help = "\
Examples:
  mispair serve indexes/news
  mispair serve indexes/news --images /srv/photos --socket /run/mispair/mispair.sock
  mispair serve indexes/news --model clip-vit-base-patch32         captions and images are encoded here
  mispair serve --config serve.toml
  curl -s localhost:7400/v1/query -H 'Content-Type: application/json' \\
       -d '{\"split\": \"semantics_clip_text_text\", \"id\": 42}'

http://127.0.0.1:7400/docs describes every route. A flag counts more than its MISPAIR_… variable, and that more than the file;
`mispair config print` shows what comes of them. Tokens come from files (--read-token-file, --admin-token-file) or from
MISPAIR_READ_TOKEN and MISPAIR_ADMIN_TOKEN. SIGHUP opens the indexes again; SIGTERM and SIGINT finish what is in flight, then
end the daemon with exit code 0.")]
pub struct Serve {
    /// Indexes, beside those of the configuration file; requests call each by its folder's name.
    #[arg(value_name = "INDEX")]
    pub indexes: Vec<PathBuf>,
    /// A configuration file (TOML); `mispair config print` shows every setting.
    #[arg(long, value_name = "FILE", env = "MISPAIR_CONFIG")]
    pub config: Option<PathBuf>,
    /// The TCP address (default: 127.0.0.1:7400), or "off".
    #[arg(long, value_name = "IP:PORT", env = "MISPAIR_LISTEN")]
    pub listen: Option<String>,
    /// Listen on a Unix socket, too.
    #[arg(long, value_name = "PATH", env = "MISPAIR_SOCKET")]
    pub socket: Option<PathBuf>,
    /// The folder beneath which the image paths of the one INDEX lie. Without it no image is served.
    #[arg(long, value_name = "DIR", env = "MISPAIR_IMAGES")]
    pub images: Option<PathBuf>,
    /// A split file to serve beside the built-in splits; may be repeated.
    #[arg(long, value_name = "FILE")]
    pub split: Vec<PathBuf>,
    /// A model's folder, or a server of embeddings (http://HOST:PORT/v1#NAME), so that captions and images can be searched for; may be repeated. For each modality of an index the one
    /// that made its vectors is taken; where the index names none, the one of its width, and the log says so.
    #[arg(long, value_name = "DIR|URL", env = "MISPAIR_MODEL")]
    pub model: Vec<PathBuf>,
    /// The file of the token for asking.
    #[arg(long, value_name = "FILE", env = "MISPAIR_READ_TOKEN_FILE")]
    pub read_token_file: Option<PathBuf>,
    /// The file of the token for asking and for reloading.
    #[arg(long, value_name = "FILE", env = "MISPAIR_ADMIN_TOKEN_FILE")]
    pub admin_token_file: Option<PathBuf>,
    /// Serve an address that other machines reach without a token.
    #[arg(long)]
    pub allow_unauthenticated: bool,
    /// Requests that may wait for a search thread; the next is turned away with 503.
    #[arg(long, value_name = "N", env = "MISPAIR_QUEUE")]
    pub queue: Option<usize>,
    /// Milliseconds that a query may take; then 504.
    #[arg(long, value_name = "MS", env = "MISPAIR_TIMEOUT_MS", value_parser = clap::value_parser!(u64).range(1..))]
    pub timeout_ms: Option<u64>,
    /// How the log on stderr is written.
    #[arg(long, value_name = "FORMAT", env = "MISPAIR_LOG_FORMAT")]
    pub log_format: Option<LogFormatArg>,
    /// The least important events in the log. What was asked, and about whom, is told at debug only.
    #[arg(long, value_name = "LEVEL", env = "MISPAIR_LOG_LEVEL")]
    pub log_level: Option<LogLevelArg>,
}

/// Text or JSON.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum LogFormatArg {
    /// For people.
    Text,
    /// One object a line.
    Json,
}

/// How important an event is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum LogLevelArg {
    /// The daemon cannot do its work.
    Error,
    /// Something is wrong; the daemon goes on.
    Warn,
    /// One event a request.
    Info,
    /// What was asked, too.
    Debug,
}

/// `mispair config`
#[derive(Debug, Subcommand)]
pub enum ConfigVerb {
    /// Print the configuration that `mispair serve` would run with, as TOML; tokens are hidden
    Print(Serve),
}

/// Serves until the process is told to stop. The daemon makes its own threads.
pub(super) fn run(args: &Serve, threads: Option<u16>) -> Result<()> {
    let config = effective(args, threads)?;
    let models = serve_models::open(&config.models, config.timeouts.request())?;
    daemon::serve(config, models).map_err(|e| match e {
        ServeError::Open(OpenError::Config(e)) => misused(e),
        other => other.into(),
    })
}

pub(super) fn print(args: &Serve, threads: Option<u16>) -> Result<()> {
    let mut config = effective(args, threads)?;
    config.check().map_err(misused)?;
    Ok(write!(io::stdout(), "{}", config.to_toml())?)
}

/// Would a daemon with this file start? Indexes are opened, splits and tokens read, and forgotten again.
pub(super) fn checked(path: &std::path::Path) -> Result<String> {
    let text = std::fs::read_to_string(path).with_context(|| path.display().to_string())?;
    let config = Config::parse(path, &text)?;
    let state = State::open(config, None)?;
    let (indexes, splits) = (state.generation().served.len(), state.config.splits.len());
    Ok(format!("{}: {indexes} indexes, {splits} splits of its own", path.display()))
}

/// The file, then the environment, then flags (clap puts the latter two in order).
fn effective(args: &Serve, threads: Option<u16>) -> Result<Config> {
    let mut config = match &args.config {
        Some(path) => {
            let text = std::fs::read_to_string(path).with_context(|| path.display().to_string())?;
            Config::parse(path, &text)?
        }
        None => Config::default(),
    };
    if let Some(listen) = &args.listen {
        config.listen = parse_listen(listen).map_err(|e| usage(format!("--listen {e}")))?;
    }
    if args.images.is_some() && args.indexes.len() != 1 {
        return Err(usage(
            "--images belongs to the one INDEX on the command line; for several, give [[index]] tables in a file",
        ));
    }
    let named = |path: &PathBuf| Served { name: String::new(), path: path.clone(), images: args.images.clone() };
    config.indexes.extend(args.indexes.iter().map(named));
    config.splits.extend(args.split.iter().cloned());
    config.models.extend(args.model.iter().cloned());
    let set = |to: &mut Option<PathBuf>, from: &Option<PathBuf>| {
        if from.is_some() {
            to.clone_from(from);
        }
    };
    set(&mut config.socket, &args.socket);
    set(&mut config.auth.read_token_file, &args.read_token_file);
    set(&mut config.auth.admin_token_file, &args.admin_token_file);
    config.auth.allow_unauthenticated |= args.allow_unauthenticated;
    for (name, token) in
        [("MISPAIR_READ_TOKEN", &mut config.auth.read_token), ("MISPAIR_ADMIN_TOKEN", &mut config.auth.admin_token)]
    {
        if let Some(text) = env::var_os(name) {
            *token = Some(Token::new(&text.to_string_lossy(), name).map_err(misused)?);
        }
    }
    if let Some(threads) = threads {
        config.limits.threads = usize::from(threads);
    }
    if let Some(queue) = args.queue {
        config.limits.queue = queue;
    }
    if let Some(ms) = args.timeout_ms {
        config.timeouts.request_ms = ms;
    }
    if let Some(format) = args.log_format {
        config.log.format = match format {
            LogFormatArg::Text => LogFormat::Text,
            LogFormatArg::Json => LogFormat::Json,
        };
    }
    if let Some(level) = args.log_level {
        config.log.level = match level {
            LogLevelArg::Error => LogLevel::Error,
            LogLevelArg::Warn => LogLevel::Warn,
            LogLevelArg::Info => LogLevel::Info,
            LogLevelArg::Debug => LogLevel::Debug,
        };
    }
    Ok(config)
}

/// A file that is wrong is a failure (1); everything else is bad usage (2).
fn misused(e: ConfigError) -> anyhow::Error {
    match e {
        ConfigError::File { .. } | ConfigError::Token { .. } => e.into(),
        other => usage(other),
    }
}
