//! A sample as a tile: its image or a placeholder, its numbers, its caption.

use super::super::state::Served;
use super::form::{Form, query, segment};
use super::text;
use crate::query::Hit;
use crate::words::{Row, Timestamp};
use xxhash_rust::xxh3::xxh3_64;

/// Fields of a form that stand for what is searched by, and those that filter the answer: a new search has its own.
pub(super) const OF_ONE_SEARCH: [&str; 9] =
    ["by", "id", "words", "vector", "text", "facts", "days_min", "days_max", "score_min"];

pub(super) struct Tile {
    pub id: String,
    pub caption: String,
    /// Where its image is; `None` where the index is served without images.
    pub image: Option<String>,
    /// Which of eight placeholders stands for it.
    pub hue: u64,
    pub day: Option<String>,
    pub source: Option<String>,
    pub topic: Option<String>,
    /// Searches by this sample.
    pub search: String,
    /// Of a result.
    pub found: Option<Found>,
    /// Does it pass the filters?
    pub shown: bool,
}

/// What makes a sample a result.
pub(super) struct Found {
    pub rank: usize,
    /// As shown, and as compared by scripts.
    pub score: String,
    pub exact: f32,
    pub margin: Option<String>,
    pub hard: Option<bool>,
    pub apart: Option<String>,
    pub days: Option<f64>,
}

impl Tile {
    pub fn new(served: &Served, row: Row, form: &Form) -> Tile {
        let catalog = &served.index.catalog;
        let id = text::id(&catalog.id(row));
        let mut changes: Vec<(&str, Option<&str>)> = OF_ONE_SEARCH.iter().map(|name| (*name, None)).collect();
        changes.extend([("score_max", None), ("index", None)]);
        let rest = form.with(&changes);
        let link = query(&[("index", &served.name), ("id", &id)]);
        Tile {
            image: served
                .images
                .is_some()
                .then(|| format!("/v1/images/{}?{}", segment(&id), query(&[("index", &served.name)]))),
            hue: xxh3_64(catalog.topic(row).unwrap_or(&id).as_bytes()) % 8,
            search: if rest.is_empty() { format!("/?{link}") } else { format!("/?{link}&{rest}") },
            caption: catalog.caption(row).to_owned(),
            day: text::day(catalog, row),
            source: catalog.source(row).map(text::spaced),
            topic: catalog.topic(row).map(text::spaced),
            id,
            found: None,
            shown: true,
        }
    }

    /// Of a result; `asked_at`: when the query's sample was taken.
    pub fn of_hit(served: &Served, hit: &Hit, asked_at: Option<Timestamp>, form: &Form) -> Tile {
        let days = asked_at.zip(served.index.catalog.timestamp(hit.row)).map(|(a, b)| a.days_apart(b));
        let found = Found {
            rank: hit.rank,
            score: format!("{:.3}", hit.score).replace('-', "−"),
            exact: hit.score,
            margin: hit.clip_margin.map(text::signed),
            hard: hit.adversarial,
            apart: days.map(text::days),
            days,
        };
        Tile { found: Some(found), ..Tile::new(served, hit.row, form) }
    }
}
