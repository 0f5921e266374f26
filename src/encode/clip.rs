//! CLIP (Radford et al. 2021): two towers into one space.

use super::attention::{Blocks, Names, Order, Sizes};
use super::layers::{Linear, Norm, unit};
use super::open::{Folder, Settings};
use super::pixels::{Pixels, Preprocess};
use super::tokens::Tokenizer;
use super::weights::{Tensor, Weights};
use super::{Encoder, Error, Identity};
use rayon::prelude::*;

/// Texts of a few words a tile: enough to carry many rows past the weights, few enough for every thread to have its share.
const TEXTS: usize = 16;
/// Images a tile.
const IMAGES: usize = 2;

/// Both towers of a CLIP model.
pub struct ClipModel {
    identity: Identity,
    tokenizer: Tokenizer,
    text: TextTower,
    image: ImageTower,
    preprocess: Preprocess,
}

struct TextTower {
    width: usize,
    positions: usize,
    tokens: Tensor,
    position: Tensor,
    blocks: Blocks,
    norm: Norm,
    projection: Linear,
}

struct ImageTower {
    width: usize,
    side: usize,
    patch: usize,
    class: Tensor,
    patches: Linear,
    position: Tensor,
    before: Norm,
    blocks: Blocks,
    after: Norm,
    projection: Linear,
}

const fn names(prefix: &'static str) -> Names {
    Names {
        prefix,
        query: "self_attn.q_proj",
        key: "self_attn.k_proj",
        value: "self_attn.v_proj",
        out: "self_attn.out_proj",
        norm1: "layer_norm1",
        up: "mlp.fc1",
        down: "mlp.fc2",
        norm2: "layer_norm2",
    }
}

/// The sizes that a part of config.json names; what it leaves out is that of ViT-B/32, as its own software has it.
fn sizes(config: &Settings, width: usize, heads: usize, hidden: usize, causal: bool) -> Result<Sizes, Error> {
    let width = config.width("hidden_size", Some(width))?;
    Ok(Sizes {
        width,
        heads: config.heads(width, Some(heads))?,
        hidden: config.width("intermediate_size", Some(hidden))?,
        layers: config.size("num_hidden_layers", Some(12))?,
        eps: config.float("layer_norm_eps", 1e-5),
        activation: config.activation("quick_gelu")?,
        causal,
        order: Order::Pre,
    })
}

impl ClipModel {
    pub(super) fn open(folder: &Folder) -> Result<ClipModel, Error> {
        let path = folder.weights()?;
        let weights = Weights::open(&path)?;
        let (text, vision) = (folder.config.part("text_config"), folder.config.part("vision_config"));
        let out = folder.config.size("projection_dim", Some(512))?;
        let text = TextTower::load(&weights, &text, out)?;
        let image = ImageTower::load(&weights, &vision, out)?;
        let tokenizer = Tokenizer::clip(&folder.dir, text.positions)?;
        if tokenizer.size() > text.tokens.get().len() / text.width {
            let what =
                format!("{} tokens, the weights have {}", tokenizer.size(), text.tokens.get().len() / text.width);
            return Err(Error::model(&folder.dir, what));
        }
        let settings = folder.settings("preprocessor_config.json")?;
        let preprocess =
            Preprocess::read(&settings.value, image.side).map_err(|what| Error::model(&settings.path, what))?;
        let mut files = vec![path.as_path(), folder.config.path.as_path()];
        files.extend(tokenizer.files().iter().map(|f| f.as_path()));
        if settings.path.is_file() {
            files.push(settings.path.as_path());
        }
        let identity = Identity::of(folder.name(), out, &files)?;
        Ok(ClipModel { identity, tokenizer, text, image, preprocess })
    }

    /// The numbers of a text's tokens, with the marks at both ends.
    pub fn tokens(&self, text: &str) -> Vec<u32> {
        self.tokenizer.tokens(text).0
    }

    /// How images are cut and scaled.
    pub fn preprocess(&self) -> &Preprocess {
        &self.preprocess
    }
}

impl Encoder for ClipModel {
    fn identity(&self) -> &Identity {
        &self.identity
    }

    fn reads_images(&self) -> bool {
        true
    }

    fn texts(&self, texts: &[&str]) -> Result<Vec<f32>, Error> {
        let tiles: Result<Vec<Vec<f32>>, Error> = texts
            .par_chunks(TEXTS)
            .map(|texts| {
                let tokens: Vec<Vec<u32>> = texts.iter().map(|t| self.tokens(t)).collect();
                let mut rows = self.text.encode(&tokens);
                units(&mut rows, self.identity.width, |i| format!("the text {:?}", texts[i]))?;
                Ok(rows)
            })
            .collect();
        Ok(tiles?.concat())
    }

    fn images(&self, images: &[Pixels]) -> Result<Vec<f32>, Error> {
        let tiles: Result<Vec<Vec<f32>>, Error> = images
            .par_chunks(IMAGES)
            .map(|images| {
                let seen: Vec<Vec<f32>> = images.iter().map(|i| self.preprocess.apply(i)).collect();
                let mut rows = self.image.encode(&seen);
                units(&mut rows, self.identity.width, |i| {
                    format!("an image of {} × {} pixels", images[i].width, images[i].height)
                })?;
                Ok(rows)
            })
            .collect();
        Ok(tiles?.concat())
    }

    fn tokens(&self, text: &str) -> Option<(Vec<u32>, bool)> {
        Some(self.tokenizer.tokens(text))
    }
}

