//! Opening connections while a function starts, when Lambda gives it a whole processor: each TLS
//! handshake would cost the first message many times as much
//! (aws-behaviour.md#lambda-and-processor-time).
//!
//! Each call is a read that the function has the right to, a dry run, or puts nothing on the bus.
//! How it ends does not matter.

use crate::errors::Call;
use crate::settings::{CreateImage, DistributeImage, Notify, ScheduleTick};
use crate::world::{Aws, HasTable};
use amiline_app::ports::{Clock, DueReader};
use amiline_domain::ids::Region;
use futures_util::future::join_all;
use std::time::Duration;

/// Lambda gives a start ten seconds; an endpoint that does not answer must not take them all.
const WARM_TIMEOUT: Duration = Duration::from_secs(2);
/// Connections to Regions that are opened beforehand.
const REGIONS_MAX: usize = 6;
/// The key of no item.
const NO_ITEM: &str = "WARM";

/// A world whose connections can be opened beforehand.
pub trait Warm {
    /// Opens the connections that the first message will need.
    async fn warm(&self);
}

impl Warm for Aws<CreateImage> {
    async fn warm(&self) {
        let regions = std::slice::from_ref(&self.settings.stack.stack.home);
        let parameter = self.kill_switch_value();
        briefly(async {
            tokio::join!(
                self.touch_images(regions),
                self.touch_table(self.settings.table()),
                parameter
            )
        })
        .await;
    }
}

impl Warm for Aws<DistributeImage> {
    async fn warm(&self) {
        let regions: Vec<Region> =
            self.settings.stack.bounds.regions.iter().take(REGIONS_MAX).cloned().collect();
        let parameter = self.kill_switch_value();
        briefly(async {
            tokio::join!(
                self.touch_images(&regions),
                self.touch_table(self.settings.table()),
                parameter
            )
        })
        .await;
    }
}

impl Warm for Aws<ScheduleTick> {
    async fn warm(&self) {
        let client = self.clients.ec2(self.home());
        briefly(async {
            tokio::join!(client.describe_tags().dry_run(true).send(), self.due(0, self.now(), None))
        })
        .await;
    }
}

impl Warm for Aws<Notify> {
    async fn warm(&self) {
        // PutEvents without an entry is refused for that: nothing can come of it.
        let bus = self.clients.eventbridge().put_events().set_entries(Some(Vec::new()));
        briefly(async { tokio::join!(self.touch_table(self.settings.table()), bus.send()) }).await;
    }
}

impl<S> Aws<S> {
    async fn touch_images(&self, regions: &[Region]) {
        join_all(regions.iter().map(|region| async {
            let client = self.clients.ec2(region);
            let _ = client.describe_images().owners("self").dry_run(true).send().await;
        }))
        .await;
    }

    async fn touch_table(&self, table: &str) {
        let _ = self
            .item(Call::new("dynamodb:GetItem", NO_ITEM, self.home()), table, NO_ITEM, NO_ITEM)
            .await;
    }
}

async fn briefly<T>(work: impl Future<Output = T>) {
    let _ = tokio::time::timeout(WARM_TIMEOUT, work).await;
}
