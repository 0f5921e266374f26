//! The command line: see `mispair --help`.

use clap::Parser;
use std::process::ExitCode;

fn main() -> ExitCode {
    mispair::cli::run(mispair::cli::Args::parse())
}
