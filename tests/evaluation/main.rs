//! The fear: a measurement that says what was hoped for. So datasets are broken in every way that they promise not to be, and
//! numbers are compared with those that others have measured, or that fit on a hand.

mod chat;
#[path = "../common/mod.rs"]
mod common;
mod desk;
mod difficulty;
mod retrieval;
mod stats;
mod veracity;
mod verify;
