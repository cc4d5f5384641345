//! The functions: their environment, their binaries, their roles' names.

use crate::{FUNCTIONS, HOME, ORGANIZATION, UNIT, both, plain};
use amiline_app::functions::Function;
use amiline_aws::settings::{CreateImage, ScheduleTick, Settings};
use amiline_domain::bounds::StatedBounds;
use amiline_domain::ids::Region;
use serde_json::{Value, json};
use std::collections::BTreeSet;

#[test]
fn the_template_sets_exactly_the_variables_that_each_function_is_registered_with() {
    for stack in both() {
        for function in Function::ALL {
            let id = format!("{}Function", function.in_template());
            let set = stack.one(&id).properties["Environment"]["Variables"].clone();
            let set: BTreeSet<&str> = set.as_object().unwrap().keys().map(String::as_str).collect();
            assert_eq!(
                set,
                function.registered().variables.iter().copied().collect::<BTreeSet<_>>(),
                "{id}"
            );
        }
    }
}

#[test]
fn functions_and_queues_have_the_times_that_they_are_registered_with() {
    let stack = plain();
    for function in Function::ALL {
        let (registered, name) = (function.registered(), function.in_template());
        assert_eq!(
            stack.one(&format!("{name}Function")).properties["Timeout"],
            registered.timeout_seconds,
            "{name}"
        );
        let Some(queue) = &registered.queue else { continue };
        assert_eq!(Function::of_queue(queue.queue), function, "{name}");
        let template = stack.one(&format!("{name}Queue")).properties;
        assert_eq!(template["VisibilityTimeout"], queue.visibility_seconds, "{name}");
        assert!(
            queue.visibility_seconds >= 6 * registered.timeout_seconds,
            "{name}: as AWS recommends"
        );
    }
}

#[test]
fn no_variable_is_empty_unless_it_is_a_list() {
    for stack in both() {
        for function in stack.all("AWS::Lambda::Function") {
            for (name, value) in
                function.properties["Environment"]["Variables"].as_object().unwrap()
            {
                let empty = value.as_str().is_none_or(|text| text.trim_matches(',').is_empty());
                let may_be_empty = [
                    "AMILINE_ALLOWED_ACCOUNTS",
                    "AMILINE_ALLOWED_KEYS",
                    "AMILINE_ALLOWED_ORGANIZATIONAL_UNITS",
                    "AMILINE_ALLOWED_ORGANIZATIONS",
                ]
                .contains(&name.as_str());
                assert!(!empty || may_be_empty, "{}: {name} is {value}", function.id);
            }
        }
    }
}

#[test]
fn the_lists_hold_what_is_always_allowed_and_what_is_allowed_besides() {
    let parts = |variables: &Value, name: &str| -> BTreeSet<String> {
        variables[name]
            .as_str()
            .unwrap()
            .split(',')
            .filter(|part| !part.is_empty())
            .map(str::to_owned)
            .collect()
    };
    let set = |texts: &[&str]| texts.iter().map(|text| (*text).to_owned()).collect::<BTreeSet<_>>();
    let regions = ["us-east-1", "us-west-2", "eu-west-1", "ap-southeast-3", "sa-east-1"];
    for function in ["CreateImageFunction", "DistributeImageFunction", "ScheduleTickFunction"] {
        let variables = crate::wide().one(function).properties["Environment"]["Variables"].clone();
        assert_eq!(parts(&variables, "AMILINE_ALLOWED_REGIONS"), set(&regions));
        assert_eq!(
            parts(&variables, "AMILINE_ALLOWED_ACCOUNTS"),
            set(&["222222222222", "444444444444"])
        );
        assert_eq!(parts(&variables, "AMILINE_ALLOWED_ORGANIZATIONS"), set(&[ORGANIZATION]));
        assert_eq!(parts(&variables, "AMILINE_ALLOWED_ORGANIZATIONAL_UNITS"), set(&[UNIT]));
        let variables = plain().one(function).properties["Environment"]["Variables"].clone();
        assert_eq!(parts(&variables, "AMILINE_ALLOWED_REGIONS"), set(&["us-east-1"]));
        for list in ["ACCOUNTS", "ORGANIZATIONS", "ORGANIZATIONAL_UNITS"] {
            assert_eq!(parts(&variables, &format!("AMILINE_ALLOWED_{list}")), set(&[]));
        }
    }
    for function in ["CreateImageFunction", "ScheduleTickFunction"] {
        let variables = crate::wide().one(function).properties["Environment"]["Variables"].clone();
        assert_eq!(
            parts(&variables, "AMILINE_ALLOWED_KEYS"),
            set(&["alias/amiline", "alias/europe", "alias/asia"])
        );
    }
    let tick =
        crate::wide().one("ScheduleTickFunction").properties["Environment"]["Variables"].clone();
    assert_eq!(
        parts(&tick, "AMILINE_SOURCE_REGIONS"),
        set(&["us-east-1", "us-west-2", "eu-west-1", "ap-southeast-3"])
    );
}

