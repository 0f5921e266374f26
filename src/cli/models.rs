//! What `--model` names: a folder, or a server that answers as OpenAI's `/v1/embeddings` does.
//!
//! A server's vectors are as stable as the server: the same texts in another company may give other last bits. Its files are not
//! seen, so an index remembers it by the name of its model.

use super::http::{Endpoint, Silence};
use super::usage;
use crate::daemon::is_url;
use crate::encode::pixels::Pixels;
use crate::encode::{self, Encoder, Error, Identity, units};
use anyhow::{Result, anyhow};
use rayon::prelude::*;
use serde::Deserialize;
use serde_json::json;
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::time::Duration;

/// Texts of one request.
const TOGETHER: usize = 64;
/// Bytes of an answer: 64 vectors of 4,096 numbers in full length, several times.
const LONGEST: u64 = 64 << 20;
/// Where the server's key is looked for.
const KEY: &str = "MISPAIR_EMBEDDINGS_KEY";

/// What is borne of a server.
#[derive(Debug, Clone, Copy)]
pub(super) struct Patience {
    /// Until an answer is whole.
    pub answer: Duration,
    /// How often it is asked again.
    pub tries: u32,
    /// Seconds of the longest pause before that.
    pub pause: u64,
}

impl Patience {
    /// Of a job of hours.
    pub const LONG: Patience = Patience { answer: Duration::from_secs(120), tries: 6, pause: 60 };
    /// Of somebody who waits.
    pub const SHORT: Patience = Patience { answer: Duration::from_secs(60), tries: 2, pause: 5 };
}

/// Opens a model: a folder, or `http://HOST:PORT/v1#NAME`.
pub(super) fn open(model: &Path, patience: Patience) -> Result<Box<dyn Encoder>> {
    match model.to_str().filter(|_| is_url(model)) {
        Some(url) => Ok(Box::new(Server::at(url, patience)?)),
        None => Ok(encode::open(model)?),
    }
}

/// A model that a server runs.
struct Server {
    endpoint: Endpoint,
    url: String,
    identity: Identity,
    patience: Patience,
    /// Texts of one request: fewer where the server takes no more.
    together: AtomicUsize,
}

#[derive(Deserialize)]
struct Answer {
    data: Vec<Embedding>,
}

#[derive(Deserialize)]
struct Embedding {
    index: Option<usize>,
    embedding: Vec<f32>,
}

impl Server {
    /// Asks once, for the width.
    fn at(given: &str, patience: Patience) -> Result<Server> {
        let Some((url, name)) = given.split_once('#').filter(|(_, name)| !name.is_empty()) else {
            return Err(usage(format!(
                "--model {given}: which of the server's models? Put its name behind a #: http://HOST:PORT/v1#all-minilm"
            )));
        };
        let endpoint = Endpoint::at("--model", url, KEY, patience.answer, LONGEST)?;
        let (identity, together) = (Identity::named(name, 0), TOGETHER.into());
        let mut server = Server { endpoint, url: url.to_owned(), identity, patience, together };
        let first = server.ask(&["How long is a vector?"]).map_err(|e| anyhow!("{url}: {}", e.why))?;
        server.identity = Identity::named(name, first.len());
        if first.is_empty() {
            return Err(anyhow!("{url}: {name} gives vectors without elements"));
        }
        Ok(server)
    }

    /// Rows of some texts, one after the other, as they come.
    fn ask(&self, texts: &[&str]) -> Result<Vec<f32>, Silence> {
        let body = json!({ "model": self.identity.name, "input": texts, "encoding_format": "float" });
        let bytes = self.endpoint.post_patiently(
            "/embeddings",
            &body.to_string(),
            (self.patience.tries, self.patience.pause),
        )?;
        let broken = |why: String| Silence { status: None, why, nobody: false };
        let answer: Answer =
            serde_json::from_slice(&bytes).map_err(|e| broken(format!("the answer holds no embeddings: {e}")))?;
        let mut rows: Vec<Option<Vec<f32>>> = vec![None; texts.len()];
        for (place, Embedding { index, embedding }) in answer.data.into_iter().enumerate() {
            let index = index.unwrap_or(place);
            match rows.get_mut(index) {
                Some(row @ None) => *row = Some(embedding),
                Some(_) => return Err(broken(format!("two embeddings of text {index}"))),
                None => return Err(broken(format!("an embedding of text {index}, and {} were sent", texts.len()))),
            }
        }
        let Some(rows) = rows.into_iter().collect::<Option<Vec<_>>>() else {
            return Err(broken(format!("fewer embeddings than the {} texts that were sent", texts.len())));
        };
        let width = match self.identity.width {
            0 => rows.first().map_or(0, Vec::len),
            width => width,
        };
        if let Some(other) = rows.iter().find(|row| row.len() != width) {
            return Err(broken(format!("an embedding of {} elements, {width} are expected", other.len())));
        }
        if rows.iter().flatten().any(|x| !x.is_finite()) {
            return Err(broken("an embedding with an element that is not a finite number".to_owned()));
        }
        Ok(rows.concat())
    }

    /// Several texts that the server does not take are sent in halves: too many for it, or one of them is at fault.
    fn rows(&self, texts: &[&str]) -> Result<Vec<f32>, Error> {
        let said = |what: String, refused| Error::Server { url: self.url.clone(), what, refused };
        match self.ask(texts) {
            Ok(rows) => Ok(rows),
            Err(silence) if silence.refused() && texts.len() > 1 => {
                let (left, right) = texts.split_at(texts.len() / 2);
                let mut rows = self.rows(left)?;
                rows.extend(self.rows(right)?);
                // Each half was taken: there were too many of them.
                self.together.fetch_min(right.len(), Relaxed);
                Ok(rows)
            }
            Err(silence) if texts.len() == 1 => {
                let start: String = texts[0].chars().take(60).collect();
                Err(said(format!("{} (the text {start:?})", silence.why), silence.refused()))
            }
            Err(silence) => Err(said(silence.why, false)),
        }
    }
}

impl Encoder for Server {
    fn identity(&self) -> &Identity {
        &self.identity
    }

    fn reads_images(&self) -> bool {
        false
    }

    fn texts(&self, texts: &[&str]) -> Result<Vec<f32>, Error> {
        let parts = texts.par_chunks(self.together.load(Relaxed)).map(|part| self.rows(part));
        let mut rows = parts.collect::<Result<Vec<_>, _>>()?.concat();
        units(&mut rows, self.identity.width, |row| format!("{:?}", texts[row]))?;
        Ok(rows)
    }

    fn images(&self, _: &[Pixels]) -> Result<Vec<f32>, Error> {
        Err(Error::NoImages(self.identity.to_string()))
    }

    fn tokens(&self, _: &str) -> Option<(Vec<u32>, bool)> {
        None
    }
}
