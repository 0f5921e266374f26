//! Events and samples, each derived from its number alone: nothing is stored, so a newsroom of any
//! size fits in memory and its bytes cannot depend on threads.
//!
//! ```text
//! sample ── event (topic, kind of scene, city, persons, first day) ── persons, places: Zipf ranks
//!    └───── picture: its own, or an earlier sample's (same path · copied file · crop)
//! ```

use super::caption::{self, Caption};
use super::chance::{Chance, Domain, Ranks, Seeds, scatter};
use super::gazetteer::{COUNTRIES, ORG_HEADS, OUTLETS, PERSONS};
use super::scenes::{KINDS, TOPICS};
use jiff::Span;
use jiff::civil::{Date, date};

/// Partition names, in the order of their numbers.
pub(super) const PARTITIONS: [&str; 3] = ["train", "val", "test"];
/// Below this many samples val and test get 15% each instead of 10%.
const SMALL: u32 = 20_000;
/// Partitions repeat with this period.
const PERIOD: u32 = 20;
/// Events begin on one of the days from 2008-01-01 on.
const DAYS: u32 = 3_653;

/// Something that happened: a place, a time, persons, and how it looks.
#[derive(Debug, Clone, Copy)]
pub(super) struct Event {
    pub(super) index: u32,
    pub(super) topic: u32,
    pub(super) kind: usize,
    pub(super) country: usize,
    pub(super) city: usize,
    /// Days after 2008-01-01.
    pub(super) first_day: u32,
    /// The first two differ.
    pub(super) persons: [u32; 2],
    /// Of [`ORG_HEADS`].
    pub(super) org: usize,
}

/// Where a sample's picture comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Source {
    /// Taken for this sample.
    Own,
    /// An earlier sample's file, by the same path.
    SamePath,
    /// A byte-for-byte copy of an earlier sample's file under a path of its own.
    Copy,
    /// An earlier sample's picture, cut differently.
    Crop,
}

/// What the vectors of a picture depend on.
#[derive(Debug)]
pub(super) struct Picture {
    /// The sample for which it was taken.
    pub(super) root: u32,
    pub(super) source: Source,
    /// Who is to be seen.
    pub(super) persons: Vec<u32>,
}

/// One sample, complete.
#[derive(Debug)]
pub(super) struct Sample {
    pub(super) index: u32,
    pub(super) id: i32,
    pub(super) partition: usize,
    pub(super) event: Event,
    pub(super) outlet: &'static str,
    pub(super) image_path: String,
    pub(super) date: Date,
    pub(super) caption: Caption,
    /// The sample for which the caption was written: an earlier one's where it was taken over.
    pub(super) wording: u32,
    pub(super) picture: Picture,
}

/// The tables behind all samples of one newsroom.
#[derive(Debug)]
pub(super) struct World {
    pub(super) seeds: Seeds,
    small: bool,
    id_bits: u32,
    events: u32,
    persons: Ranks,
    countries: Ranks,
    /// How many persons each topic knows.
    pub(super) persons_per_topic: u32,
}

/// A sample before anything is taken over from another.
struct Original {
    event: Event,
    date: Date,
    outlet: (&'static str, bool),
    caption: Caption,
    seen: Vec<u32>,
}

impl World {
    pub(super) fn new(samples: u32, seed: u64) -> Self {
        let persons_per_topic = (16 + samples / 600).min(PERSONS / TOPICS as u32);
        World {
            seeds: Seeds::new(seed),
            small: samples < SMALL,
            // Ids are spread over at least four times as many numbers as are used.
            id_bits: (34 - samples.leading_zeros()).max(21),
            events: (samples / 9).max(12),
            persons: Ranks::new(persons_per_topic),
            countries: Ranks::new(COUNTRIES.len() as u32),
            persons_per_topic,
        }
    }

    /// The partition of a sample, as a number below 3.
    pub(super) fn partition(&self, index: u32) -> usize {
        // 7 and 20 have no common divisor: val and test are spread over the catalog.
        let slot = index % PERIOD * 7 % PERIOD;
        let each = if self.small { 3 } else { 2 };
        if slot < each { 1 } else { usize::from(slot < 2 * each) * 2 }
    }

