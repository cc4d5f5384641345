//! Notices in the one form that AWS's chat service takes (Amazon Q Developer in chat applications,
//! formerly AWS Chatbot): a custom notification. It drops everything else without a word
//! (aws-behaviour.md#chat-notifications-have-one-form). The lengths that it takes could not be
//! verified, so these texts are kept short.

use crate::console::StackAddress;
use crate::escape::{one_line, unmarked};
use crate::history::{HistoryItem, Severity, Subject};
use crate::notice::{self, Notice, called, headline, links, next};
use serde::Serialize;

/// Characters of a title.
const TITLE_MAX: usize = 200;
/// Characters of a reason.
const REASON_MAX: usize = 600;

#[derive(Debug, Serialize)]
struct CustomNotification {
    version: &'static str,
    source: &'static str,
    id: String,
    content: Content,
    metadata: Metadata,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Content {
    text_type: &'static str,
    title: String,
    description: String,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    next_steps: Vec<String>,
    keywords: Vec<String>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Metadata {
    /// News of one subject stand in one thread, where the channel's preferences ask for threads.
    thread_id: String,
    summary: String,
    event_type: &'static str,
}

/// A history item for a chat channel: its `json` is a custom notification. The same item always
/// gives the same notice.
pub fn render(item: &HistoryItem, address: &StackAddress) -> Notice {
    instead_of(&notice::render(item, address), item, address)
}

/// The same, made from the notice that the other topics get.
pub fn instead_of(usual: &Notice, item: &HistoryItem, address: &StackAddress) -> Notice {
    let happened = headline(item, called(item).as_deref());
    let title =
        one_line(&unmarked(&format!("{}{happened}", mark(item.event.severity()))), TITLE_MAX);
    let policy = item.policy.as_ref().map(ToString::to_string);
    let notification = CustomNotification {
        version: "1.0",
        source: "custom",
        id: item.outcome_id.clone(),
        content: Content {
            text_type: "client-markdown",
            title,
            description: description(item),
            next_steps: next(item)
                .map(|command| code(&address.typed(&command)))
                .into_iter()
                .collect(),
            keywords: [item.event.as_str().to_owned()].into_iter().chain(policy).collect(),
        },
        metadata: Metadata {
            thread_id: thread(item),
            summary: one_line(&unmarked(&happened), TITLE_MAX),
            event_type: item.event.as_str(),
        },
    };
    // A value made of strings always serialises.
    let json = serde_json::to_string(&notification).unwrap_or_default();
    Notice { json, ..usual.clone() }
}

fn mark(severity: Severity) -> &'static str {
    match severity {
        Severity::Info => "Amiline: ",
        Severity::Warning => "Amiline, warning: ",
        Severity::Error => "Amiline needs you: ",
    }
}

fn description(item: &HistoryItem) -> String {
    let reason = item
        .reason
        .as_ref()
        .map(|reason| format!("Reason: {}", code(&one_line(&reason.text(), REASON_MAX))));
    let policy =
        item.policy.as_ref().map(|policy| format!(", policy {policy}")).unwrap_or_default();
    let place = format!("{} in account {}{policy}, {}", item.region, item.account, item.at);
    reason.into_iter().chain([place]).chain(links(item)).collect::<Vec<_>>().join("\n")
}

/// In a chat's code marks nothing is markup, a mention or a link; and nothing in `text` can end
/// them.
fn code(text: &str) -> String {
    let text: String =
        text.chars().map(|c| if matches!(c, '`' | '<' | '>') { '?' } else { c }).collect();
    format!("`{text}`")
}

fn thread(item: &HistoryItem) -> String {
    match &item.subject {
        Subject::Family(family) => family.to_string(),
        Subject::Enrolment(key) => key.instance.to_string(),
        Subject::Policy(policy) => format!("policy-{policy}"),
        Subject::KillSwitch(stack) => format!("kill-switch-{stack}"),
    }
}

#[cfg(test)]
mod tests;
