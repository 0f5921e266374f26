//! The command line: see `mispair --help`.

#![forbid(unsafe_code)]

use clap::Parser;
use std::process::ExitCode;

fn main() -> ExitCode {
    mispair::cli::run(mispair::cli::Args::parse())
}