#[test]
fn every_function_is_built_from_the_binary_of_its_name_and_runs_under_its_own_role() {
    let stack = plain();
    let functions: BTreeSet<String> =
        stack.all("AWS::Lambda::Function").into_iter().map(|f| f.id).collect();
    assert_eq!(functions, FUNCTIONS.iter().map(|(id, ..)| id.clone()).collect());
    for (id, role, name) in FUNCTIONS.iter() {
        let function = stack.one(id);
        assert_eq!(function.properties["FunctionName"], format!("amiline-{name}"));
        assert_eq!(function.properties["Role"], format!("{role}.Arn"));
        assert_eq!(function.properties["Runtime"], "provided.al2023");
        assert_eq!(function.properties["Handler"], "bootstrap");
        assert_eq!(function.definition["Metadata"]["BuildMethod"], "rust-cargolambda");
        assert_eq!(
            function.definition["Metadata"]["BuildProperties"],
            json!({"Binary": format!("amiline-{name}")})
        );
    }
}

#[test]
fn the_stated_bounds_are_those_that_create_image_is_given() {
    for stack in both() {
        let parameter = stack.one("BoundsParameter").properties;
        assert_eq!(parameter["Name"], "/amiline/bounds");
        let text = parameter["Value"].as_str().expect("a text");
        let variables =
            stack.one("CreateImageFunction").properties["Environment"]["Variables"].clone();
        let settings = CreateImage::from_source(&|name| match name {
            "AWS_REGION" => Some(HOME.to_owned()),
            name => variables[name].as_str().map(str::to_owned),
        })
        .unwrap();
        let variables_of_the_tick =
            stack.one("ScheduleTickFunction").properties["Environment"]["Variables"].clone();
        let tick = ScheduleTick::from_source(&|name| match name {
            "AWS_REGION" => Some(HOME.to_owned()),
            name => variables_of_the_tick[name].as_str().map(str::to_owned),
        });
        let tick = tick.unwrap();
        assert_eq!(tick.bounds, settings.stack.bounds, "both judge policies alike");
        let stated = StatedBounds::parse(text).unwrap();
        let watched: BTreeSet<Region> = tick.source_regions.into_iter().collect();
        assert_eq!(
            stated.source_regions, watched,
            "the command names the Regions that the tick watches"
        );
        assert_eq!(stated.bounds, settings.stack.bounds);
        assert_eq!(stated.stack, settings.stack.stack.name);
        // It has to fit wherever the functions' variables fit, for Lambda and Parameter Store take
        // 4 KB alike.
        let variables = variables.as_object().unwrap().iter();
        let environment: usize =
            variables.map(|(name, value)| name.len() + value.to_string().len()).sum();
        assert!(text.len() <= environment && !text.contains("{{"), "{text}");
    }
}
