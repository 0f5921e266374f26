//! Sentence encoders (Reimers and Gurevych 2019) over BERT: MiniLM, BGE, E5 and their kind.

use super::attention::{Blocks, Names, Order, Sizes};
use super::clip::units;
use super::layers::Norm;
use super::modules::Modules;
use super::open::Folder;
use super::pixels::Pixels;
use super::tokens::Tokenizer;
use super::weights::{Tensor, Weights};
use super::{Encoder, Error, Identity};
use rayon::prelude::*;

/// Texts a tile, as for CLIP.
const TEXTS: usize = 16;

/// A BERT and what is done to its rows.
pub struct SentenceModel {
    identity: Identity,
    tokenizer: Tokenizer,
    width: usize,
    words: Tensor,
    positions: Tensor,
    kinds: Tensor,
    norm: Norm,
    blocks: Blocks,
    modules: Modules,
}

const NAMES: Names = Names {
    prefix: "encoder.layer",
    query: "attention.self.query",
    key: "attention.self.key",
    value: "attention.self.value",
    out: "attention.output.dense",
    norm1: "attention.output.LayerNorm",
    up: "intermediate.dense",
    down: "output.dense",
    norm2: "output.LayerNorm",
};

impl SentenceModel {
    pub(super) fn open(folder: &Folder) -> Result<SentenceModel, Error> {
        let config = &folder.config;
        let path = folder.weights()?;
        let weights = Weights::open(&path)?;
        let width = config.width("hidden_size", None)?;
        let sizes = Sizes {
            width,
            heads: config.heads(width, None)?,
            hidden: config.width("intermediate_size", None)?,
            layers: config.size("num_hidden_layers", None)?,
            eps: config.float("layer_norm_eps", 1e-12),
            activation: config.activation("gelu")?,
            causal: false,
            order: Order::Post,
        };
        let known = config.text("position_embedding_type").is_none_or(|kind| kind == "absolute");
        if !known || !weights.has("embeddings.word_embeddings.weight") {
            let what = "no plain BERT: its positions are not absolute, or its tensors have other names";
            return Err(Error::model(&path, what));
        }
        let rows = |name: &str, rows| weights.tensor(&format!("embeddings.{name}.weight"), &[rows, width]);
        let vocabulary = config.size("vocab_size", None)?;
        let longest = config.size("max_position_embeddings", None)?;
        let mut modules = Modules::open(folder, width)?;
        let mut files = std::mem::take(&mut modules.files);
        let limit = folder.settings("sentence_bert_config.json")?;
        let tokenizer = Tokenizer::bert(&folder.dir, limit.size("max_seq_length", Some(longest))?.min(longest))?;
        if tokenizer.size() > vocabulary {
            let what = format!("{} tokens, the weights have {vocabulary}", tokenizer.size());
            return Err(Error::model(&folder.dir, what));
        }
        files.extend([path.clone(), config.path.clone(), limit.path].into_iter().filter(|f| f.is_file()));
        files.extend(tokenizer.files().iter().cloned());
        let files: Vec<_> = files.iter().map(|f| f.as_path()).collect();
        Ok(SentenceModel {
            identity: Identity::of(folder.name(), modules.width, &files)?,
            tokenizer,
            width,
            words: rows("word_embeddings", vocabulary)?,
            positions: rows("position_embeddings", longest)?,
            kinds: rows("token_type_embeddings", config.size("type_vocab_size", Some(2))?)?,
            norm: Norm::load(&weights, "embeddings.LayerNorm", width, sizes.eps)?,
            blocks: Blocks::load(&weights, &NAMES, sizes)?,
            modules,
        })
    }

    /// The numbers of a text's tokens, with the marks at both ends.
    pub fn tokens(&self, text: &str) -> Vec<u32> {
        self.tokenizer.tokens(text).0
    }

    fn encode(&self, texts: &[Vec<u32>]) -> Vec<f32> {
        let width = self.width;
        let (words, positions, kind) = (self.words.get(), self.positions.get(), &self.kinds.get()[..width]);
        let (mut x, mut sequences) = (Vec::new(), Vec::new());
        for text in texts {
            let start = x.len() / width;
            for (i, &token) in text.iter().enumerate() {
                let (at, place) = (token as usize * width, i * width);
                let all = words[at..at + width].iter().zip(&positions[place..place + width]).zip(kind);
                x.extend(all.map(|((w, p), k)| w + k + p));
            }
            sequences.push(start..start + text.len());
        }
        self.norm.apply(&mut x);
        self.blocks.apply(&mut x, &sequences);
        let pooled = sequences.iter().map(|rows| self.modules.apply(&x[rows.start * width..rows.end * width], width));
        pooled.collect::<Vec<_>>().concat()
    }
}

impl Encoder for SentenceModel {
    fn identity(&self) -> &Identity {
        &self.identity
    }

    fn reads_images(&self) -> bool {
        false
    }

    fn texts(&self, texts: &[&str]) -> Result<Vec<f32>, Error> {
        let tiles: Result<Vec<Vec<f32>>, Error> = texts
            .par_chunks(TEXTS)
            .map(|texts| {
                let tokens: Vec<Vec<u32>> = texts.iter().map(|t| self.tokens(t)).collect();
                let mut rows = self.encode(&tokens);
                units(&mut rows, self.identity.width, |i| format!("the text {:?}", texts[i]))?;
                Ok(rows)
            })
            .collect();
        Ok(tiles?.concat())
    }

    fn images(&self, _: &[Pixels]) -> Result<Vec<f32>, Error> {
        Err(Error::NoImages(self.identity.to_string()))
    }

    fn tokens(&self, text: &str) -> Option<(Vec<u32>, bool)> {
        Some(self.tokenizer.tokens(text))
    }
}
