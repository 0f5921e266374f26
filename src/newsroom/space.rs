//! Vectors: one latent space, seen differently by each encoder.
//!
//! ```text
//! topic · kind of scene · place · persons · event · moment      (one random direction each)
//!      │ what the picture shows        │ what the caption says
//!      ▼                               ▼
//! latent + what only pictures show    latent + what only words say          64-d, unit length
//!      │ fixed random view             │ another one, partly the same
//!      ▼                               ▼
//! offset + view + noise               offset + view + noise                 × a norm of its own
//! ```
//!
//! The two offsets make the modality gap of CLIP, the common part of the views its alignment. The
//! weights below were set by measurement so that pairs score about as CLIP ViT-B/32 scores real
//! news; `tests/newsroom.rs` measures the written files.
//!
//! Sums run in a fixed order with plain `+`, `*`, `/` and `sqrt`, which IEEE 754 rounds alike
//! everywhere.

use super::chance::{Chance, Domain, Seeds};
use super::gazetteer::COUNTRIES;
use super::scenes::{KINDS, TOPICS};
use super::world::{Event, Sample, Source, World};

/// Dimensions of the latent space.
const LATENT: usize = 64;
type Latent = [f32; LATENT];

/// How much each part weighs in a picture and in a caption.
struct Weights {
    topic: f32,
    kind: f32,
    country: f32,
    city: f32,
    persons: f32,
    event: f32,
    moment: f32,
    /// What the other side knows nothing of.
    private: f32,
}

const PICTURE: Weights = Weights {
    topic: 0.35,
    kind: 0.65,
    country: 0.22,
    city: 0.28,
    persons: 0.60,
    event: 0.40,
    moment: 0.50,
    private: 0.45,
};
/// `private` is that of the best caption; the vaguest has [`VAGUEST`] more.
const CAPTION: Weights = Weights { private: 0.35, ..PICTURE };
const VAGUEST: f32 = 1.3;
/// What a scene recogniser sees: the kind of place, hardly the persons.
const SCENE: Weights = Weights {
    topic: 0.25,
    kind: 0.90,
    country: 0.15,
    city: 0.30,
    persons: 0.0,
    event: 0.35,
    moment: 0.30,
    private: 0.15,
};

/// The energy (squared length) of a CLIP vector that is its modality's offset …
const OFFSET: f32 = 0.45;
/// … how far the two offsets agree (cosine) …
const OFFSETS_AGREE: f32 = 0.28;
/// … the energy of the rest that is common to both views …
const COMMON: f32 = 0.50;
/// … and that which is noise of the sample's own.
const NOISE: f32 = 0.08;
/// The noise by which a crop differs from its original, as energy.
const CROP: f32 = 0.04;

/// A random linear map from the latent space, with an offset.
#[derive(Debug)]
struct View {
    /// `LATENT` rows of `width` weights.
    weights: Vec<f32>,
    offset: Vec<f32>,
}

impl View {
    fn width(&self) -> usize {
        self.offset.len()
    }

    /// `out = offset + weightsᵀ · latent`.
    fn of(&self, latent: &Latent, out: &mut Vec<f32>) {
        out.clear();
        out.extend_from_slice(&self.offset);
        for (row, &z) in self.weights.chunks_exact(self.width()).zip(latent) {
            for (x, &w) in out.iter_mut().zip(row) {
                *x += w * z;
            }
        }
    }
}

/// All directions and views of one newsroom.
#[derive(Debug)]
pub(super) struct Space {
    seeds: Seeds,
    topics: Vec<Latent>,
    kinds: Vec<Latent>,
    countries: Vec<Latent>,
    cities: Vec<Latent>,
    persons: Vec<Latent>,
    image: View,
    text: View,
    sbert: View,
    places: View,
}

impl Space {
    pub(super) fn new(world: &World) -> Self {
        let seeds = world.seeds.clone();
        let table = |number: u32, entries: usize| -> Vec<Latent> {
            let mut chance = seeds.stream(Domain::Table, number);
            (0..entries).map(|_| direction(&mut chance)).collect()
        };
        let random = |number: u32, entries: usize, energy: f32| -> Vec<f32> {
            let mut out = vec![0f32; entries];
            seeds.stream(Domain::View, number).add_noise(&mut out, energy.sqrt());
            out
        };
        let energy = 1.0 - OFFSET - NOISE;
        let clip = |number: u32, offset: Vec<f32>| {
            let common = random(0, LATENT * 512, COMMON * energy / 512.0);
            let own = random(number, LATENT * 512, (1.0 - COMMON) * energy / 512.0);
            View { weights: common.iter().zip(own).map(|(c, o)| c + o).collect(), offset }
        };
        let image_offset = random(1, 512, OFFSET / 512.0);
        let other = random(2, 512, OFFSET / 512.0);
        let apart = (1.0 - OFFSETS_AGREE * OFFSETS_AGREE).sqrt();
        let text_offset = image_offset.iter().zip(other).map(|(i, o)| OFFSETS_AGREE * i + apart * o).collect();
        Space {
            topics: table(0, TOPICS),
            kinds: table(1, TOPICS * KINDS),
            countries: table(2, COUNTRIES.len()),
            cities: table(3, COUNTRIES.len() * 3),
            persons: table(4, world.persons_per_topic as usize * TOPICS),
            image: clip(3, image_offset),
            text: clip(4, text_offset),
            sbert: View { weights: random(5, LATENT * 768, 0.8 / 768.0), offset: random(6, 768, 0.1 / 768.0) },
            // Rectified later: a mean a little below zero leaves about half of the features active.
            places: View {
                weights: random(7, LATENT * 2048, 0.5),
                offset: random(8, 2048, 0.4).iter().map(|x| x - 0.05).collect(),
            },
            seeds,
        }
    }

