//! Shares that people made or took back: EC2 tells nobody, and Amiline must find out.

use super::Check;
use crate::run::Run;
use amiline_domain::family::{Family, ImageRow, RowState, ShareState};
use amiline_domain::history::EventKind;
use amiline_domain::ids::{ImageId, Region};
use amiline_fakecloud::{Image, Permission};
use std::collections::BTreeSet;

/// Once every family was asked, the record says what EC2 says, and everything that is not as the
/// policy says was told.
pub(super) fn look(run: &mut Run) {
    told_in_turn(run);
    if run.violated() || run.diary.shared.is_empty() {
        return;
    }
    run.ask_with_whom_images_are_shared();
    for family in run.cloud.families() {
        let found = is_found(run, &family);
        for row in family.rows.values().filter(|row| row.state == RowState::Available) {
            let Some(image) = row.image.as_ref().map(|id| run.cloud.image(&row.region, id)) else {
                continue;
            };
            let problem = if found { wrong_with(run, row, &image) } else { None };
            run.oracle.hold(Check::SharesAsTold, problem.is_none(), || {
                format!("{} in {}: {}", image.id, image.region, problem.unwrap_or_default())
            });
        }
    }
    told_in_turn(run);
}

/// Whether any image of the family carries the tag that names it, in a Region that is looked at.
fn is_found(run: &Run, family: &Family) -> bool {
    let tag = |row: &ImageRow| {
        let image = row.image.as_ref().map(|id| run.cloud.image(&row.region, id));
        image.is_some_and(|image| image.exists() && image.tags.contains_key("amiline:family"))
    };
    let listed =
        |place: &Region| run.watched.contains(place) || run.stack.bounds.regions.contains(place);
    family.rows.values().any(|row| listed(&row.region) && tag(row))
}

fn wrong_with(run: &Run, row: &ImageRow, image: &Image) -> Option<String> {
    let everybody = image.permissions.contains(&Permission::Everybody);
    let recorded =
        row.shared_with.iter().chain(&row.shared_by_others).cloned().map(Permission::Target);
    let recorded: BTreeSet<Permission> =
        recorded.chain(row.public.then_some(Permission::Everybody)).collect();
    if recorded != image.permissions {
        return Some(format!(
            "recorded as shared with {recorded:?}, and it is with {:?}",
            image.permissions
        ));
    }
    let told = |kind: EventKind| told_of(run, &image.region, &image.id, kind) > 0;
    if everybody && !told(EventKind::ImageMadePublic) {
        return Some("it is public, and nobody was told".to_owned());
    }
    if !row.shared_by_others.is_empty() && !told(EventKind::SharedByOthers) {
        return Some("somebody shared it, and nobody was told".to_owned());
    }
    let said = [EventKind::ShareTakenBack, EventKind::ShareFailed, EventKind::ImageDisabled];
    if row.share == ShareState::Failed && !said.into_iter().any(told) {
        return Some("it is not shared as asked for, and nobody was told".to_owned());
    }
    None
}

fn told_of(run: &Run, place: &Region, image: &ImageId, kind: EventKind) -> usize {
    let here = |family: &Family| {
        family.rows.values().any(|row| row.region == *place && row.image.as_ref() == Some(image))
    };
    let families: Vec<_> =
        run.cloud.families().into_iter().filter(here).map(|family| family.id).collect();
    let of =
        |(event, subject, id): &&(EventKind, amiline_domain::history::Subject, Option<ImageId>)| {
            *event == kind
                && id.as_ref() == Some(image)
                && subject.family().is_some_and(|id| families.contains(id))
        };
    run.oracle.recorded.values().filter(of).count()
}

/// Nothing is told of shares that nobody changed, and nothing more often than somebody did.
fn told_in_turn(run: &mut Run) {
    let kinds = [EventKind::SharedByOthers, EventKind::ImageMadePublic, EventKind::ShareTakenBack];
    let told: Vec<(EventKind, ImageId)> = run
        .oracle
        .recorded
        .values()
        .filter(|(event, ..)| kinds.contains(event))
        .filter_map(|(event, _, image)| Some((*event, image.clone()?)))
        .collect();
    for (event, image) in &told {
        let hands: usize = run
            .diary
            .shared
            .iter()
            .filter(|((_, id), _)| id == image)
            .map(|(_, often)| *often)
            .sum();
        let often = told.iter().filter(|other| *other == &(*event, image.clone())).count();
        // Disabling takes the permissions away. If its events are lost, and it is enabled again,
        // only they tell of it.
        let disabled = run.diary.touched.iter().any(|(_, id)| id == image);
        let by_disabling = *event == EventKind::ShareTakenBack && disabled;
        run.oracle.hold(Check::SharesAsTold, by_disabling || often <= hands, || {
            format!(
                "{} of {image} was told {often} times, and people changed its shares {hands} times",
                event.as_str()
            )
        });
    }
}
