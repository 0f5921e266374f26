//! `graph = …` of a modality in the corpus file.

use crate::graph::Params;
use serde::Deserialize;
use serde::de::value::MapAccessDeserializer;
use serde::de::{Deserializer, MapAccess, Visitor};
use std::fmt;

/// What is asked of a modality's graph: `true`, `false`, or a table that asks for one and says how.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct GraphSource {
    /// Is one built? `None`: where searches gain by it.
    pub wanted: Option<bool>,
    /// How.
    pub params: Params,
    /// The modality whose vectors are queries known beforehand; `None`: of `X-image`, `X-text`.
    pub queries: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Table {
    m: Option<usize>,
    ef_construction: Option<usize>,
    cross: Option<usize>,
    queries: Option<String>,
}

impl GraphSource {
    /// What is wrong with it, and what to do.
    pub(super) fn fault(&self) -> Option<String> {
        let Params { m, ef_construction, cross, .. } = self.params;
        let outside = |name: &str, value: usize, least: usize, most: usize| {
            (!(least..=most).contains(&value))
                .then(|| format!("graph.{name} = {value} is not within {least} to {most}"))
        };
        let useless = || {
            let both = self.queries.is_some() && cross == 0;
            both.then(|| {
                "graph.queries are for links between what they find, and graph.cross = 0 forbids these: leave one out"
                    .into()
            })
        };
        let widths = outside("m", m, 4, 64).or_else(|| outside("cross", cross, 0, 64));
        widths.or_else(|| outside("ef_construction", ef_construction, m, 4096)).or_else(useless)
    }
}

impl<'de> Deserialize<'de> for GraphSource {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<GraphSource, D::Error> {
        struct Either;
        impl<'de> Visitor<'de> for Either {
            type Value = GraphSource;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("true, false, or a table of m, ef_construction, cross, queries")
            }

            fn visit_bool<E>(self, wanted: bool) -> Result<GraphSource, E> {
                Ok(GraphSource { wanted: Some(wanted), ..GraphSource::default() })
            }

            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<GraphSource, A::Error> {
                let table = Table::deserialize(MapAccessDeserializer::new(map))?;
                let usual = Params::default();
                let params = Params {
                    m: table.m.unwrap_or(usual.m),
                    ef_construction: table.ef_construction.unwrap_or(usual.ef_construction),
                    cross: table.cross.unwrap_or(usual.cross),
                    ..usual
                };
                Ok(GraphSource { wanted: Some(true), params, queries: table.queries })
            }
        }
        deserializer.deserialize_any(Either)
    }
}
