//! The templates as tests of the whole workspace read them. Needs Python; the first run installs
//! the emulators' packages.

use amiline_local::template;
use serde_json::Value;

fn of_type<'a>(template: &'a Value, kind: &str) -> Vec<&'a Value> {
    let resources = template["Resources"].as_object();
    resources
        .into_iter()
        .flat_map(|resources| resources.values())
        .filter(|resource| resource["Type"] == kind)
        .collect()
}

#[test]
fn the_home_template_after_the_transform() {
    let template = template::transformed().unwrap();
    assert!(template.get("Transform").is_none());
    assert!(of_type(&template, "AWS::Serverless::Function").is_empty());
    let functions = of_type(&template, "AWS::Lambda::Function");
    assert_eq!(functions.len(), 4);
    for function in functions {
        assert!(
            function["Properties"]["Environment"]["Variables"]["AMILINE_STACK"].is_object(),
            "{function}"
        );
    }
}

#[test]
fn the_regional_template_with_its_short_forms_written_out() {
    let template = template::regional().unwrap();
    for rule in of_type(&template, "AWS::Events::Rule") {
        assert_eq!(rule["Condition"], "IsElsewhere");
        assert!(rule["Properties"]["Targets"][0]["Arn"]["Fn::Sub"].is_string(), "{rule}");
    }
}

#[test]
fn the_local_parameters_are_parameters_of_the_template() {
    let template = template::transformed().unwrap();
    let known = template["Parameters"].as_object().unwrap();
    for name in template::parameters().keys() {
        assert!(known.contains_key(name), "infra/template.yaml has no parameter {name}");
    }
}
