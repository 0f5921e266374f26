//! Places: GeoNames records, and how far apart what was said and what is true are.

use super::assignment;
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};

/// A record of a GeoNames file; records of one `query` are the places that a name may mean.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub struct GeoName {
    /// The name that was looked up.
    pub query: String,
    /// Latitude and longitude in degrees; absent: the name is no place.
    #[serde(default, deserialize_with = "coordinates")]
    pub coordinates: Option<[f64; 2]>,
    /// From the Earth down to the place: a list, or a text cut by semicolons.
    #[serde(default, deserialize_with = "hierarchy")]
    pub hierarchy: Vec<String>,
}

/// Some records of published files hold their lists as texts.
fn list<'de, D: Deserializer<'de>>(from: D) -> Result<Vec<String>, D::Error> {
    let word = |v: &Value| v.as_str().map_or(v.to_string(), str::to_owned);
    Ok(match Value::deserialize(from)? {
        Value::Array(list) => list.iter().map(word).collect(),
        Value::String(text) => text.split(';').map(|t| t.trim().to_owned()).filter(|t| !t.is_empty()).collect(),
        _ => Vec::new(),
    })
}

fn hierarchy<'de, D: Deserializer<'de>>(from: D) -> Result<Vec<String>, D::Error> {
    list(from)
}

fn coordinates<'de, D: Deserializer<'de>>(from: D) -> Result<Option<[f64; 2]>, D::Error> {
    let numbers: Vec<Option<f64>> =
        list(from)?.iter().map(|n| n.parse().ok().filter(|x: &f64| x.is_finite())).collect();
    match numbers.as_slice() {
        [] => Ok(None),
        [Some(latitude), Some(longitude)] => Ok(Some([*latitude, *longitude])),
        _ => Err(serde::de::Error::custom("coordinates are a latitude and a longitude")),
    }
}

/// A file of GeoNames records, by name.
#[derive(Debug, Default)]
pub struct Gazetteer {
    /// Lower-cased words of a name → its records.
    names: BTreeMap<Vec<String>, Vec<GeoName>>,
    longest: usize,
}

/// Coordinate Δ and hierarchy Δ of one row.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct PlaceScore {
    /// Σ 1 / (1 + thousands of kilometres) over the true places.
    pub coordinates: f64,
    /// Σ 1 / (1 + steps between the hierarchies) over the true places.
    pub hierarchy: f64,
}

fn words(text: &str) -> Vec<String> {
    let lower = text.to_lowercase();
    lower.split(|c: char| !c.is_alphanumeric()).filter(|w| !w.is_empty()).map(str::to_owned).collect()
}

/// The great-circle distance in kilometres.
fn kilometres([lat1, lon1]: [f64; 2], [lat2, lon2]: [f64; 2]) -> f64 {
    const RADIUS: f64 = 6371.0088;
    let (a, b) = (lat1.to_radians(), lat2.to_radians());
    let (dlat, dlon) = (b - a, (lon2 - lon1).to_radians());
    let h = (dlat / 2.0).sin().powi(2) + a.cos() * b.cos() * (dlon / 2.0).sin().powi(2);
    2.0 * RADIUS * h.sqrt().clamp(0.0, 1.0).asin()
}

/// Steps from one place up to the common one and down to the other; 0 where the predicted one lies within the true one.
fn steps(predicted: &[String], truth: &[String]) -> f64 {
    if truth.iter().all(|t| predicted.contains(t)) {
        return 0.0;
    }
    let common = predicted.iter().zip(truth).take_while(|(p, t)| p == t).count();
    (predicted.len() + truth.len() - 2 * common) as f64
}

impl Gazetteer {
    /// Of the records of a file. Those without coordinates are passed over.
    pub fn new(records: impl IntoIterator<Item = GeoName>) -> Gazetteer {
        let mut gazetteer = Gazetteer::default();
        for record in records.into_iter().filter(|r| r.coordinates.is_some()) {
            let words = words(&record.query);
            if !words.is_empty() {
                gazetteer.longest = gazetteer.longest.max(words.len());
                gazetteer.names.entry(words).or_default().push(record);
            }
        }
        gazetteer
    }

    /// The places that a text names, each once: of names that overlap the longest, from the left.
    pub fn places_in(&self, text: &str) -> Vec<&[GeoName]> {
        let words = words(text);
        let (mut found, mut seen, mut at) = (Vec::new(), BTreeSet::new(), 0);
        while at < words.len() {
            let most = self.longest.min(words.len() - at);
            let longest = (1..=most).rev().find_map(|n| Some((n, self.names.get_key_value(&words[at..at + n])?)));
            match longest {
                Some((n, (name, records))) => {
                    if seen.insert(name) {
                        found.push(records.as_slice());
                    }
                    at += n;
                }
                None => at += 1,
            }
        }
        found
    }