    fn event(&self, index: u32) -> Event {
        let mut chance = self.seeds.stream(Domain::Event, index);
        let topic = chance.below(TOPICS as u32);
        let first = self.persons.draw(&mut chance);
        let second = self.persons.draw(&mut chance);
        let second = if second == first { (first + 1) % self.persons_per_topic } else { second };
        let persons = [first, second].map(|rank| rank * TOPICS as u32 + topic);
        // Strikers play, ministers speak: the habit of the first person is every second event's kind.
        let habit = persons[0] / TOPICS as u32 % KINDS as u32;
        let kind = if chance.per_mille(500) { habit } else { chance.below(KINDS as u32) };
        let country = if chance.per_mille(500) { self.home(persons[0]) } else { self.countries.draw(&mut chance) };
        Event {
            index,
            topic,
            kind: kind as usize,
            country: country as usize,
            city: chance.below(3) as usize,
            first_day: chance.below(DAYS),
            persons,
            org: chance.below(ORG_HEADS.len() as u32) as usize,
        }
    }

    fn home(&self, person: u32) -> u32 {
        self.countries.draw(&mut self.seeds.stream(Domain::Person, person))
    }

    /// Is the picture of this sample an earlier one's, and how? One sample in 32 may.
    fn source(&self, index: u32, chance: &mut Chance) -> (Source, u32) {
        if index % 32 != 31 {
            return (Source::Own, index);
        }
        // A multiple of the period stays in the partition; not one of 8 leaves the class of 31
        // modulo 32, so that what is taken over is itself an original.
        let back = PERIOD * (8 * chance.below((index / (8 * PERIOD)).clamp(1, 40)) + 1 + chance.below(7));
        match (chance.below(4), index.checked_sub(back)) {
            (0, Some(root)) => (Source::SamePath, root),
            (1, Some(root)) => (Source::Copy, root),
            (2, Some(root)) => (Source::Crop, root),
            _ => (Source::Own, index),
        }
    }

    fn original(&self, index: u32) -> Original {
        let mut chance = self.seeds.stream(Domain::Sample, index);
        // Some events are covered at length, most by a few pictures.
        let u = chance.unit();
        let event = self.event(((u * u.sqrt() * self.events as f32) as u32).min(self.events - 1));
        let later = match chance.below(100) {
            0..60 => 0,
            60..80 => 1,
            80..90 => 2,
            90..98 => 3 + chance.below(5),
            _ => 365,
        };
        let date = day(event.first_day + later);
        let outlet = *chance.pick(&OUTLETS);
        let caption = caption::write(&event, date, outlet.1, &mut self.seeds.stream(Domain::Wording, index));
        let named = caption.persons.len();
        let seen = match chance.below(100) {
            0..82 => named,
            82..90 => named.min(1),
            _ => 0,
        };
        let seen = caption.persons.iter().take(seen).map(|(person, _)| *person).collect();
        Original { event, date, outlet, caption, seen }
    }

    /// The sample of a number; the same whenever it is asked for.
    pub(super) fn sample(&self, index: u32) -> Sample {
        let mut own = self.original(index);
        let mut chance = self.seeds.stream(Domain::Source, index);
        let (source, root) = self.source(index, &mut chance);
        let mut wording = index;
        let mut path_outlet = own.outlet.0;
        if source != Source::Own {
            let first = self.original(root);
            // Either another outlet runs it in the same days, or it is taken from the archive later.
            let later = if chance.per_mille(500) { chance.below(3) } else { 40 + chance.below(400) };
            own.event = first.event;
            own.date = first.date.saturating_add(Span::new().days(later));
            own.seen = first.seen;
            if source == Source::SamePath {
                path_outlet = first.outlet.0;
            }
            if chance.per_mille(300) {
                own.caption = first.caption;
                wording = root;
            } else {
                let mut words = self.seeds.stream(Domain::Wording, index);
                own.caption = caption::write(&own.event, own.date, own.outlet.1, &mut words);
            }
        }
        let file = scatter(if source == Source::SamePath { root } else { index }, PATH_BITS);
        Sample {
            index,
            id: scatter(index, self.id_bits) as i32 + 1,
            partition: self.partition(index),
            event: own.event,
            outlet: own.outlet.0,
            image_path: format!("./{path_outlet}/images/{:04}/{:03}.jpg", file / 1000, file % 1000),
            date: own.date,
            caption: own.caption,
            wording,
            picture: Picture { root, source, persons: own.seen },
        }
    }
}

/// Picture files are numbered by so many bits: four digits of folder, three of file.
const PATH_BITS: u32 = 23;
/// The most samples that have picture numbers of their own.
pub(super) const MOST_SAMPLES: u32 = 1 << PATH_BITS;

fn day(after: u32) -> Date {
    date(2008, 1, 1).saturating_add(Span::new().days(after))
}
