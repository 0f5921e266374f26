//! What requests look at: one generation of opened indexes, exchanged whole.
//!
//! ```text
//! reload ──► Generation n+1 opened, warmed ──► ArcSwap ──► requests from now on
//!                 │ refused: n stays                └─ n is dropped by the last request that began with it
//! ```

use super::auth::Tokens;
use super::config::{self, Config, ConfigError};
use super::encoding::{Encoding, Models};
use super::images::ImageRoot;
use super::logs::TurnedAway;
use super::metrics::Metrics;
use super::pages::Sessions;
use super::pool::Pool;
use super::problem::{Kind, Problem};
use crate::constraints::{BindError, Bound, Split, SplitError, builtin_names};
use crate::evidence::Captions;
use crate::index::{self, Index};
use crate::query::{Eligibility, Searcher};
use crate::report::describe;
use arc_swap::ArcSwap;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use tokio::sync::Semaphore;

/// Splits with their waivers whose eligible samples are kept: enough for every split and some waivers of each. A set takes
/// a bit a sample and partition.
const KEPT: usize = 64;

/// Images that are sent at a time: each keeps a thread that reads the disk.
const IMAGES: usize = 64;

/// The daemon.
pub struct State {
    /// What it is told.
    pub config: Config,
    /// The threads that search.
    pub pool: Pool,
    pub(super) metrics: Metrics,
    pub(super) turned_away: TurnedAway,
    pub(super) tokens: Tokens,
    /// Browsers that showed a token.
    pub(super) sessions: Sessions,
    pub(super) encoding: Option<Arc<Encoding>>,
    /// Kilobytes of bodies that may be in memory at a time.
    pub(super) bodies: Arc<Semaphore>,
    /// How many images may be sent at a time.
    pub(super) images: Arc<Semaphore>,
    generation: ArcSwap<Generation>,
    reloading: Mutex<()>,
    stopping: AtomicBool,
}

/// The indexes as they were opened at one time.
pub struct Generation {
    /// 1 is the first.
    pub number: u64,
    /// In the order of the configuration; at least one.
    pub served: Vec<Served>,
    /// The splits that can be asked for: the built-in ones, then those of files.
    pub splits: Vec<Split>,
}

/// One index, open.
pub struct Served {
    /// What requests call it.
    pub name: String,
    /// The index.
    pub index: Index,
    /// Where its images are.
    pub(super) images: Option<ImageRoot>,
    /// What it holds, as `/v1/indexes` tells it.
    pub description: serde_json::Value,
    /// The most recently used last.
    eligible: Mutex<Vec<Arc<Eligibility>>>,
    captions: OnceLock<Captions>,
}

