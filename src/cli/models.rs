//! What `--model` names: a folder, or a server that answers as OpenAI's `/v1/embeddings` does.
//!
//! A server's vectors are as stable as the server: the same texts in another company may give other last bits. Its files are not
//! seen, so an index remembers it by the name of its model.

use super::http::{Endpoint, Silence};
use super::usage;
use crate::encode::pixels::Pixels;
use crate::encode::{self, Encoder, Error, Identity, units};
use anyhow::{Result, anyhow};
use rayon::prelude::*;
use serde::Deserialize;
use serde_json::json;
use std::env;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Texts of one request.
const TOGETHER: usize = 64;
/// Until an answer is whole.
const ANSWER: Duration = Duration::from_secs(120);
/// Bytes of an answer: 64 vectors of 4,096 numbers in full length, several times.
const LONGEST: u64 = 64 << 20;
/// Where the server's key is looked for.
const KEY: &str = "MISPAIR_EMBEDDINGS_KEY";

/// Opens a model: a folder, or `http://HOST:PORT/v1#NAME`.
pub(super) fn open(model: &Path) -> Result<Box<dyn Encoder>> {
    match model.to_str().filter(|text| is_url(text)) {
        Some(url) => Ok(Box::new(Server::at(url)?)),
        None => Ok(encode::open(model)?),
    }
}

fn is_url(text: &str) -> bool {
    text.starts_with("http://") || text.starts_with("https://")
}

/// A model that a server runs.
struct Server {
    endpoint: Endpoint,
    url: String,
    identity: Identity,
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
    fn at(given: &str) -> Result<Server> {
        let Some((url, name)) = given.split_once('#').filter(|(_, name)| !name.is_empty()) else {
            return Err(usage(format!(
                "--model {given}: which of the server's models? Put its name behind a #: http://HOST:PORT/v1#all-minilm"
            )));
        };
        let key = env::var(KEY).ok().map(|key| key.trim().to_owned()).filter(|key| !key.is_empty());
        let endpoint = Endpoint::at("--model", url, key, ANSWER, LONGEST)?;
        let mut server = Server { endpoint, url: url.to_owned(), identity: Identity::named(name, 0) };
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
        let bytes = self.endpoint.post_patiently("/embeddings", &body.to_string())?;
        let broken = |why: String| Silence { status: None, why };
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
        Ok(rows.concat())
    }

    /// Several texts that the server does not take are sent one by one: too many for it, or one of them is at fault.
    fn rows(&self, texts: &[&str]) -> Result<Vec<f32>, Error> {
        let said = |what: String| Error::Model { path: PathBuf::from(&self.url), what };
        match self.ask(texts) {
            Ok(rows) => Ok(rows),
            Err(Silence { status: Some(400 | 413 | 422), .. }) if texts.len() > 1 => {
                let each = texts.iter().map(|text| self.rows(std::slice::from_ref(text)));
                Ok(each.collect::<Result<Vec<_>, _>>()?.concat())
            }
            Err(silence) if texts.len() == 1 => {
                let start: String = texts[0].chars().take(60).collect();
                Err(said(format!("{} (the text {start:?})", silence.why)))
            }
            Err(silence) => Err(said(silence.why)),
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
        let parts = texts.par_chunks(TOGETHER).map(|part| self.rows(part));
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
