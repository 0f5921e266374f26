//! stub
#![allow(missing_docs)]
use super::pair::Pair;
use crate::words::Row;
#[derive(Debug, Clone, PartialEq)]
pub struct Merged {
    pub blocks: Vec<(String, Vec<Pair>)>,
    pub quota: usize,
}
pub fn merge(splits: &[(&str, Vec<Pair>, bool)], _image: impl Fn(Row) -> u32, _seed: u64) -> Merged {
    Merged { blocks: splits.iter().map(|s| (s.0.to_owned(), s.1.clone())).collect(), quota: 0 }
}
