//! Policies as documents: checked, compared, stored, gone back on; and what is stored is what a
//! press does.

use crate::cloud::{Cloud, SOON};
use crate::operator::amiline;
use amiline_local::HOME_REGION;
use serde_json::{Value, json};
use std::path::{Path, PathBuf};

const FIRST: &str = "# For one Region.\ndescription: Shop\nencrypt:\n  kms_key: alias/amiline\n";
const SECOND: &str =
    "description: Shop\nencrypt: { kms_key: alias/amiline }\ndistribute:\n  regions: [us-west-2]\n";

/// What `amiline policy` printed, and how it ended.
fn policy(cloud: &Cloud, arguments: &[&str]) -> (i32, String) {
    let output = amiline(cloud, &[&["policy"], arguments].concat());
    let printed =
        [output.stdout, output.stderr].map(|bytes| String::from_utf8(bytes).unwrap()).concat();
    assert!(!printed.contains('\u{1b}'), "colours without a terminal: {printed:?}");
    (output.status.code().expect("an exit code"), printed)
}

fn done(cloud: &Cloud, arguments: &[&str]) -> String {
    let (code, printed) = policy(cloud, arguments);
    assert_eq!(code, 0, "{arguments:?}: {printed}");
    printed
}

fn read(cloud: &Cloud, arguments: &[&str]) -> Value {
    serde_json::from_str(&done(cloud, &[arguments, &["--json"]].concat())).expect("JSON")
}

fn written(directory: &Path, name: &str, text: &str) -> String {
    let path: PathBuf = directory.join(name);
    std::fs::write(&path, text).unwrap();
    path.to_str().unwrap().to_owned()
}

pub(crate) async fn policies_are_documents(cloud: &Cloud) {
    let directory = cloud.local.run_directory().join("policies");
    std::fs::create_dir_all(&directory).unwrap();
    let shop = written(&directory, "shop.yaml", FIRST);

    let bad = written(&directory, "bad.yaml", "create: {rebooot: true}\ndeadline_hours: 0\n");
    let (code, printed) = policy(cloud, &["check", &bad, &shop]);
    assert_eq!(code, 1, "{printed}");
    assert!(
        printed.contains("bad.yaml:1:10") && printed.contains("did you mean \"reboot\"?"),
        "{printed}"
    );
    assert!(printed.contains("2 problems in 1 of 2 files"), "{printed}");
    let (code, printed) = policy(cloud, &["apply", &bad, &shop, "--yes"]);
    assert!(code == 1 && printed.contains("bad.yaml:2:17"), "{printed}");
    let (code, printed) = policy(cloud, &["apply", &shop]);
    assert!(code == 2 && printed.contains("shop: new") && printed.contains("--yes"), "{printed}");
    let (code, _) = policy(cloud, &["show", "shop"]);
    assert_eq!(code, 3, "nothing was written by the two refused ones");

    let printed = done(cloud, &["apply", &shop, "--yes"]);
    assert!(printed.contains("Wrote shop, version 1"), "{printed}");
    cloud.note(format!("amiline policy apply:\n{printed}"));
    // Another way to write the same.
    written(
        &directory,
        "shop.yaml",
        "{\"encrypt\": {\"kms_key\": \"alias/amiline\"}, \"description\": \"Shop\", \"share\": {}}",
    );
    assert!(done(cloud, &["apply", &shop]).contains("Nothing to write"), "needs no --yes");
    written(&directory, "shop.yaml", SECOND);
    let printed = done(cloud, &["diff", &shop]);
    assert!(
        printed.contains(
            "shop: changes against version 1, which is in force\n  + distribute.regions  us-west-2"
        ),
        "{printed}"
    );
    let applied = read(cloud, &["apply", &shop, "--yes"]);
    assert_eq!(applied["policies"][0]["written"], 2, "{applied}");
    cloud.note(format!("amiline policy history:\n{}", done(cloud, &["history", "shop"])));

    let far = written(&directory, "far.yaml", "distribute: {regions: [ap-south-1]}\n");
    let other = written(&directory, "other.yaml", FIRST);
    let (code, printed) = policy(cloud, &["apply", &other, &far, "--yes"]);
    assert!(
        code == 1 && printed.contains("ap-south-1, which the stack does not allow"),
        "{printed}"
    );
    assert_eq!(policy(cloud, &["show", "other"]).0, 3, "all of it or nothing");

    // Somebody writes a parameter past the command, as CloudFormation and Terraform do.
    for (name, value) in [("past", "{\"deadline_hours\": 5}"), ("torn", "{\"deadline_hours\": }")] {
        let asked =
            json!({"Name": format!("/amiline/policies/{name}"), "Value": value, "Type": "String"});
        cloud.aws.json("ssm", HOME_REGION, "AmazonSSM.PutParameter", &asked).await.unwrap();
    }
    let (code, listed) = policy(cloud, &["list", "--json"]);
    assert_eq!(code, 1, "one of them is refused");
    let listed: Value = serde_json::from_str(&listed).expect("JSON");
    let refused = |name: &str| {
        let rows = listed["policies"].as_array().unwrap();
        rows.iter()
            .find(|row| row["policy"] == name)
            .unwrap_or_else(|| panic!("{name} in {listed}"))["refused"]
            .clone()
    };
    assert_eq!(
        [refused("default"), refused("shop"), refused("past")],
        [Value::Null, Value::Null, Value::Null]
    );
    assert!(refused("torn").as_str().is_some_and(|why| why.contains("line 1")), "{listed}");
    assert_eq!(read(cloud, &["show", "past"])["document"], json!({"deadline_hours": 5}));
    let torn = written(&directory, "torn.yml", "deadline_hours: 5\n");
    assert!(
        done(cloud, &["apply", &torn, "--yes"]).contains("torn: version 1 is not valid"),
        "it can be mended"
    );

    // What is stored is what a press does.
    let instance = cloud.pressed("shop").await;
    cloud.answered(&instance, "available", SOON).await;
    let image = cloud.images_of(&instance).await.remove(0);
    let places: Vec<&str> =
        cloud.copies_of(&image.id).await.iter().map(|copy| copy.region).collect();
    assert_eq!(places, ["us-west-2"]);

    let printed = done(cloud, &["restore", "shop", "--version", "1", "--yes"]);
    assert!(
        printed.contains("- distribute.regions  us-west-2")
            && printed.contains("Wrote shop, version 3"),
        "{printed}"
    );
    let documents =
        [read(cloud, &["show", "shop", "--version", "1"]), read(cloud, &["show", "shop"])];
    assert_eq!(documents[0]["document"], documents[1]["document"]);
    assert_eq!((&documents[0]["version"], &documents[1]["version"]), (&json!(1), &json!(3)));
    assert_eq!(read(cloud, &["history", "shop"])["versions"].as_array().map(Vec::len), Some(3));
    let (code, printed) = policy(cloud, &["restore", "shop", "--version", "9", "--yes"]);
    assert!(code == 3 && printed.contains("versions 1 to 3"), "{printed}");
    let (code, printed) = policy(cloud, &["list", "--stack", "another"]);
    assert!(code == 1 && printed.contains("belong to the stack amiline"), "{printed}");
}