/// Why the daemon cannot begin, or not take up the new indexes.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The configuration.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// An index.
    #[error(transparent)]
    Index(#[from] index::Error),
    /// A split file.
    #[error(transparent)]
    Split(#[from] SplitError),
    /// A file or a folder.
    #[error("{}: {source}", path.display())]
    Io {
        /// Which.
        path: PathBuf,
        /// The system's words.
        source: std::io::Error,
    },
    /// Threads.
    #[error("cannot start threads: {0}")]
    Threads(#[from] rayon::ThreadPoolBuildError),
}

impl State {
    /// Opens everything that the configuration names, but for its models: those are opened by whoever calls.
    pub fn open(mut config: Config, models: Option<Arc<dyn Models>>) -> Result<Arc<State>, OpenError> {
        config.check()?;
        let generation = Generation::open(&config, 1)?;
        let limits = config.limits;
        let encoding = models.map(|models| {
            generation.doubt(models.as_ref());
            Encoding::new(models, limits.encode_threads, limits.encode_queue, limits.encodings).map(Arc::new)
        });
        let tokens = Tokens { read: config.auth.read_token.clone(), admin: config.auth.admin_token.clone() };
        Ok(Arc::new(State {
            pool: Pool::new("search", config.limits.threads, config.limits.queue)?,
            metrics: Metrics::default(),
            turned_away: TurnedAway::default(),
            tokens,
            sessions: Sessions::default(),
            encoding: encoding.transpose()?,
            bodies: Arc::new(Semaphore::new(config.limits.bodies_bytes.div_ceil(1024).min(Semaphore::MAX_PERMITS))),
            images: Arc::new(Semaphore::new(IMAGES)),
            generation: ArcSwap::from_pointee(generation),
            reloading: Mutex::new(()),
            stopping: AtomicBool::new(false),
            config,
        }))
    }

    /// The generation of now. A request takes it once and keeps it to its end.
    pub fn generation(&self) -> Arc<Generation> {
        self.generation.load_full()
    }

    /// Opens the index folders and split files again. If one is refused, nothing changes.
    pub fn reload(&self) -> Result<Arc<Generation>, OpenError> {
        let _one_at_a_time = self.reloading.lock().unwrap_or_else(PoisonError::into_inner);
        let next = Generation::open(&self.config, self.generation().number + 1);
        self.metrics.reloaded(next.is_ok());
        let next = Arc::new(next?);
        if let Some(encoding) = &self.encoding {
            next.doubt(encoding.models.as_ref());
        }
        self.generation.store(Arc::clone(&next));
        Ok(next)
    }

    /// Says to whoever asks that no more requests are wanted.
    pub fn stop(&self) {
        self.stopping.store(true, Relaxed);
    }

    /// Is the daemon about to stop?
    pub fn is_stopping(&self) -> bool {
        self.stopping.load(Relaxed)
    }
}

impl Generation {
    fn open(config: &Config, number: u64) -> Result<Generation, OpenError> {
        let mut splits = Vec::new();
        for name in builtin_names() {
            splits.push(Split::builtin(name)?);
        }
        for path in &config.splits {
            let text = std::fs::read_to_string(path).map_err(|source| OpenError::Io { path: path.clone(), source })?;
            let split = Split::parse(&path.display().to_string(), &text)?;
            if splits.iter().any(|s| s.name == split.name) {
                let what = format!("a split is called {:?} already; change `name`", split.name);
                return Err(SplitError::Bad { file: path.display().to_string(), what }.into());
            }
            splits.push(split);
        }
        let served = config.indexes.iter().map(|index| Served::open(index, &splits)).collect::<Result<_, _>>()?;
        Ok(Generation { number, served, splits })
    }

    /// Tells of what the models may not be right for.
    fn doubt(&self, models: &dyn Models) {
        for served in &self.served {
            for doubt in models.doubts(&served.index) {
                tracing::warn!(index = served.name, "{doubt}");
            }
        }
    }

    /// The index that a request names; it may name none where there is one.
    pub fn served(&self, name: Option<&str>) -> Result<&Served, Problem> {
        let names = || self.served.iter().map(|s| s.name.as_str()).collect::<Vec<_>>().join(", ");
        match (name, self.served.as_slice()) {
            (None, [only]) => Ok(only),
            (None, _) => Err(Problem::invalid("index", format!("several indexes are served, name one of {}", names()))),
            (Some(name), all) => all.iter().find(|s| s.name == name).ok_or_else(|| {
                Problem::invalid("index", format!("no index is called {name:?}; there are {}", names()))
            }),
        }
    }

    /// A split by its name.
    pub fn split(&self, name: &str) -> Result<&Split, Problem> {
        self.splits.iter().find(|s| s.name == name).ok_or_else(|| {
            let names: Vec<_> = self.splits.iter().map(|s| s.name.as_str()).collect();
            Problem::invalid("split", format!("no split is called {name:?}; there are {}", names.join(", ")))
        })
    }
}

impl Served {
    fn open(config: &config::Served, splits: &[Split]) -> Result<Served, OpenError> {
        let images = match &config.images {
            Some(path) => Some(ImageRoot::open(path).map_err(|source| OpenError::Io { path: path.clone(), source })?),
            None => None,
        };
        let index = Index::open(&config.path)?;
        let served = Served {
            name: config.name.clone(),
            description: describe(&index),
            index,
            images,
            eligible: Mutex::default(),
            captions: OnceLock::new(),
        };
        // So that no request waits for it. A split that does not fit the index says so when it is asked for.
        splits.iter().filter_map(|split| served.searcher(split.clone()).ok()).for_each(|s| s.prepare());
        Ok(served)
    }

    /// A searcher that shares what earlier ones found out about who is eligible.
    pub fn searcher(&self, split: Split) -> Result<Searcher<'_>, BindError> {
        let bound = Bound::new(&self.index, split)?;
        let eligible = self.eligibility(&bound);
        Ok(Searcher::sharing(bound, &eligible))
    }

    /// Its captions by what they say: read by the first who verifies, about a second for a million.
    pub(super) fn captions(&self) -> &Captions {
        self.captions.get_or_init(|| Captions::of(&self.index.catalog))
    }

    fn eligibility(&self, bound: &Bound<'_>) -> Arc<Eligibility> {
        let mut kept = self.eligible.lock().unwrap_or_else(PoisonError::into_inner);
        let found = match kept.iter().rposition(|e| e.is_of(bound)) {
            Some(at) => kept.remove(at),
            None => Arc::new(Eligibility::new(bound)),
        };
        kept.push(Arc::clone(&found));
        if kept.len() > KEPT {
            kept.remove(0);
        }
        found
    }
}

impl From<OpenError> for Problem {
    fn from(e: OpenError) -> Problem {
        Problem::new(Kind::ReloadFailed, format!("{e}; the indexes opened before are still served"))
    }
}
