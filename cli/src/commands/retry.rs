//! `amiline retry`: another attempt at what failed.

use super::{Answer, connect};
use crate::args::Args;
use crate::failure::CommandError;
use amiline_app::retry::retry;
use amiline_domain::ids::FamilyId;
use serde_json::json;

pub(super) async fn run(args: &Args, family: &FamilyId) -> Result<Answer, CommandError> {
    retry(&connect(args).await?, family).await?;
    Ok(Answer::done(match args.json {
        true => json!({"retried": family}).to_string(),
        false => format!("{family} is taken up again; `amiline families` shows how it goes"),
    }))
}
