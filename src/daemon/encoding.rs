//! Vectors of texts and images: models, threads of their own, and what they made of late.
//!
//! ```text
//! search thread: a text is asked for ──► kept, or made for this request? ──► answer
//!                                              │ neither
//!                                              ▼ Halt::Encode
//!        async: encode threads, few, with few places to wait ──► kept ──► the job again, from its beginning
//! ```
//! So no search waits behind a model, and neither runs on the threads that talk to sockets.

use super::pool::{Done, Pool, Ticket};
use super::problem::{Kind, Problem};
use super::queries::awaited;
use super::state::{Generation, State};
use crate::index::Index;
use axum::body::Bytes;
use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};
use tokio::time::timeout_at;

/// Bytes of a text that is encoded: many times what models read of one.
const LONGEST: usize = 16 << 10;
/// Bytes of a text whose vector is kept.
const KEPT_TEXT: usize = 1 << 10;
/// Requests to models of other programs that are under way at a time, at least.
const FAR: usize = 4;

/// Models that make vectors of texts and images. Where a daemon has them, requests may give `text` instead of a vector.
pub trait Models: Send + Sync {
    /// The model whose vectors belong beside the rows of this modality, as a number; or why there is none.
    fn of(&self, index: &Index, modality: &str) -> Result<usize, String>;

    /// A text's vector.
    fn text(&self, model: usize, text: &str) -> Result<Vec<f32>, Fault>;

    /// The vector of an image, by the bytes of its file.
    fn image(&self, model: usize, file: &[u8]) -> Result<Vec<f32>, Fault>;

    /// Does another program run the model, so that whoever asks it only waits?
    fn waits(&self, _: usize) -> bool {
        false
    }

    /// Does the model make vectors of images, too?
    fn sees(&self, model: usize) -> bool;

    /// What is wrong, or cannot be known, about these models beside this index: told in the log when it is opened.
    fn doubts(&self, _: &Index) -> Vec<String> {
        Vec::new()
    }
}

/// Why there is no vector.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fault {
    /// The text or the image is at fault: what is wrong, for whoever sent it.
    Asked(String),
    /// The model is, or whoever runs it: for the log.
    Model(String),
}

impl From<String> for Fault {
    fn from(why: String) -> Fault {
        Fault::Asked(why)
    }
}

/// What a model makes a vector of.
#[derive(Clone, PartialEq, Eq)]
pub(super) enum Source {
    Text(Arc<str>),
    Image(Bytes),
}

/// A vector that a request needs.
#[derive(Clone)]
pub(super) struct Want {
    model: usize,
    source: Source,
}

/// Vectors that were made for one request.
#[derive(Clone, Default)]
pub(super) struct Made(Vec<Vector>);

impl std::fmt::Debug for Made {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} vectors", self.0.len())
    }
}

/// Why a job ends without an answer.
pub(super) enum Halt {
    /// There is none.
    Problem(Problem),
    /// These have to be encoded first.
    Encode(Vec<Want>),
}

impl From<Problem> for Halt {
    fn from(problem: Problem) -> Halt {
        Halt::Problem(problem)
    }
}

impl Halt {
    /// Both of two: what has to be encoded for either is encoded together.
    pub fn and(self, other: Halt) -> Halt {
        match (self, other) {
            (Halt::Problem(problem), _) | (_, Halt::Problem(problem)) => Halt::Problem(problem),
            (Halt::Encode(mut wants), Halt::Encode(others)) => {
                wants.extend(others);
                Halt::Encode(wants)
            }
        }
    }

    /// Of a job that asks for no text.
    pub fn problem(self) -> Problem {
        match self {
            Halt::Problem(problem) => problem,
            Halt::Encode(_) => Problem::new(Kind::Internal, "a text was not encoded"),
        }
    }
}

/// The models of a daemon at work.
pub(super) struct Encoding {
    pub models: Arc<dyn Models>,
    pub pool: Pool,
    /// For models that other programs run: nobody's own model waits for theirs.
    pub far: Pool,
    kept: Mutex<Kept>,
    /// Vectors made, and vectors that were still there.
    pub made: AtomicU64,
    pub found: AtomicU64,
}

