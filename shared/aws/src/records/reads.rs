//! Reading records. Every read is consistent.

use super::Item;
use super::items;
use super::layout::{self, text};
use crate::errors::Call;
use crate::time::pause;
use crate::world::{Aws, KeepsRecords};
use amiline_app::ports::{CallError, Clock, Enrolled, RecordReader};
use amiline_domain::budget::Budget;
use amiline_domain::enrolment::{Enrolment, EnrolmentKey};
use amiline_domain::family::Family;
use amiline_domain::fault::Fault;
use amiline_domain::ids::{FamilyId, ImageId, Region};
use amiline_domain::press::{Press, PressKey};
use amiline_domain::tags::Button;
use aws_sdk_dynamodb::types::KeysAndAttributes;
use std::collections::HashMap;
use std::time::Duration;

/// How often the keys that a batch left out are asked for.
const TRIES_MAX: u32 = 5;
const PAUSE: Duration = Duration::from_millis(100);
/// DynamoDB takes this many keys in one batch.
const BATCH_MAX: usize = 100;

impl<S: KeepsRecords> RecordReader for Aws<S> {
    async fn press_and_budget(&self, key: &PressKey) -> Result<(Press, Budget), CallError> {
        let call = Call::new("dynamodb:BatchGetItem", key.instance.as_str(), self.home());
        let (press, budget) = (layout::press_pk(key), layout::budget_pk(&key.account));
        let keys =
            vec![layout::key(&press, layout::PRESS_SK), layout::key(&budget, layout::BUDGET_SK)];
        let mut found = (Press::untouched(), Budget::default());
        for item in self.batch(call, self.settings.table(), keys).await? {
            let pk =
                item.get(layout::PK).and_then(|pk| pk.as_s().ok()).cloned().unwrap_or_default();
            if pk == press {
                found.0 = items::press(item).map_err(|e| call.unreadable(&e))?;
            } else if pk == budget {
                found.1 = items::budget(item).map_err(|e| call.unreadable(&e))?;
            }
        }
        Ok(found)
    }

    async fn enrolment(&self, key: &EnrolmentKey) -> Result<Enrolled, CallError> {
        let call = Call::new("dynamodb:BatchGetItem", key.instance.as_str(), self.home());
        let (account, region, instance) =
            (key.account.clone(), key.region.clone(), key.instance.clone());
        let button = PressKey { account, region, instance, button: Button::Image };
        let (enrolment, press) = (layout::enrolment_pk(key), layout::press_pk(&button));
        let budget = layout::budget_pk(&key.account);
        let keys = vec![
            layout::key(&enrolment, layout::ENROLMENT_SK),
            layout::key(&press, layout::PRESS_SK),
            layout::key(&budget, layout::BUDGET_SK),
        ];
        let mut found = Enrolled {
            enrolment: Enrolment::default(),
            press: Press::untouched(),
            budget: Budget::default(),
        };
        for item in self.batch(call, self.settings.table(), keys).await? {
            let pk =
                item.get(layout::PK).and_then(|pk| pk.as_s().ok()).cloned().unwrap_or_default();
            if pk == enrolment {
                found.enrolment = items::enrolment(item).map_err(|e| call.unreadable(&e))?;
            } else if pk == press {
                found.press = items::press(item).map_err(|e| call.unreadable(&e))?;
            } else if pk == budget {
                found.budget = items::budget(item).map_err(|e| call.unreadable(&e))?;
            }
        }
        Ok(found)
    }

    async fn family(&self, id: &FamilyId) -> Result<Option<Family>, CallError> {
        let call = Call::new("dynamodb:Query", id.as_str(), self.home());
        // From the first image to META; the history sorts before and is not read.
        let pages = self
            .clients
            .dynamodb()
            .query()
            .table_name(self.settings.table())
            .consistent_read(true)
            .key_condition_expression("pk = :pk AND sk BETWEEN :first AND :last")
            .expression_attribute_values(":pk", text(layout::family_pk(id)))
            .expression_attribute_values(":first", text(layout::IMAGE_PREFIX))
            .expression_attribute_values(":last", text(layout::META_SK))
            .into_paginator();
        let found = pages.items().send().try_collect().await.map_err(|e| call.failed(e))?;
        items::family(found).map_err(|e| call.unreadable(&e))
    }

    async fn family_of_image(
        &self,
        region: &Region,
        image: &ImageId,
    ) -> Result<Option<FamilyId>, CallError> {
        let call = Call::new("dynamodb:GetItem", image.as_str(), self.home());
        let item = self
            .item(
                call,
                self.settings.table(),
                &layout::pointer_pk(region, image),
                layout::POINTER_SK,
            )
            .await?;
        let family = item.map(|item| attribute(item, layout::FAMILY).unwrap_or_default());
        family.map(FamilyId::new).transpose().map_err(|e| call.unreadable(&e.to_string()))
    }

    async fn kept_policy(&self, hash: &str) -> Result<Option<String>, CallError> {
        let (pk, now) = (layout::policy_pk(hash), self.now());
        // A text never changes under its hash, so it is read once in a process.
        if let Some(text) = self.kept.fresh(&pk, now, i64::MAX) {
            return Ok(Some(text));
        }
        let call = Call::new("dynamodb:GetItem", hash, self.home());
        let Some(item) = self.item(call, self.settings.table(), &pk, layout::POLICY_SK).await?
        else {
            return Ok(None);
        };
        let text =
            attribute(item, layout::TEXT).ok_or_else(|| call.unreadable("a policy has no text"))?;
        self.kept.keep(&pk, now, &text);
        Ok(Some(text))
    }
}

fn attribute(mut item: Item, name: &str) -> Option<String> {
    item.remove(name).and_then(|value| value.as_s().ok().cloned())
}

impl<S> Aws<S> {
    pub(crate) async fn item(
        &self,
        call: Call<'_>,
        table: &str,
        pk: &str,
        sk: &str,
    ) -> Result<Option<Item>, CallError> {
        let request = self.clients.dynamodb().get_item().table_name(table).consistent_read(true);
        let answer = request.set_key(Some(layout::key(pk, sk))).send().await;
        answer.map(|answer| answer.item).map_err(|e| call.failed(e))
    }

    /// The items that exist of these, in any order. All of them, or an error.
    pub(super) async fn batch(
        &self,
        call: Call<'_>,
        table: &str,
        keys: Vec<Item>,
    ) -> Result<Vec<Item>, CallError> {
        let mut found = Vec::with_capacity(keys.len());
        for some in keys.chunks(BATCH_MAX) {
            let mut left = some.to_vec();
            let mut tries = 1;
            loop {
                let wanted =
                    KeysAndAttributes::builder().set_keys(Some(left)).consistent_read(true).build();
                let wanted =
                    wanted.map_err(|e| call.error("NotSent", &e.to_string(), Fault::Later))?;
                let request = self.clients.dynamodb().batch_get_item().request_items(table, wanted);
                let answer = request.send().await.map_err(|e| call.failed(e))?;
                found.extend(answer.responses.into_iter().flat_map(HashMap::into_values).flatten());
                left = answer
                    .unprocessed_keys
                    .into_iter()
                    .flat_map(HashMap::into_values)
                    .flat_map(|k| k.keys)
                    .collect();
                if left.is_empty() {
                    break;
                }
                if tries == TRIES_MAX {
                    return Err(call.error(
                        "UnprocessedKeys",
                        "the table did not answer for every key",
                        Fault::Later,
                    ));
                }
                pause(PAUSE * tries).await;
                tries += 1;
            }
        }
        Ok(found)
    }
}