    fn latent(&self, weights: &Weights, event: &Event, persons: &[u32], place: bool, moment: u32) -> Latent {
        let mut out = [0f32; LATENT];
        let mut add = |weight: f32, part: &Latent| {
            for (x, p) in out.iter_mut().zip(part) {
                *x += weight * p;
            }
        };
        add(weights.topic, &self.topics[event.topic as usize]);
        add(weights.kind, &self.kinds[event.topic as usize * KINDS + event.kind]);
        if place {
            add(weights.country, &self.countries[event.country]);
            add(weights.city, &self.cities[event.country * 3 + event.city]);
        }
        for &person in persons {
            add(weights.persons / (persons.len() as f32).sqrt(), &self.persons[person as usize]);
        }
        add(weights.event, &direction(&mut self.seeds.stream(Domain::EventLatent, event.index)));
        add(weights.moment, &direction(&mut self.seeds.stream(Domain::MomentLatent, moment)));
        out
    }

    /// `clip_image_embeddings`: 512 values, norm about 10.
    pub(super) fn image(&self, sample: &Sample, out: &mut Vec<f32>) {
        let picture = &sample.picture;
        let mut chance = self.seeds.stream(Domain::ImageNoise, picture.root);
        let mut latent = self.latent(&PICTURE, &sample.event, &picture.persons, true, picture.root);
        chance.add_noise(&mut latent, PICTURE.private / 8.0);
        self.image.of(&unit(latent), out);
        chance.add_noise(out, (NOISE / 512.0).sqrt());
        self.crop(sample, out, (CROP / 512.0).sqrt());
        scale(out, 10.0, &mut chance);
    }

    /// `clip_text_embeddings`: 512 values, norm about 9.
    pub(super) fn text(&self, sample: &Sample, out: &mut Vec<f32>) {
        let mut chance = self.seeds.stream(Domain::Text, sample.wording);
        self.text.of(&self.words(sample, &mut chance), out);
        chance.add_noise(out, (NOISE / 512.0).sqrt());
        scale(out, 9.0, &mut chance);
    }

    /// `sbert_embeddings`: 768 values, norm about 14.
    pub(super) fn sbert(&self, sample: &Sample, out: &mut Vec<f32>) {
        let mut chance = self.seeds.stream(Domain::SentenceNoise, sample.wording);
        self.sbert.of(&self.words(sample, &mut self.seeds.stream(Domain::Text, sample.wording)), out);
        chance.add_noise(out, (0.1f32 / 768.0).sqrt());
        scale(out, 14.0, &mut chance);
    }

    /// `places_resnet50`: 2048 values ≥ 0, about half of them 0, as a rectifier leaves them.
    pub(super) fn places(&self, sample: &Sample, out: &mut Vec<f32>) {
        let picture = &sample.picture;
        let mut chance = self.seeds.stream(Domain::SceneNoise, picture.root);
        let mut latent = self.latent(&SCENE, &sample.event, &[], true, picture.root);
        chance.add_noise(&mut latent, SCENE.private / 8.0);
        self.places.of(&unit(latent), out);
        chance.add_noise(out, 0.12);
        self.crop(sample, out, 0.1);
        out.iter_mut().for_each(|x| *x = x.max(0.0));
        scale(out, 1.0, &mut chance);
    }

    /// The latent of what a caption says; captions are the vaguer the less they name.
    fn words(&self, sample: &Sample, chance: &mut Chance) -> Latent {
        let caption = &sample.caption;
        let persons: Vec<u32> = caption.persons.iter().map(|(person, _)| *person).collect();
        let mut latent = self.latent(&CAPTION, &sample.event, &persons, caption.place, sample.picture.root);
        let vague = if caption.generic { 1.0 } else { chance.unit() };
        chance.add_noise(&mut latent, (CAPTION.private + VAGUEST * vague) / 8.0);
        unit(latent)
    }

    fn crop(&self, sample: &Sample, out: &mut [f32], sd: f32) {
        if sample.picture.source == Source::Crop {
            self.seeds.stream(Domain::Crop, sample.index).add_noise(out, sd);
        }
    }
}

/// A random vector of length about 1.
fn direction(chance: &mut Chance) -> Latent {
    let mut out = [0f32; LATENT];
    chance.add_noise(&mut out, 1.0 / 8.0);
    out
}

/// Length 1; the zero vector stays.
fn unit(mut latent: Latent) -> Latent {
    let length = latent.iter().map(|x| x * x).sum::<f32>().sqrt();
    if length > 0.0 {
        latent.iter_mut().for_each(|x| *x /= length);
    }
    latent
}

/// Times `about`, give or take a tenth.
fn scale(out: &mut [f32], about: f32, chance: &mut Chance) {
    let factor = about * (0.9 + 0.2 * chance.unit());
    out.iter_mut().for_each(|x| *x *= factor);
}
