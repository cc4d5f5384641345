//! `amiline policy delete`: says who follows a policy, asks, and deletes it.

use super::{PolicyCommandError, tell_soon, versions_of};
use crate::args::Args;
use crate::ask::agreed;
use crate::commands::{Answer, connect, stack_of};
use crate::output;
use amiline_app::policies::{Follower, Followers, followers};
use amiline_app::ports::PolicyWriter;
use amiline_app::settings::WatchedStack;
use amiline_domain::ids::{PolicyName, Region};
use serde_json::json;
use std::fmt::Write as _;

/// The policy that the stack's template makes.
const OF_THE_STACK: &str = "default";

pub(super) async fn run(
    args: &Args,
    name: &PolicyName,
    yes: bool,
) -> Result<Answer, PolicyCommandError> {
    let aws = connect(args).await?;
    let stack = stack_of(args, &aws).await?;
    let versions = versions_of(&aws, name).await?.len();
    let follow = followers(&aws, &stack, name).await;
    if !args.json {
        output::print(&text(name, versions, &follow, &stack))?;
    }
    if let Some(unread) = follow.unread.first() {
        return Err(PolicyCommandError::FollowersUnread {
            name: name.clone(),
            region: unread.region.clone(),
        });
    }
    if !yes && !agreed(&format!("Delete {name}?"))? {
        return Ok(Answer::ended("Nothing was deleted.".to_owned(), false));
    }
    if !aws.delete_policy(name).await? {
        return Err(PolicyCommandError::NoSuchPolicy(name.clone()));
    }
    tell_soon(&aws, std::slice::from_ref(name)).await;
    Ok(Answer::done(match args.json {
        true => json!({
            "deleted": name,
            "versions": versions,
            "enrolled": follow.enrolled.iter().map(follower).collect::<Vec<_>>(),
            "pressed": follow.pressed.iter().map(follower).collect::<Vec<_>>(),
        })
        .to_string(),
        false => format!("Deleted {name} with its {}.", count(versions, "version")),
    }))
}

fn follower(one: &Follower) -> serde_json::Value {
    json!({"region": one.region, "instance": one.instance})
}

fn count(number: usize, what: &str) -> String {
    format!("{number} {what}{}", if number == 1 { "" } else { "s" })
}

/// Who follows the policy and what goes with it.
fn text(name: &PolicyName, versions: usize, followers: &Followers, stack: &WatchedStack) -> String {
    let mut out = String::new();
    let read = |region: &&Region| followers.unread.iter().all(|unread| unread.region != **region);
    let regions: Vec<&str> = stack.source_regions.iter().filter(read).map(Region::as_str).collect();
    // Writing to a String cannot fail.
    if followers.enrolled.is_empty() && followers.pressed.is_empty() && !regions.is_empty() {
        let _ = writeln!(out, "No instance names {name} in {}.", regions.join(", "));
    }
    if !followers.enrolled.is_empty() {
        let instances = count(followers.enrolled.len(), "instance");
        let _ = writeln!(out, "{instances} would lose the schedule of {name}:");
        list(&mut out, &followers.enrolled);
    }
    if !followers.pressed.is_empty() {
        let instances = count(followers.pressed.len(), "instance");
        let _ = writeln!(out, "{instances} would be refused the image that the button asks for:");
        list(&mut out, &followers.pressed);
    }
    for unread in &followers.unread {
        let _ = writeln!(out, "Who names it in {} is not known: {}", unread.region, unread.error);
    }
    if name.as_str() == OF_THE_STACK {
        let _ = writeln!(
            out,
            "{name} belongs to the stack: while it is gone, a deployment that changes it fails. Change its parameters instead."
        );
    }
    let _ = writeln!(
        out,
        "Its {} cannot be restored. To keep the newest: amiline policy show {name} > {name}.json",
        count(versions, "version")
    );
    out
}

fn list(out: &mut String, followers: &[Follower]) {
    for one in followers {
        let _ = writeln!(out, "  {}  {}", one.region, one.instance);
    }
}
