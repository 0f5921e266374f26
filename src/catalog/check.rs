//! Everything `verify-index` asks of a catalog beyond checksums: a file that passes can be trusted in full.

use super::view::Lists;
use super::*;
use crate::wire::Result;
use crate::words::text::count_words;
use crate::words::{Row, SampleId};
use std::collections::HashSet;

impl Catalog {
    /// Checks checksums, offsets, texts, bounds, orders and the inverse lists. Linear in the file.
    pub fn verify(&self) -> Result<()> {
        self.file.verify()?;
        let n = self.len() as usize;
        for (texts, name) in [
            (&self.ids, "id"),
            (&self.captions, "cap"),
            (&self.images, "img"),
            (&self.sources, "src"),
            (&self.topics, "top"),
            (&self.partitions, "part"),
            (&self.names, "name"),
            (&self.name_keys, "key"),
            (&self.labels, "label"),
        ] {
            texts.check(&self.file, name)?;
        }
        let names = self.name_count();
        for (lists, name, bound) in [
            (&self.partition_rows, "prow", n),
            (&self.mentions, "ment", names),
            (&self.pictured, "pict", names),
            (&self.name_rows, "nrow", n),
            (&self.pictured_rows, "pcrow", n),
        ] {
            self.check_lists(lists, name, bound)?;
        }
        self.demand(
            self.id_order.iter().all(|&r| (r as usize) < n)
                && self.id_order.windows(2).all(|w| self.ids.bytes(w[0] as usize) < self.ids.bytes(w[1] as usize)),
            "ids are not distinct and sorted",
        )?;
        self.demand(
            self.rows().all(|r| SampleId::from_json(self.id_json(r)).is_some_and(|id| id.to_json() == self.id_json(r))),
            "an id is no JSON integer or string",
        )?;
        for (column, texts, name) in [(&self.source, &self.sources, "source"), (&self.topic, &self.topics, "topic")] {
            self.demand(column.iter().all(|&v| v == NONE32 || (v as usize) < texts.len()), name)?;
        }
        self.demand(self.image.iter().all(|&v| (v as usize) < self.images.len()), "image numbers")?;
        for (texts, name) in [(&self.images, "image paths"), (&self.partitions, "partitions"), (&self.labels, "labels")]
        {
            let mut seen = HashSet::with_capacity(texts.len());
            self.demand((0..texts.len()).all(|i| seen.insert(texts.bytes(i))), &format!("{name} stand twice"))?;
        }
        self.demand(
            self.partition.iter().all(|&p| {
                if self.partitions.is_empty() { p == NONE16 } else { usize::from(p) < self.partitions.len() }
            }),
            "partition numbers",
        )?;
        self.demand(
            (0..self.partitions.len()).all(|p| {
                let rows = self.partition_rows.get(p);
                rows.windows(2).all(|w| w[0] < w[1]) && rows.iter().all(|&r| self.partition(Row(r)) == Some(p as u16))
            }) && (self.partitions.is_empty() || self.partition_rows.values.len() == n),
            "partition rows",
        )?;
        let times: Vec<_> = self.time_order.iter().map(|&r| (self.timestamp(Row(r)), r)).collect();
        self.demand(
            times.iter().all(|t| t.0.is_some())
                && times.windows(2).all(|w| w[0] < w[1])
                && times.len() == self.rows().filter(|&r| self.timestamp(r).is_some()).count(),
            "the order of timestamps",
        )?;
        self.demand(
            self.mention_labels.iter().all(|&l| l == NONE16 || usize::from(l) < self.labels.len()),
            "label numbers",
        )?;
        self.demand(
            (1..names).all(|i| {
                let at = |i: usize| (self.name_kinds.get(i).copied().unwrap_or(2), self.name_keys.bytes(i));
                at(i - 1) < at(i)
            }) && self.name_kinds.iter().all(|&k| k < 2),
            "names are not distinct and sorted",
        )?;
        self.demand(
            self.rows().all(|r| {
                let bits = self.mentions(r).fold(0, |bits, m| bits | signature_bit(m.name));
                bits == self.signature(r)
            }),
            "signatures",
        )?;
        self.demand(
            self.rows().all(|r| self.words(r) == (count_words(self.caption(r)) as u32).min(u32::from(u16::MAX))),
            "numbers of words",
        )?;
        let person = self.labels().position(|l| l == PERSON).map(|l| l as u16);
        self.demand(
            self.rows().all(|r| {
                let (flags, mentions) = (self.flags(r), self.mentions(r).count());
                // A PERSON without a name is flagged, and no mention.
                let has_person = person.is_some() && self.mentions(r).any(|m| m.label == person);
                flags.is_defined()
                    && (flags.entities_known() || (mentions == 0 && self.mention_count[r.index()] == 0))
                    && (!has_person || flags.has_person() == Some(true))
                    && (flags.pictured_known() || (!flags.entities_known() && self.pictured.get(r.index()).is_empty()))
            }),
            "flags",
        )?;
        self.check_inverse(&self.mentions, &self.name_rows, "the rows that mention a name")?;
        self.check_inverse(&self.pictured, &self.pictured_rows, "the rows that picture a name")
    }

    fn demand(&self, holds: bool, what: &str) -> Result<()> {
        if holds { Ok(()) } else { Err(self.file.damaged(what.to_owned())) }
    }

    fn check_lists(&self, lists: &Lists, name: &str, bound: usize) -> Result<()> {
        let offsets = &lists.offsets;
        self.demand(
            offsets.first() == Some(&0)
                && offsets.windows(2).all(|w| w[0] <= w[1])
                && offsets.last() == Some(&(lists.values.len() as u64))
                && lists.values.iter().all(|&v| (v as usize) < bound)
                && (0..offsets.len() - 1).all(|i| lists.get(i).windows(2).all(|w| w[0] <= w[1])),
            name,
        )
    }

    /// `back` lists for every value the distinct rows whose `forth` list holds it.
    fn check_inverse(&self, forth: &Lists, back: &Lists, what: &str) -> Result<()> {
        let mut next = vec![0usize; self.name_count()];
        let mut holds = true;
        for row in self.rows() {
            let mut last = None;
            for &name in forth.get(row.index()) {
                if last.replace(name) == Some(name) {
                    continue;
                }
                let at = &mut next[name as usize];
                holds &= back.get(name as usize).get(*at) == Some(&row.0);
                *at += 1;
            }
        }
        holds &= (0..self.name_count()).all(|i| next[i] == back.get(i).len());
        self.demand(holds, what)
    }
}
