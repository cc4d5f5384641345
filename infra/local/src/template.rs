//! The templates as JSON: with SAM's transform applied, for whoever compares; and as written, for
//! deployment.

use crate::error::LocalError;
use crate::places::Places;
use crate::prepare::{Environment, Lock, ensure, run};
use crate::progress::Progress;
use crate::{ACCOUNT, ACCOUNTS_SHARED_WITH, DESTINATION_REGIONS, HOME_REGION, KEY_ALIAS};
use serde_json::Value;
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;

/// The parameters that the local AWS deploys `infra/template.yaml` with, unless told otherwise.
pub fn parameters() -> BTreeMap<String, String> {
    let regions = DESTINATION_REGIONS.join(",");
    let architecture = if cfg!(target_arch = "aarch64") { "arm64" } else { "x86_64" };
    let given = [
        ("DestinationRegions", regions.as_str()),
        ("SourceRegions", &regions),
        ("ShareWithAccounts", &ACCOUNTS_SHARED_WITH.join(",")),
        ("KeyAlias", KEY_ALIAS),
        // Whoever plays presses the same button again.
        ("MinimumIntervalMinutes", "0"),
        ("Architecture", architecture),
    ]
    .map(|(name, value)| (name.to_owned(), value.to_owned()));
    BTreeMap::from(given)
}

/// `infra/template.yaml` with [`parameters`], as CloudFormation gets to see it after SAM's
/// transform.
pub fn transformed() -> Result<Value, LocalError> {
    Templates::open(&Places::find()?, Progress::Silent)?.transformed(&parameters())
}

/// `infra/regional.yaml` as JSON.
pub fn regional() -> Result<Value, LocalError> {
    let places = Places::find()?;
    Templates::open(&places, Progress::Silent)?.as_written(&places.regional())
}

/// Reads templates through `transform.py`, and keeps what it gave for as long as its input is the
/// same.
#[derive(Debug)]
pub(crate) struct Templates {
    places: Places,
    python: PathBuf,
}

impl Templates {
    pub(crate) fn open(places: &Places, progress: Progress) -> Result<Self, LocalError> {
        Ok(Self {
            places: places.clone(),
            python: ensure(places, Environment::Ministack, progress)?,
        })
    }

    /// The Python that has the emulator as well as the transform.
    pub(crate) fn python(&self) -> &Path {
        &self.python
    }

    /// A template as JSON, with short forms written out and nothing else changed.
    pub(crate) fn as_written(&self, template: &Path) -> Result<Value, LocalError> {
        self.read(template, &["--no-transform".to_owned()])
    }

    /// The home template after SAM's transform.
    pub(crate) fn transformed(
        &self,
        parameters: &BTreeMap<String, String>,
    ) -> Result<Value, LocalError> {
        let mut arguments = vec!["--region".to_owned(), HOME_REGION.to_owned()];
        for (name, value) in parameters {
            arguments.extend(["--parameter".to_owned(), format!("{name}={value}")]);
        }
        self.read(&self.places.template(), &arguments)
    }

    fn read(&self, template: &Path, arguments: &[String]) -> Result<Value, LocalError> {
        let script = self.places.emulators().join("transform.py");
        let mut hash = Sha256::new();
        for file in [template, &script] {
            hash.update(std::fs::read(file).map_err(LocalError::file("read", file))?);
        }
        for part in arguments {
            hash.update([0]);
            hash.update(part);
        }
        let kept =
            self.places.kept("templates").join(format!("{}.json", hex::encode(hash.finalize())));

        let _lock = Lock::take(&self.places, "templates")?;
        if !kept.is_file() {
            let advice = "Correct the template; `sam validate --lint` says more.";
            let mut command = Command::new(&self.python);
            command.env("PYTHONDONTWRITEBYTECODE", "1").arg(script).arg(template).args(arguments);
            let output = run(&mut command, &format!("reading {}", template.display()), advice)?;
            let directory = self.places.kept("templates");
            std::fs::create_dir_all(&directory).map_err(LocalError::file("create", &directory))?;
            std::fs::write(&kept, &output.stdout).map_err(LocalError::file("write", &kept))?;
        }
        let text = std::fs::read(&kept).map_err(LocalError::file("read", &kept))?;
        serde_json::from_slice(&text).map_err(|problem| LocalError::Answer {
            what: format!("transform.py for {}", template.display()),
            problem: problem.to_string(),
        })
    }
}

/// A function in a template: its logical id, and the binary that it is built from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Function {
    pub(crate) logical_id: String,
    pub(crate) binary: String,
}

/// The functions of a template as written.
pub(crate) fn functions(template: &Value) -> Vec<Function> {
    let resources = template.get("Resources").and_then(Value::as_object);
    resources
        .into_iter()
        .flatten()
        .filter_map(|(logical_id, resource)| {
            let binary = resource.pointer("/Metadata/BuildProperties/Binary")?.as_str()?.to_owned();
            Some(Function { logical_id: logical_id.clone(), binary })
        })
        .collect()
}

/// Says where a function's code is, as `sam package` does.
pub(crate) fn set_code(template: &mut Value, function: &Function, uri: &str) {
    let resource = template.pointer_mut(&format!("/Resources/{}", function.logical_id));
    let Some(resource) = resource.and_then(Value::as_object_mut) else { return };
    // How it is to be built says nothing about what is built already.
    resource.remove("Metadata");
    if let Some(properties) = resource.get_mut("Properties").and_then(Value::as_object_mut) {
        properties.insert("CodeUri".to_owned(), Value::String(uri.to_owned()));
    }
}

/// Writes the account and the Region into the conditions of a template. The local CloudFormation
/// reads conditions before it knows them, and takes `AWS::Region` for a text.
pub(crate) fn settle_conditions(template: &mut Value, region: &str) {
    fn settle(value: &mut Value, region: &str) {
        let known = match value.get("Ref").and_then(Value::as_str) {
            Some("AWS::Region") => Some(region),
            Some("AWS::AccountId") => Some(ACCOUNT),
            _ => None,
        };
        match (known, value) {
            (Some(known), value) => *value = Value::String(known.to_owned()),
            (None, Value::Array(parts)) => parts.iter_mut().for_each(|part| settle(part, region)),
            (None, Value::Object(parts)) => {
                parts.values_mut().for_each(|part| settle(part, region))
            }
            (None, Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_)) => {}
        }
    }
    if let Some(conditions) = template.get_mut("Conditions") {
        settle(conditions, region);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn functions_are_found_and_packaged() {
        let mut template = json!({"Resources": {
            "F": {"Metadata": {"BuildProperties": {"Binary": "amiline-f"}}, "Properties": {"Timeout": 3}},
            "Q": {"Properties": {}},
        }});
        let found = functions(&template);
        assert_eq!(
            found,
            [Function { logical_id: "F".to_owned(), binary: "amiline-f".to_owned() }]
        );
        set_code(&mut template, found.first().unwrap(), "s3://b/k");
        let expected = json!({"Properties": {"Timeout": 3, "CodeUri": "s3://b/k"}});
        assert_eq!(template.pointer("/Resources/F"), Some(&expected));
    }

    #[test]
    fn conditions_know_where_they_are() {
        let mut template = json!({"Conditions": {"C": {"Fn::Not": [{"Fn::Equals": [{"Ref": "AWS::Region"}, {"Ref": "P"}]}]}}});
        settle_conditions(&mut template, "eu-west-1");
        let expected = json!({"C": {"Fn::Not": [{"Fn::Equals": ["eu-west-1", {"Ref": "P"}]}]}});
        assert_eq!(template.get("Conditions"), Some(&expected));
    }
}
