//! Who may launch an image, read.

use crate::errors::Call;
use crate::settings::DistributeImage;
use crate::world::Aws;
use amiline_app::ports::{CallError, PermissionReader};
use amiline_domain::ids::{ImageId, Region};
use amiline_domain::target::ShareTarget;
use aws_sdk_ec2::types::{ImageAttributeName, LaunchPermission};
use std::collections::BTreeSet;

impl PermissionReader for Aws<DistributeImage> {
    async fn launch_permissions(
        &self,
        region: &Region,
        image: &ImageId,
    ) -> Result<BTreeSet<ShareTarget>, CallError> {
        let call = Call::new("ec2:DescribeImageAttribute", image.as_str(), region);
        let request = self.clients.ec2(region).describe_image_attribute().image_id(image.as_str());
        let request = request.attribute(ImageAttributeName::LaunchPermission);
        let answer = request.send().await.map_err(|e| call.failed(e))?;
        if answer.image_id() != Some(image.as_str()) {
            return Err(call.unreadable("the answer is of another image"));
        }
        let targets = answer
            .launch_permissions()
            .iter()
            .filter(|permission| permission.group().is_none())
            .map(target);
        let targets: Option<BTreeSet<ShareTarget>> = targets.collect();
        // One that cannot be read must not pass for one that is not there.
        targets.ok_or_else(|| call.unreadable("a launch permission names nobody that is known"))
    }
}

fn target(permission: &LaunchPermission) -> Option<ShareTarget> {
    let named =
        [permission.user_id(), permission.organization_arn(), permission.organizational_unit_arn()];
    named.into_iter().flatten().next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::settings::ScheduleTick;
    use crate::stub::{Stub, world};
    use amiline_app::ports::ImageLister;

    const IMAGE: &str = "ami-0123456789abcdef0";

    fn answer(permissions: &str) -> Option<(u16, String)> {
        Some((
            200,
            format!(
                "<DescribeImageAttributeResponse><imageId>{IMAGE}</imageId><launchPermission>{permissions}\
                 </launchPermission></DescribeImageAttributeResponse>"
            ),
        ))
    }

    async fn read(permissions: &str) -> Result<BTreeSet<ShareTarget>, CallError> {
        let stub = Stub::answering(vec![answer(permissions)]).await;
        let (region, image) = (Region::new("us-west-2").unwrap(), ImageId::new(IMAGE).unwrap());
        let read =
            world::<DistributeImage>(&stub.endpoint).launch_permissions(&region, &image).await;
        for part in [
            "Action=DescribeImageAttribute",
            "Attribute=launchPermission",
            &format!("ImageId={IMAGE}"),
        ] {
            assert!(stub.asked()[0].contains(part), "{part} in {}", stub.asked()[0]);
        }
        read
    }

    #[tokio::test]
    async fn every_kind_of_launch_permission_is_read_and_what_cannot_be_read_is_none() {
        let unit = "arn:aws:organizations::123456789012:ou/o-123example/ou-ab12-11111111";
        let all = format!(
            "<item><userId>222222222222</userId></item><item><group>all</group></item>\
             <item><organizationalUnitArn>{unit}</organizationalUnitArn></item>"
        );
        let targets = ["222222222222", unit].map(|target| target.parse().unwrap());
        assert_eq!(read(&all).await, Ok(targets.into()));
        assert_eq!(read("").await, Ok(BTreeSet::new()));
        for strange in ["<item/>", "<item><organizationArn>o-123example</organizationArn></item>"] {
            assert_eq!(read(strange).await.unwrap_err().code, "Unreadable", "{strange}");
        }
    }

    #[tokio::test]
    async fn public_images_are_asked_for_by_a_filter() {
        let image = format!(
            "<DescribeImagesResponse><imagesSet><item><imageId>{IMAGE}</imageId><isPublic>true</isPublic><tagSet><item>\
             <key>amiline:family</key><value>fam-1</value></item></tagSet></item></imagesSet></DescribeImagesResponse>"
        );
        let stub = Stub::answering(vec![Some((200, image))]).await;
        let region = Region::new("us-west-2").unwrap();
        let tick = world::<ScheduleTick>(&stub.endpoint);
        let found = tick.public_images_tagged(&region, "amiline:family").await.unwrap();
        assert_eq!(found, [(ImageId::new(IMAGE).unwrap(), "fam-1".to_owned())]);
        for part in [
            "Owner.1=self",
            "Filter.1.Name=is-public&Filter.1.Value.1=true",
            "Filter.2.Name=tag-key&Filter.2.Value.1=amiline:family",
        ] {
            assert!(stub.asked()[0].contains(part), "{part} in {}", stub.asked()[0]);
        }
    }
}
