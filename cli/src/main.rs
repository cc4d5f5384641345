//! `amiline`: what the operator of a stack sees and does.

mod args;
mod commands;
mod coverage;
mod paint;
mod policy;
mod show;
mod why;

use args::Args;
use clap::Parser;
use std::process::ExitCode;

/// Exit codes: 0 done, 1 failed, 2 wrong usage (clap's), 3 not found.
#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    match commands::run(Args::parse()).await {
        Ok(answer) => {
            show::print(&answer.text);
            answer.code
        }
        Err(error) => {
            show::complain(&error);
            error.exit_code()
        }
    }
}