    /// Compares two texts; `None` where the true one names no known place. A true place that contains another true place is not asked
    /// for: who says "Oslo, Norway" means Oslo. Of the places that a name may mean the nearest counts.
    pub fn score(&self, predicted: &str, truth: &str) -> Option<PlaceScore> {
        let mut asked = self.places_in(truth);
        let within = |a: &GeoName, b: &GeoName| {
            let (a, b): (BTreeSet<&String>, BTreeSet<&String>) =
                (a.hierarchy.iter().collect(), b.hierarchy.iter().collect());
            a.is_subset(&b) && a.len() < b.len()
        };
        let all = asked.clone();
        asked.retain(|place| {
            let others = all.iter().filter(|o| !std::ptr::eq(**o, *place)).flat_map(|o| o.iter());
            !place.iter().any(|a| others.clone().any(|b| within(a, b)))
        });
        if asked.is_empty() {
            return None;
        }
        let said = self.places_in(predicted);
        let least = |p: usize, t: usize, apart: &dyn Fn(&GeoName, &GeoName) -> f64| {
            let pairs = said[p].iter().flat_map(|a| asked[t].iter().map(move |b| (a, b)));
            1.0 / (1.0 + pairs.map(|(a, b)| apart(a, b)).fold(f64::INFINITY, f64::min))
        };
        let far = |a: &GeoName, b: &GeoName| match (a.coordinates, b.coordinates) {
            (Some(a), Some(b)) => kilometres(a, b) / 1000.0,
            _ => f64::INFINITY,
        };
        Some(PlaceScore {
            coordinates: assignment(said.len(), asked.len(), |p, t| least(p, t, &far)),
            hierarchy: assignment(said.len(), asked.len(), |p, t| {
                least(p, t, &|a, b| steps(&a.hierarchy, &b.hierarchy))
            }),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn gazetteer() -> Gazetteer {
        let place = |query: &str, coordinates: [f64; 2], hierarchy: &[&str]| GeoName {
            query: query.into(),
            coordinates: Some(coordinates),
            hierarchy: hierarchy.iter().map(|h| (*h).to_owned()).collect(),
        };
        let nowhere = GeoName { query: "Nowhere".into(), coordinates: None, hierarchy: Vec::new() };
        Gazetteer::new([
            place("Oslo", [59.9127, 10.7461], &["Earth", "Europe", "Norway", "Oslo"]),
            place("Norway", [62.0, 10.0], &["Earth", "Europe", "Norway"]),
            place("Bergen", [60.3929, 5.3242], &["Earth", "Europe", "Norway", "Vestland", "Bergen"]),
            place("New York", [40.7143, -74.006], &["Earth", "North America", "United States", "New York"]),
            place("York", [53.9576, -1.0827], &["Earth", "Europe", "United Kingdom", "England", "York"]),
            nowhere,
        ])
    }

    #[test]
    fn by_hand() {
        let g = gazetteer();
        assert_eq!(g.places_in("In New York, not York; new york again").len(), 2);
        assert!(g.places_in("Nowhere").is_empty());
        // Oslo to Bergen: 305 km.
        let (oslo, bergen) = ([59.9127, 10.7461], [60.3929, 5.3242]);
        assert!((kilometres(oslo, bergen) - 305.0).abs() < 2.0);
        assert_eq!(kilometres(oslo, oslo), 0.0);
        assert!((kilometres([0.0, 0.0], [0.0, 180.0]) - std::f64::consts::PI * 6371.0088).abs() < 1e-6);
        assert_eq!(g.score("Oslo", "Oslo, Norway"), Some(PlaceScore { coordinates: 1.0, hierarchy: 1.0 }));
        let s = g.score("Bergen", "Oslo").unwrap();
        // Up from Bergen twice, down to Oslo once.
        assert_eq!(s.hierarchy, 0.25);
        assert!((s.coordinates - 1.0 / 1.305).abs() < 2e-3);
        // What lies within the true place is right; the other way round it is one step off.
        assert_eq!(g.score("Oslo", "Norway").unwrap().hierarchy, 1.0);
        assert_eq!(g.score("Norway", "Oslo").unwrap().hierarchy, 0.5);
        assert_eq!(g.score("", "Oslo and New York"), Some(PlaceScore { coordinates: 0.0, hierarchy: 0.0 }));
        assert_eq!(g.score("Oslo", "Oslo and New York").unwrap().hierarchy, 0.5);
        assert_eq!(g.score("Oslo", "here"), None);
    }
}
