//! Links into the AWS console, and the commands of `amiline`, as messages show them.

use crate::ids::{FamilyId, ImageId, InstanceId, PolicyName, Region, StackName, TagPrefix};
use std::fmt;

/// The address of an instance's page; none in a partition whose console's address is not known.
pub fn instance_page(region: &Region, instance: &InstanceId) -> Option<String> {
    page(region, &format!("InstanceDetails:instanceId={instance}"))
}

/// The address of an image's page; none in a partition whose console's address is not known.
pub fn image_page(region: &Region, image: &ImageId) -> Option<String> {
    page(region, &format!("ImageDetails:imageId={image}"))
}

fn page(region: &Region, fragment: &str) -> Option<String> {
    let domain = domain(region)?;
    Some(format!("https://{region}.{domain}/ec2/home?region={region}#{fragment}"))
}

/// The console's domain by the Region's partition (aws-behaviour.md#addresses-of-the-console). The
/// isolated partitions and the European Sovereign Cloud could not be verified, and a wrong link is
/// worse than none.
fn domain(region: &Region) -> Option<&'static str> {
    let name = region.as_str();
    let isolated = ["us-iso", "eu-iso", "eusc-"];
    if isolated.iter().any(|prefix| name.starts_with(prefix)) {
        None
    } else if name.starts_with("cn-") {
        Some("console.amazonaws.cn")
    } else if name.starts_with("us-gov-") {
        Some("console.amazonaws-us-gov.com")
    } else {
        Some("console.aws.amazon.com")
    }
}

/// What names a stack to the command: what has to be typed wherever the command is run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StackAddress {
    /// The stack.
    pub stack: StackName,
    /// Its `TagPrefix`.
    pub prefix: TagPrefix,
    /// The Region that it is deployed to.
    pub home: Region,
}

/// What the command assumes as stack and prefix.
const ASSUMED: &str = "amiline";

/// A command for a person to type.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Command<'a> {
    /// Why an instance has the images that it has, or not.
    Why(&'a InstanceId, &'a Region),
    /// Another attempt at what failed in a family.
    Retry(&'a FamilyId),
    /// What belongs to a family.
    Lineage(&'a ImageId),
    /// The versions of a policy.
    PolicyHistory(&'a PolicyName),
}

impl StackAddress {
    /// The command as it is typed.
    pub fn typed(&self, command: &Command<'_>) -> String {
        let mut typed = match command {
            Command::Why(instance, region) if **region == self.home => {
                format!("amiline why {instance}")
            }
            Command::Why(instance, region) => format!("amiline why {instance} --in {region}"),
            Command::Retry(family) => format!("amiline retry {family}"),
            Command::Lineage(image) => format!("amiline lineage {image}"),
            Command::PolicyHistory(policy) => format!("amiline policy history {policy}"),
        };
        let mut option =
            |name: &str, value: &dyn fmt::Display| typed.push_str(&format!(" --{name} {value}"));
        option("region", &self.home);
        if self.stack.as_str() != ASSUMED {
            option("stack", &self.stack);
        }
        if self.prefix.as_str() != ASSUMED {
            option("prefix", &self.prefix);
        }
        typed
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_link_leads_to_the_console_of_the_regions_partition_or_there_is_none() {
        let image = ImageId::new("ami-0f1e2d3c4b5a69788").unwrap();
        let link = |region: &str| image_page(&Region::new(region).unwrap(), &image);
        let of = |region: &str, domain: &str| {
            Some(format!(
                "https://{region}.{domain}/ec2/home?region={region}#ImageDetails:imageId=ami-0f1e2d3c4b5a69788"
            ))
        };
        for region in ["us-east-1", "eu-west-1", "ap-southeast-3", "mx-central-1", "us-west-2"] {
            assert_eq!(link(region), of(region, "console.aws.amazon.com"));
        }
        assert_eq!(link("cn-north-1"), of("cn-north-1", "console.amazonaws.cn"));
        assert_eq!(link("us-gov-west-1"), of("us-gov-west-1", "console.amazonaws-us-gov.com"));
        for region in ["us-iso-east-1", "us-isob-east-1"] {
            assert_eq!(
                Region::new(region).ok().and_then(|region| image_page(&region, &image)),
                None
            );
        }
        let instance = InstanceId::new("i-0a1b2c3d4e5f60718").unwrap();
        assert_eq!(
            instance_page(&Region::new("us-east-1").unwrap(), &instance).unwrap(),
            "https://us-east-1.console.aws.amazon.com/ec2/home?region=us-east-1#InstanceDetails:instanceId=i-0a1b2c3d4e5f60718"
        );
    }

    #[test]
    fn a_command_names_the_region_always_and_stack_and_prefix_where_they_are_not_assumed() {
        let home = Region::new("us-east-1").unwrap();
        let usual = StackAddress {
            stack: StackName::new("amiline").unwrap(),
            prefix: TagPrefix::new("amiline").unwrap(),
            home: home.clone(),
        };
        let family = FamilyId::new("fam-0123456789abcdef").unwrap();
        assert_eq!(
            usual.typed(&Command::Retry(&family)),
            "amiline retry fam-0123456789abcdef --region us-east-1"
        );
        let other = StackAddress {
            stack: StackName::new("staging").unwrap(),
            prefix: TagPrefix::new("images").unwrap(),
            ..usual
        };
        let instance = InstanceId::new("i-0a1b2c3d4e5f60718").unwrap();
        let west = Region::new("us-west-2").unwrap();
        assert_eq!(
            other.typed(&Command::Why(&instance, &west)),
            "amiline why i-0a1b2c3d4e5f60718 --in us-west-2 --region us-east-1 --stack staging --prefix images"
        );
        assert_eq!(
            other.typed(&Command::Why(&instance, &home)),
            "amiline why i-0a1b2c3d4e5f60718 --region us-east-1 --stack staging --prefix images"
        );
    }
}