impl Encoding {
    /// `threads` of them, `queue` places to wait for one, `most` vectors of texts that are kept.
    pub fn new(
        models: Arc<dyn Models>,
        threads: usize,
        queue: usize,
        most: usize,
    ) -> Result<Encoding, rayon::ThreadPoolBuildError> {
        let pool = Pool::new("encode", threads, queue)?;
        let far = Pool::new("encode-far", threads.max(FAR), queue)?;
        Ok(Encoding { models, pool, far, kept: Mutex::new(Kept::new(most)), made: 0.into(), found: 0.into() })
    }

    /// Vectors of one text or image in the spaces of several modalities, in their order. Where any has still to be made, all
    /// such are asked for at once.
    pub fn vectors(
        &self,
        index: &Index,
        modalities: &[&str],
        source: &Source,
        made: &Made,
    ) -> Result<Vec<Vec<f32>>, Halt> {
        if let Source::Text(text) = source
            && text.len() > LONGEST
        {
            let what = format!("{} bytes of text; at most {LONGEST} are encoded", text.len());
            return Err(Problem::invalid("text", what).into());
        }
        let (mut vectors, mut wants): (Vec<Vec<f32>>, Vec<Want>) = (Vec::new(), Vec::new());
        for modality in modalities {
            let model = self.models.of(index, modality).map_err(|why| Problem::invalid(source.field(), why))?;
            let want = Want { model, source: source.clone() };
            let own = made.0.iter().find(|m| m.0.model == model && m.0.source == *source).map(|m| Arc::clone(&m.1));
            match own.or_else(|| self.kept(&want)) {
                Some(vector) => vectors.push(vector.to_vec()),
                None if wants.iter().any(|w| w.model == model) => {}
                None => wants.push(want),
            }
        }
        if wants.is_empty() { Ok(vectors) } else { Err(Halt::Encode(wants)) }
    }

    fn kept(&self, want: &Want) -> Option<Arc<[f32]>> {
        let Source::Text(text) = &want.source else { return None };
        let found = self.kept.lock().unwrap_or_else(PoisonError::into_inner).get(want.model, text);
        self.found.fetch_add(u64::from(found.is_some()), Relaxed);
        found
    }

    fn make(&self, want: Want) -> Result<Vector, Problem> {
        let vector = match &want.source {
            Source::Text(text) => self.models.text(want.model, text),
            Source::Image(file) => self.models.image(want.model, file),
        };
        let vector: Arc<[f32]> = vector
            .map_err(|fault| match fault {
                Fault::Asked(why) => Problem::invalid(want.source.field(), why),
                Fault::Model(why) => {
                    tracing::warn!(why, "a model gave no vector");
                    Problem::new(
                        Kind::ModelFailed,
                        "the model that makes vectors gives none now; the daemon's log says why",
                    )
                }
            })?
            .into();
        self.made.fetch_add(1, Relaxed);
        if let Source::Text(text) = &want.source
            && text.len() <= KEPT_TEXT
        {
            self.kept.lock().unwrap_or_else(PoisonError::into_inner).put(want.model, text, &vector);
        }
        Ok((want, vector))
    }
}

impl Source {
    /// The field of a request that brings it.
    pub fn field(&self) -> &'static str {
        match self {
            Source::Text(_) => "text",
            Source::Image(_) => "image",
        }
    }
}

/// A model's number and a text.
type Key = (usize, Arc<str>);

/// The vectors used last, so many of them.
struct Kept {
    most: usize,
    /// Counts uses.
    now: u64,
    /// When each was used last, and the vector.
    vectors: HashMap<Key, (u64, Arc<[f32]>)>,
}

impl Kept {
    fn new(most: usize) -> Kept {
        Kept { most, now: 0, vectors: HashMap::new() }
    }

    fn get(&mut self, model: usize, text: &Arc<str>) -> Option<Arc<[f32]>> {
        self.now += 1;
        let (used, vector) = self.vectors.get_mut(&(model, Arc::clone(text)))?;
        *used = self.now;
        Some(Arc::clone(vector))
    }

    /// Beside the time that a model takes, looking for the oldest is nothing.
    fn put(&mut self, model: usize, text: &Arc<str>, vector: &Arc<[f32]>) {
        self.now += 1;
        if self.most == 0 {
            return;
        }
        if self.vectors.len() >= self.most
            && let Some(oldest) = self.vectors.iter().min_by_key(|kept| kept.1.0).map(|kept| kept.0.clone())
        {
            self.vectors.remove(&oldest);
        }
        self.vectors.insert((model, Arc::clone(text)), (self.now, Arc::clone(vector)));
    }
}

