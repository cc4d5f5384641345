//! What people do meanwhile: tag, terminate, share, deregister, forge.

use crate::cloud::FakeCloud;
use crate::ec2_images::{Image, ImageDevice, NewImage, Permission};
use crate::ec2_instances::{check_tags, root_name};
use crate::versioned::Versioned;
use amiline_domain::ids::{AccountId, ImageId, InstanceId, Region};
use amiline_domain::image::{ImageState, InstanceState};
use amiline_domain::target::ShareTarget;
use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

/// An image that somebody makes beside us.
#[derive(Debug, Clone, Default)]
pub struct Forged {
    /// Its name.
    pub name: String,
    /// Its tags, ours too if somebody wants to deceive.
    pub tags: BTreeMap<String, String>,
    /// The instance that CreateImage made it from.
    pub source_instance: Option<InstanceId>,
    /// The image that CopyImage made it from.
    pub source_image: Option<ImageId>,
    /// Its owner, if it is another account's.
    pub owner: Option<AccountId>,
}

impl FakeCloud {
    /// Somebody tags an instance.
    pub fn tag(&self, region: &Region, instance: &InstanceId, key: &str, value: &str) {
        let mut state = self.state.borrow_mut();
        state.line(format_args!("somebody tags {instance} in {region}: {key}={value:?}"));
        state.tag_instance(region, instance, key, value).expect("a tag that EC2 takes");
    }

    /// Somebody takes a tag off an instance.
    pub fn untag(&self, region: &Region, instance: &InstanceId, key: &str) {
        let mut state = self.state.borrow_mut();
        state.line(format_args!("somebody untags {instance} in {region}: {key}"));
        state.untag_instance(region, instance, key, None).expect("an instance that EC2 knows");
    }

    /// Somebody presses the button of an instance.
    pub fn press(&self, region: &Region, instance: &InstanceId, policy: &str) {
        let key = Rc::clone(self.state.borrow().settings.button());
        self.tag(region, instance, &key, policy);
    }

    /// Somebody enrols an instance in the schedules of policies.
    pub fn enrol(&self, region: &Region, instance: &InstanceId, policies: &str) {
        let key = Rc::clone(self.state.borrow().settings.schedule());
        self.tag(region, instance, &key, policies);
    }

    /// Somebody stops or starts an instance, or a pending one runs: whatever leads to this state.
    pub fn set_instance_state(&self, region: &Region, instance: &InstanceId, to: InstanceState) {
        let mut state = self.state.borrow_mut();
        state.line(format_args!("{instance} in {region} is {to:?}"));
        state.change_instance(region, instance, |instance| instance.state = to);
    }

    /// Somebody terminates an instance; EC2 shows it for another hour.
    pub fn terminate(&self, region: &Region, instance: &InstanceId) {
        let mut state = self.state.borrow_mut();
        state.line(format_args!("somebody terminates {instance} in {region}"));
        let now = state.now;
        state.change_instance(region, instance, |instance| {
            instance.state = InstanceState::Terminated;
            instance.gone_at = Some(now);
        });
    }

    /// Somebody makes a launch template, or a new version of it, that names an image.
    pub fn name_in_template(&self, region: &Region, template: &str, image: &ImageId) {
        let mut state = self.state.borrow_mut();
        state.line(format_args!(
            "somebody lets launch template {template} in {region} name {image}"
        ));
        state.region_mut(region).templates.insert(template.to_owned(), image.clone());
    }

    /// The images that launch templates of a Region name.
    pub fn named_in_templates(&self, region: &Region) -> BTreeSet<ImageId> {
        self.state.borrow().region(region).templates.values().cloned().collect()
    }

    /// Somebody deregisters an image; its snapshots stay.
    pub fn deregister(&self, region: &Region, image: &ImageId) {
        self.set_state_by_hand(region, image, ImageState::Deregistered, None);
    }

    /// Somebody disables an image.
    pub fn disable(&self, region: &Region, image: &ImageId) {
        self.set_state_by_hand(region, image, ImageState::Disabled, None);
    }

    /// Somebody enables an image again; its shares do not come back
    /// (aws-behaviour.md#disabling-removes-launch-permissions).
    pub fn enable(&self, region: &Region, image: &ImageId) {
        self.set_state_by_hand(region, image, ImageState::Available, None);
    }

