//! Sockets and signals: listeners, connections within bounds, reload, drain.
//!
//! ```text
//! SIGTERM, SIGINT ──► not ready ──► no new connections ──► those open finish what they answer ──► exit 0
//!                                                       └─ drain_ms, or a second signal: they are cut off
//! ```

use super::app::{OverTcp, app};
use super::config::Config;
use super::encoding::Models;
use super::logs;
use super::notify::Notify;
use super::stall::Stalling;
use super::state::{OpenError, State};
use crate::turns::take_turns;
use axum::{Extension, Router};
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use std::io;
use std::net::SocketAddr;
use std::os::unix::fs::{FileTypeExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, UnixListener};
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};
use tokio::task::JoinSet;
use tokio::time::{Interval, timeout};

/// Bytes of the headers of one request, and of what is read ahead.
const BUFFER: usize = 64 << 10;
/// Connections beyond the limit that are told so at a time; others are closed without a word.
const TOLD: usize = 32;
/// What they are told.
const FULL: &[u8] = b"HTTP/1.1 503 Service Unavailable\r\ncontent-type: application/problem+json\r\nretry-after: 1\r\n\
connection: close\r\ncontent-length: 135\r\n\r\n\
{\"type\":\"/docs#problem-overloaded\",\"title\":\"Too many requests at once\",\"status\":503,\"detail\":\"as many connections as allowed are open\"}";

/// Why the daemon cannot begin.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    /// What it is told, or an index.
    #[error(transparent)]
    Open(#[from] OpenError),
    /// An address.
    #[error("cannot listen on {at}: {source}")]
    Listen {
        /// The address or the path.
        at: String,
        /// The system's words.
        source: io::Error,
    },
    /// Threads, signals.
    #[error("cannot start: {0}")]
    Start(#[from] io::Error),
}

/// Where requests come in.
#[derive(Debug, Default)]
pub struct Listeners {
    /// TCP.
    pub tcp: Option<TcpListener>,
    /// A Unix socket, and the file to remove at the end.
    pub unix: Option<(UnixListener, PathBuf)>,
}

/// Opens the indexes, listens, and serves until the process is told to stop.
pub fn serve(config: Config, models: Option<Arc<dyn Models>>) -> Result<(), ServeError> {
    logs::begin(config.log);
    let state = State::open(config, models)?;
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(cores.min(4))
        .max_blocking_threads(128)
        .thread_name("serve")
        // Packets and timers wake these at any time; on one core, searches that they interrupted took a third longer.
        .on_thread_start(take_turns)
        .enable_all()
        .build()?;
    // This thread accepts connections. Not before the threads that search are there: they would take after it.
    take_turns();
    let served = runtime.block_on(async {
        let listeners = Listeners::bind(&state.config).await?;
        run(state, listeners).await
    });
    runtime.shutdown_timeout(Duration::from_millis(100));
    served
}

impl Listeners {
    /// As the configuration says.
    pub async fn bind(config: &Config) -> Result<Listeners, ServeError> {
        let mut listeners = Listeners::default();
        if let Some(address) = config.listen {
            let tcp = TcpListener::bind(address).await;
            listeners.tcp = Some(tcp.map_err(|source| ServeError::Listen { at: address.to_string(), source })?);
        }
        if let Some(path) = &config.socket {
            let unix =
                bind_unix(path).map_err(|source| ServeError::Listen { at: path.display().to_string(), source })?;
            listeners.unix = Some((unix, path.clone()));
        }
        Ok(listeners)
    }

    /// The TCP address, with the port that the system chose.
    pub fn address(&self) -> Option<SocketAddr> {
        self.tcp.as_ref()?.local_addr().ok()
    }
}

/// Replaces a socket that nobody listens on any more; anything else that is there stays.
fn bind_unix(path: &Path) -> io::Result<UnixListener> {
    if std::fs::symlink_metadata(path).is_ok_and(|m| m.file_type().is_socket()) {
        match std::os::unix::net::UnixStream::connect(path) {
            Err(e) if e.kind() == io::ErrorKind::ConnectionRefused => std::fs::remove_file(path)?,
            _ => {}
        }
    }
    let listener = UnixListener::bind(path)?;
    // For the daemon's own user and group.
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o660))?;
    Ok(listener)
}

/// The signals that mean "stop".
struct Stops {
    terminate: Signal,
    interrupt: Signal,
}

impl Stops {
    async fn next(&mut self) -> &'static str {
        tokio::select! {
            _ = self.terminate.recv() => "SIGTERM",
            _ = self.interrupt.recv() => "SIGINT",
        }
    }
}

