//! `amiline`: what the operator of a stack sees and does.

mod advice;
mod args;
mod ask;
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
                let advice = match error.call() {
                    Some(call) => advice::advise(call, &args).await,
                    None => None,
                };
                let (kind, message) = match advice {
                    Some(advice) => (advice.kind, advice.message),
                    None => (error.kind(), output::one_paragraph(&error.to_string())),
                };
                output::complain(kind, &message, args.json);
            }
            error.exit_code()
        }
    }
}

async fn carry_out(args: &Args) -> Result<ExitCode, CommandError> {
    let answer = commands::run(args).await?;
    match args.json || args.command.prints_a_document() {
        true => output::print(&answer.text)?,
        false => output::say(&answer.text)?,
    }
    Ok(answer.code)
}