    /// A pending image becomes available now.
    pub fn finish(&self, region: &Region, image: &ImageId) {
        self.state.borrow_mut().settle(region, image);
    }

    /// A pending image fails now.
    pub fn fail(&self, region: &Region, image: &ImageId, why: &str) {
        self.set_state_by_hand(region, image, ImageState::Failed, Some(why));
    }

    fn set_state_by_hand(
        &self,
        region: &Region,
        image: &ImageId,
        to: ImageState,
        why: Option<&str>,
    ) {
        let mut state = self.state.borrow_mut();
        state.known_image(region, image).expect("an image that EC2 knows");
        state.set_state(region, image, to, why.map(str::to_owned));
    }

    /// Somebody shares an image; the error code if EC2 refuses.
    pub fn share(&self, region: &Region, image: &ImageId, with: Permission) -> Result<(), String> {
        let mut state = self.state.borrow_mut();
        state.line(format_args!("somebody shares {image} in {region} with {with:?}"));
        state
            .share_image(region, image, &BTreeSet::from([with]))
            .map(|_| ())
            .map_err(|refusal| refusal.code)
    }

    /// An account is closed, or an organizational unit deleted: EC2 refuses to share with it from
    /// now on.
    pub fn close(&self, target: &ShareTarget) {
        self.state.borrow_mut().settings.closed.insert(target.clone());
    }

    /// The account is open again.
    pub fn reopen(&self, target: &ShareTarget) {
        self.state.borrow_mut().settings.closed.remove(target);
    }

    /// Somebody takes a permission away.
    pub fn unshare(&self, region: &Region, image: &ImageId, with: &Permission) {
        let mut state = self.state.borrow_mut();
        state.line(format_args!(
            "somebody takes the share of {image} in {region} with {with:?} back"
        ));
        state.change_image(region, image, |image| image.permissions.remove(with));
    }

    /// Somebody tags an image.
    pub fn tag_image(&self, region: &Region, image: &ImageId, key: &str, value: &str) {
        let mut state = self.state.borrow_mut();
        state.line(format_args!("somebody tags {image} in {region}: {key}={value:?}"));
        state.change_image(region, image, |image| {
            image.tags.insert(key.to_owned(), value.to_owned())
        });
    }

    /// Somebody takes a tag off an image.
    pub fn untag_image(&self, region: &Region, image: &ImageId, key: &str) {
        let mut state = self.state.borrow_mut();
        state.line(format_args!("somebody untags {image} in {region}: {key}"));
        state.change_image(region, image, |image| image.tags.remove(key));
    }

    /// Somebody makes an image beside us, available at once. Its event is emitted if it is this
    /// account's. The error code if EC2 refuses: names are unique for people too.
    pub fn forge(&self, region: &Region, forged: Forged) -> Result<ImageId, String> {
        let mut state = self.state.borrow_mut();
        let ours = forged.owner.as_ref().is_none_or(|owner| *owner == state.account);
        check_tags(&forged.tags).map_err(|refusal| refusal.code)?;
        if ours {
            state.check_name(region, &forged.name).map_err(|refusal| refusal.code)?;
        }
        let name = forged.name.clone();
        let id = state.insert_image(NewImage {
            region: region.clone(),
            name: forged.name,
            source_instance: forged.source_instance,
            is_copy: false,
            within_minutes: None,
            source_image: forged.source_image,
            keys: vec![None],
            devices: vec![ImageDevice { name: root_name(), delete_on_termination: true }],
            tags: forged.tags,
            doomed: None,
        });
        let now = state.now;
        let made = state.region(region).image(&id).expect("just made").clone();
        let owner = forged.owner.unwrap_or(made.owner.clone());
        let image =
            Image { owner, born_with: None, doomed: None, state: ImageState::Available, ..made };
        state.region_mut(region).images.insert(id.clone(), Versioned::new(now, image));
        state.line(format_args!("somebody makes {id} in {region}, named {name:?}"));
        if ours {
            state.emit_image_state(region, &id, ImageState::Available, "");
        }
        Ok(id)
    }
}