/// What happens where all places of the models are taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Full {
    /// Turned away at once.
    Refuse,
    /// One waits: of those who have been let in before.
    Wait,
}

/// Has a job done that may turn out to need vectors: it is done again when they are there. It begins at once, whether or not
/// anybody waits for it yet. What it found kept the first time may have gone by the second; then that is made, too.
pub(super) fn begun<T, J>(
    state: &Arc<State>,
    generation: &Arc<Generation>,
    ticket: Ticket,
    (limit, full): (Duration, Full),
    job: J,
) -> impl Future<Output = Result<T, Problem>> + Send + use<T, J>
where
    T: Send + 'static,
    J: Fn(&State, &Generation, Made) -> Result<T, Halt> + Send + Sync + 'static,
{
    let until = Instant::now() + limit;
    let (state, generation, job) = (Arc::clone(state), Arc::clone(generation), Arc::new(job));
    let at_work = Arc::clone(&state);
    let start = move |made: Made| {
        let (state, generation, job) = (Arc::clone(&at_work), Arc::clone(&generation), Arc::clone(&job));
        let parted = move || match job(&state, &generation, made) {
            Ok(value) => Ok(Ok(value)),
            Err(Halt::Encode(wants)) => Ok(Err(wants)),
            Err(Halt::Problem(problem)) => Err(problem),
        };
        ticket.start(parted).within(limit)
    };
    let first: std::pin::Pin<Box<dyn Future<Output = Parted<T>> + Send>> = Box::pin(start(Made::default()));
    async move {
        let mut wants = match awaited(&state, first).await? {
            Ok(value) => return Ok(value),
            Err(wants) => wants,
        };
        let rest = async {
            let mut made = Made::default();
            // A job wants nothing that was made for it before, so that it comes to an end.
            loop {
                made.0.extend(encoded(&state, wants, (limit, full)).await?);
                match awaited(&state, start(made.clone())).await? {
                    Ok(value) => return Ok(value),
                    Err(more) => wants = more,
                }
            }
        };
        match timeout_at(until.into(), rest).await {
            Ok(answer) => answer,
            Err(_) => {
                state.metrics.timed_out();
                Err(Problem::late(limit))
            }
        }
    }
}

/// A job's end: its value, or what has to be encoded first.
type Parted<T> = Result<Done<Result<Result<T, Vec<Want>>, Problem>>, Problem>;

/// A vector, and what it was made of.
type Vector = (Want, Arc<[f32]>);

async fn encoded(
    state: &Arc<State>,
    wants: Vec<Want>,
    (limit, full): (Duration, Full),
) -> Result<Vec<Vector>, Problem> {
    let Some(encoding) = &state.encoding else { return Err(Halt::Encode(wants).problem()) };
    let far = wants.iter().any(|want| encoding.models.waits(want.model));
    let pool = if far { &encoding.far } else { &encoding.pool };
    let ticket = match full {
        Full::Refuse => pool.admit().inspect_err(|_| state.metrics.shed())?,
        Full::Wait => pool.admit_again(limit).await?,
    };
    let encoding = Arc::clone(encoding);
    let all = move || wants.into_iter().map(|want| encoding.make(want)).collect::<Result<Vec<_>, _>>();
    ticket.start(all).within(limit).await?.value
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_oldest_goes_first() {
        let vector: Arc<[f32]> = vec![1.0].into();
        let texts: Vec<Arc<str>> = ["a", "b", "c"].map(Arc::from).into();
        let mut kept = Kept::new(2);
        kept.put(0, &texts[0], &vector);
        kept.put(0, &texts[1], &vector);
        assert!(kept.get(0, &texts[0]).is_some() && kept.get(1, &texts[0]).is_none());
        kept.put(0, &texts[2], &vector);
        assert!(kept.get(0, &texts[1]).is_none(), "used longest ago");
        assert!(kept.get(0, &texts[0]).is_some() && kept.get(0, &texts[2]).is_some());
        assert_eq!(kept.vectors.len(), 2);
        let mut none = Kept::new(0);
        none.put(0, &texts[0], &vector);
        assert!(none.get(0, &texts[0]).is_none());
    }
}