/// Serves until SIGTERM or SIGINT; then drains.
pub async fn run(state: Arc<State>, listeners: Listeners) -> Result<(), ServeError> {
    let mut hangup = signal(SignalKind::hangup())?;
    let mut stops = Stops { terminate: signal(SignalKind::terminate())?, interrupt: signal(SignalKind::interrupt())? };
    let notify = Notify::from_env();
    let mut watchdog = Notify::watchdog().map(tokio::time::interval);
    let (stopping, stop) = watch::channel(false);
    let mut house = House {
        places: Arc::new(Semaphore::new(state.config.limits.connections.min(Semaphore::MAX_PERMITS))),
        told: Arc::new(Semaphore::new(TOLD)),
        connections: JoinSet::new(),
        stop,
        state: Arc::clone(&state),
    };
    let over_unix = app(Arc::clone(&state));
    let over_tcp = over_unix.clone().layer(Extension(OverTcp));
    if let Some(address) = listeners.address() {
        tracing::info!(%address, "listening");
    }
    if let Some((_, path)) = &listeners.unix {
        tracing::info!(socket = %path.display(), "listening");
    }
    notify.ready();
    loop {
        tokio::select! {
            accepted = accept_tcp(listeners.tcp.as_ref()) => match accepted {
                Ok(stream) => {
                    let _ = stream.set_nodelay(true);
                    house.let_in(stream, &over_tcp);
                }
                Err(e) => cannot_accept(&e).await,
            },
            accepted = accept_unix(listeners.unix.as_ref()) => match accepted {
                Ok(stream) => house.let_in(stream, &over_unix),
                Err(e) => cannot_accept(&e).await,
            },
            Some(_) = house.connections.join_next() => {}
            _ = hangup.recv() => {
                notify.reloading();
                let reloading = Arc::clone(&state);
                // Requests go on meanwhile; a stop waits for it.
                match tokio::task::spawn_blocking(move || reloading.reload().map(|g| g.number)).await {
                    Ok(Ok(generation)) => tracing::info!(generation, "reloaded"),
                    Ok(Err(e)) => tracing::error!(error = %e, "reload refused; the indexes opened before are still served"),
                    Err(e) => tracing::error!(error = %e, "reload failed"),
                }
                notify.ready();
            }
            _ = tick(watchdog.as_mut()) => notify.alive(),
            name = stops.next() => {
                tracing::info!(signal = name, "stopping");
                break;
            }
        }
    }
    state.stop();
    notify.stopping();
    if let Some((_, path)) = &listeners.unix {
        let _ = std::fs::remove_file(path);
    }
    drop(listeners);
    let _ = stopping.send(true);
    let limit = state.config.timeouts.drain();
    let drained = async { while house.connections.join_next().await.is_some() {} };
    let in_time = tokio::select! {
        done = timeout(limit, drained) => done.is_ok(),
        _ = stops.next() => false,
    };
    if !in_time {
        tracing::warn!("some connections were cut off");
    }
    house.connections.abort_all();
    tracing::info!("stopped");
    Ok(())
}

async fn accept_tcp(listener: Option<&TcpListener>) -> io::Result<tokio::net::TcpStream> {
    match listener {
        Some(listener) => listener.accept().await.map(|(stream, _)| stream),
        None => std::future::pending().await,
    }
}

async fn accept_unix(listener: Option<&(UnixListener, PathBuf)>) -> io::Result<tokio::net::UnixStream> {
    match listener {
        Some((listener, _)) => listener.accept().await.map(|(stream, _)| stream),
        None => std::future::pending().await,
    }
}

async fn tick(interval: Option<&mut Interval>) {
    match interval {
        Some(interval) => {
            interval.tick().await;
        }
        None => std::future::pending().await,
    }
}

/// Too many open files, mostly: time may bring some back.
async fn cannot_accept(error: &io::Error) {
    tracing::warn!(%error, "cannot accept a connection");
    tokio::time::sleep(Duration::from_millis(50)).await;
}

/// What connections share.
struct House {
    places: Arc<Semaphore>,
    told: Arc<Semaphore>,
    connections: JoinSet<()>,
    stop: watch::Receiver<bool>,
    state: Arc<State>,
}

impl House {
    fn let_in<S: AsyncRead + AsyncWrite + Unpin + Send + 'static>(&mut self, stream: S, app: &Router) {
        let stream = Stalling::new(stream, self.state.config.timeouts.write());
        match Arc::clone(&self.places).try_acquire_owned() {
            Ok(place) => {
                let (app, stop, state) = (app.clone(), self.stop.clone(), Arc::clone(&self.state));
                self.connections.spawn(connection(stream, app, stop, state, place));
            }
            Err(_) => {
                self.state.metrics.refused_connection();
                if let Ok(turn) = Arc::clone(&self.told).try_acquire_owned() {
                    self.connections.spawn(turn_away(stream, turn));
                }
            }
        }
    }
}

async fn connection<S: AsyncRead + AsyncWrite + Unpin + Send + 'static>(
    stream: S,
    app: Router,
    mut stop: watch::Receiver<bool>,
    state: Arc<State>,
    place: OwnedSemaphorePermit,
) {
    let _until_closed = (place, state.metrics.connection());
    let served = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(state.config.timeouts.header())
        .max_buf_size(BUFFER)
        .serve_connection(TokioIo::new(stream), TowerToHyperService::new(app));
    let mut served = pin!(served);
    let ended = tokio::select! {
        ended = served.as_mut() => ended,
        _ = async { stop.wait_for(|stop| *stop).await.is_ok() } => {
            served.as_mut().graceful_shutdown();
            served.await
        }
    };
    if let Err(error) = ended {
        tracing::debug!(%error, "connection");
    }
}

/// Says that the house is full, and waits a moment for the client to read it.
async fn turn_away<S: AsyncRead + AsyncWrite + Unpin>(mut stream: S, turn: OwnedSemaphorePermit) {
    let _until_told = turn;
    let told = async {
        stream.write_all(FULL).await?;
        stream.shutdown().await?;
        // Closed with something unread, the connection would be reset, and the client not see the answer.
        let mut unread = [0; 4096];
        while stream.read(&mut unread).await? > 0 {}
        io::Result::Ok(())
    };
    let _ = timeout(Duration::from_secs(1), told).await;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_words_are_as_long_as_they_say() {
        let text = std::str::from_utf8(FULL).unwrap();
        let (head, body) = text.split_once("\r\n\r\n").unwrap();
        assert!(head.contains(&format!("content-length: {}", body.len())), "{}", body.len());
        serde_json::from_str::<serde_json::Value>(body).unwrap();
    }
}
