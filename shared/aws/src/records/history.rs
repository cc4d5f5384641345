//! History that waits to be announced.

use super::expression::Expression;
use super::items::{self, HistoryEntry};
use super::layout;
use crate::errors::Call;
use crate::settings::Notify;
use crate::world::{Aws, HasTable};
use amiline_app::ports::CallError;
use amiline_domain::history::Subject;
use amiline_domain::receiver::{Receiver, Unannounced};
use std::collections::BTreeSet;

/// Where a history item is.
pub(crate) struct HistoryPlace {
    pk: String,
    sk: String,
}

impl HistoryPlace {
    pub(crate) fn of(subject: &Subject, seq: u64) -> Self {
        Self { pk: layout::history_pk(subject), sk: layout::history_sk(seq) }
    }
}

impl Aws<Notify> {
    /// Takes the mark off. An item that is gone stays gone, and one that was marked before stays as
    /// it is.
    pub(crate) async fn forget_unannounced(
        &self,
        image_role: &HistoryPlace,
    ) -> Result<(), CallError> {
        let update = Expression::default()
            .remove(layout::UNANNOUNCED)
            .remove(layout::TOLD)
            .remove(layout::DUE_SHARD)
            .remove(layout::DUE_AT)
            .when_present(layout::PK);
        self.update(
            self.settings.table(),
            layout::key(&image_role.pk, &image_role.sk),
            &update,
            &image_role.pk,
        )
        .await
        .map(|_| ())
    }

    /// Adds to those who were told. An item that is gone stays gone, and one that waits for nobody
    /// stays as it is.
    pub(crate) async fn add_told(
        &self,
        image_role: &HistoryPlace,
        told: &BTreeSet<Receiver>,
    ) -> Result<(), CallError> {
        if told.is_empty() {
            return Ok(());
        }
        let told = told.iter().map(|receiver| receiver.as_str().to_owned()).collect();
        let update =
            Expression::default().add_texts(layout::TOLD, told).when_present(layout::UNANNOUNCED);
        self.update(
            self.settings.table(),
            layout::key(&image_role.pk, &image_role.sk),
            &update,
            &image_role.pk,
        )
        .await
        .map(|_| ())
    }

    /// The item, if it still waits.
    pub(crate) async fn unannounced_history(
        &self,
        pk: &str,
        sk: &str,
    ) -> Result<Option<Unannounced>, CallError> {
        let call = Call::new("dynamodb:GetItem", pk, self.home());
        if !layout::has_history(pk) || !sk.starts_with(layout::HISTORY_PREFIX) {
            // A message may name anything; only history is published.
            return Ok(None);
        }
        let Some(item) = self.item(call, self.settings.table(), pk, sk).await? else {
            return Ok(None);
        };
        let entry: HistoryEntry = items::read(item).map_err(|e| call.unreadable(&e))?;
        Ok(entry.waiting())
    }
}

/// The history item of a record of the table's stream, if it is one that waits to be announced.
pub fn history_of_stream(image: serde_dynamo::Item) -> Result<Option<Unannounced>, String> {
    let entry: HistoryEntry = serde_dynamo::from_item(image).map_err(|e| e.to_string())?;
    Ok(entry.waiting())
}