/// Makes rows as long as 1.
pub(crate) fn units(rows: &mut [f32], width: usize, what: impl Fn(usize) -> String) -> Result<(), Error> {
    match rows.chunks_exact_mut(width).position(|row| !unit(row)) {
        Some(bad) => Err(Error::NoDirection(what(bad))),
        None => Ok(()),
    }
}

impl TextTower {
    fn load(weights: &Weights, config: &Settings, out: usize) -> Result<TextTower, Error> {
        let sizes = sizes(config, 512, 8, 2048, true)?;
        let width = sizes.width;
        let vocabulary = config.size("vocab_size", Some(49_408))?;
        let positions = config.size("max_position_embeddings", Some(77))?;
        let embeddings =
            |name: &str, rows| weights.tensor(&format!("text_model.embeddings.{name}.weight"), &[rows, width]);
        Ok(TextTower {
            width,
            positions,
            tokens: embeddings("token_embedding", vocabulary)?,
            position: embeddings("position_embedding", positions)?,
            blocks: Blocks::load(weights, &names("text_model.encoder.layers"), sizes)?,
            norm: Norm::load(weights, "text_model.final_layer_norm", width, sizes.eps)?,
            projection: Linear::without_bias(weights, "text_projection.weight", width, out)?,
        })
    }

    /// The row at the last token, which has seen all the others, of every text.
    fn encode(&self, texts: &[Vec<u32>]) -> Vec<f32> {
        let (tokens, position) = (self.tokens.get(), self.position.get());
        let (mut x, mut sequences) = (Vec::new(), Vec::new());
        for text in texts {
            let start = x.len() / self.width;
            for (i, &token) in text.iter().enumerate() {
                let (at, place) = (token as usize * self.width, i * self.width);
                let both = tokens[at..at + self.width].iter().zip(&position[place..place + self.width]);
                x.extend(both.map(|(t, p)| t + p));
            }
            sequences.push(start..start + text.len());
        }
        self.blocks.apply(&mut x, &sequences);
        let mut last: Vec<f32> = Vec::with_capacity(texts.len() * self.width);
        for rows in &sequences {
            last.extend_from_slice(&x[(rows.end - 1) * self.width..rows.end * self.width]);
        }
        self.norm.apply(&mut last);
        self.projection.apply(&last)
    }
}

impl ImageTower {
    fn load(weights: &Weights, config: &Settings, out: usize) -> Result<ImageTower, Error> {
        let sizes = sizes(config, 768, 12, 3072, false)?;
        let width = sizes.width;
        let (side, patch) = (config.size("image_size", Some(224))?, config.size("patch_size", Some(32))?);
        if patch > side || side > 4096 {
            let what = format!("patches of {patch} pixels in images of {side}; at most 4,096 pixels are read here");
            return Err(Error::model(&config.path, what));
        }
        let patches = side / patch;
        let name = |part: &str| format!("vision_model.embeddings.{part}");
        let inputs = 3 * patch * patch;
        if !inputs.is_multiple_of(crate::kernels::PAD) {
            let what = format!("patches of {patch} pixels; sides that are multiples of 4 are read here");
            return Err(Error::model(&config.path, what));
        }
        Ok(ImageTower {
            width,
            side,
            patch,
            class: weights.tensor(&name("class_embedding"), &[width])?,
            patches: Linear::shaped(weights, &name("patch_embedding.weight"), &[width, 3, patch, patch])?,
            position: weights.tensor(&name("position_embedding.weight"), &[patches * patches + 1, width])?,
            before: Norm::load(weights, "vision_model.pre_layrnorm", width, sizes.eps)?,
            blocks: Blocks::load(weights, &names("vision_model.encoder.layers"), sizes)?,
            after: Norm::load(weights, "vision_model.post_layernorm", width, sizes.eps)?,
            projection: Linear::without_bias(weights, "visual_projection.weight", width, out)?,
        })
    }

    /// The class row of every image; an image is three planes of `side` × `side`.
    fn encode(&self, images: &[Vec<f32>]) -> Vec<f32> {
        let across = self.side / self.patch;
        let mut cut = Vec::with_capacity(images.len() * 3 * self.side * self.side);
        for image in images {
            for (down, right) in (0..across * across).map(|i| (i / across * self.patch, i % across * self.patch)) {
                for (plane, y) in (0..3 * self.patch).map(|i| (i / self.patch, i % self.patch)) {
                    let at = (plane * self.side + down + y) * self.side + right;
                    cut.extend_from_slice(&image[at..at + self.patch]);
                }
            }
        }
        let patches = self.patches.apply(&cut);
        let rows = across * across + 1;
        let (class, position) = (self.class.get(), self.position.get());
        let mut x = Vec::with_capacity(images.len() * rows * self.width);
        for image in patches.chunks_exact((rows - 1) * self.width) {
            let start = x.len();
            x.extend_from_slice(class);
            x.extend_from_slice(image);
            x[start..].iter_mut().zip(position).for_each(|(x, p)| *x += p);
        }
        self.before.apply(&mut x);
        let sequences: Vec<_> = (0..images.len()).map(|i| i * rows..(i + 1) * rows).collect();
        self.blocks.apply(&mut x, &sequences);
        let mut first: Vec<f32> = Vec::with_capacity(images.len() * self.width);
        for rows in &sequences {
            first.extend_from_slice(&x[rows.start * self.width..(rows.start + 1) * self.width]);
        }
        self.after.apply(&mut first);
        self.projection.apply(&first)
    }
}
