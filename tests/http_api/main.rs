//! The fear: a daemon that answers otherwise than the library does; that lets in whom it should not, or more than it can bear;
//! that says "error" where it could say which field. Every route, without a socket.

#[path = "../common/mod.rs"]
mod common;
#[path = "../fuzzed/mod.rs"]
mod fuzzed;

mod answers;
mod bodies;
mod every_request;
mod hostile;
mod house;
mod images;
mod load;
mod models;
mod reload;
mod tokens;
mod verify;
mod wrong;
