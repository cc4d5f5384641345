//! `amiline`: what the operator of a stack sees and does.

mod args;
mod commands;
mod coverage;
mod failure;
mod output;
mod paint;
mod policy;
mod table;

use args::Args;
use failure::CommandError;
use std::process::ExitCode;

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    let args = match Args::typed(std::env::args_os().collect()) {
        Ok(args) => args,
        Err(ended) => return ended,
    };
    match carry_out(&args).await {
        Ok(code) => code,
        Err(error) => {
            if !error.is_closed_pipe() {
                output::complain(error.kind(), &error.to_string(), args.json);
            }
            error.exit_code()
        }
    }
}

async fn carry_out(args: &Args) -> Result<ExitCode, CommandError> {
    let answer = commands::run(args).await?;
    output::print(&answer.text)?;
    Ok(answer.code)
}
