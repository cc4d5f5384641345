//! What the command says when it cannot get to AWS or to the stack, word for word, on the real
//! binary: `failures.txt` holds it. After a change of the texts: `UPDATE=1 cargo test --workspace
//! --test failures`, then read the difference as somebody would who does not know what went wrong.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "helpers of tests, outside of test functions"
)]

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::{Arc, Mutex};

const PROFILES: &str = "
[default]
region = us-east-1
[profile corp]
sso_session = corp
sso_account_id = 111111111111
sso_role_name = Admin
[sso-session corp]
sso_region = us-east-1
sso_start_url = https://corp.awsapps.com/start
[profile anna]
login_session = arn:aws:iam::111111111111:user/anna
[profile vault]
credential_process = /bin/false
[profile keys]
aws_access_key_id = AKIDOFPROFILE
aws_secret_access_key = SECRET
[profile admin]
role_arn = arn:aws:iam::111111111111:role/admin
source_profile = keys
mfa_serial = arn:aws:iam::111111111111:mfa/anna
[profile reader]
role_arn = arn:aws:iam::111111111111:role/reader
source_profile = admin
[profile role]
role_arn = arn:aws:iam::111111111111:role/admin
source_profile = keys
[profile lost]
role_arn = arn:aws:iam::111111111111:role/admin
source_profile = nowhere
";

/// A machine with these AWS files and no other configuration.
fn home(name: &str, config: &str) -> PathBuf {
    let home = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    std::fs::create_dir_all(home.join(".aws")).unwrap();
    std::fs::write(home.join(".aws/config"), config).unwrap();
    home
}

fn amiline(home: &Path, arguments: &[&str], environment: &[(&str, &str)]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_amiline"))
        .args(arguments)
        .env_clear()
        .env("HOME", home)
        .env("PATH", "/usr/bin:/bin")
        .env("AWS_REGION", "us-east-1")
        .env("AWS_EC2_METADATA_DISABLED", "true")
        .envs(environment.iter().copied())
        .output()
        .unwrap()
}

const KEYS: [(&str, &str); 2] =
    [("AWS_ACCESS_KEY_ID", "AKIDOFENVIRONMENT"), ("AWS_SECRET_ACCESS_KEY", "SECRET")];

/// An AWS that answers each request as `answer` says, from the request's head and body; and what it
/// was asked.
struct Stub {
    url: String,
    asked: Arc<Mutex<Vec<String>>>,
}

impl Stub {
    fn answering(answer: impl Fn(&str) -> (u16, String) + Send + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let asked = Arc::new(Mutex::new(Vec::new()));
        let seen = Arc::clone(&asked);
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let mut stream = stream.unwrap();
                let request = read(&mut stream);
                let (status, body) = answer(&request);
                seen.lock().unwrap().push(request);
                let head = format!(
                    "HTTP/1.1 {status} X\r\ncontent-length: {}\r\nconnection: close\r\n\r\n",
                    body.len()
                );
                stream.write_all(format!("{head}{body}").as_bytes()).unwrap();
            }
        });
        Self { url, asked }
    }

    /// Refuses everything, in DynamoDB's and Parameter Store's form.
    fn refusing(code: &'static str, message: &'static str) -> Self {
        Self::answering(move |_| (400, refusal(code, message)))
    }

    fn asked(&self) -> Vec<String> {
        self.asked.lock().unwrap().clone()
    }
}

fn refusal(code: &str, message: &str) -> String {
    serde_json::json!({"__type": format!("com.amazon.coral.service#{code}"), "message": message})
        .to_string()
}

fn read(stream: &mut TcpStream) -> String {
    let mut bytes = Vec::new();
    loop {
        let mut buffer = [0; 8192];
        let count = stream.read(&mut buffer).unwrap();
        bytes.extend_from_slice(&buffer[..count]);
        let text = String::from_utf8_lossy(&bytes).into_owned();
        let Some((head, body)) = text.split_once("\r\n\r\n") else {
            if count == 0 {
                return text;
            }
            continue;
        };
        let length = head.lines().find_map(|line| {
            let (name, value) = line.split_once(':')?;
            name.eq_ignore_ascii_case("content-length")
                .then(|| value.trim().parse::<usize>().unwrap())
        });
        if count == 0 || body.len() >= length.unwrap_or(0) {
            return text;
        }
    }
}

/// A Region with no table of that name, whose parameters are these.
fn no_table(stated: Option<&'static str>) -> Stub {
    Stub::answering(move |request| match stated {
        _ if request.contains("DynamoDB_") => {
            (400, refusal("ResourceNotFoundException", "Requested resource not found"))
        }
        Some(stack) => {
            let value = serde_json::json!({
                "stack": stack, "home": "us-east-1", "source_regions": "us-east-1", "regions": "", "accounts": "", "organizations": "",
                "organizational_units": "", "keys": "", "images_per_hour_max": 50, "interval_minutes_min": 5,
                "account": "111111111111",
            });
            (
                200,
                serde_json::json!({"Parameter": {"Name": "x", "Value": value.to_string()}})
                    .to_string(),
            )
        }
        None => (400, refusal("ParameterNotFound", "")),
    })
}

#[test]
fn each_failure_has_its_own_message_and_advice() {
    let (full, none) = (home("full", PROFILES), home("none", ""));
    let broken = home("broken", "[default\nregion = us-east-1\n");
    let sts_denies = Stub::answering(|_| {
        let error = "<Error><Type>Sender</Type><Code>AccessDenied</Code><Message>User: arn:aws:iam::111111111111:user/anna \
                     is not authorized to perform: sts:AssumeRole</Message></Error>";
        (403, format!("<ErrorResponse>{error}</ErrorResponse>"))
    });
    let expired = Stub::refusing(
        "ExpiredTokenException",
        "The security token included in the request is expired",
    );
    let unknown = Stub::refusing(
        "UnrecognizedClientException",
        "The security token included in the request is invalid.",
    );
    let signature = Stub::refusing(
        "InvalidSignatureException",
        "Signature expired: 20261124T013845Z is now earlier",
    );
    let denied = Stub::refusing(
        "AccessDeniedException",
        "User: arn:aws:iam::111111111111:user/anna is not authorized to perform: dynamodb:Query on resource: \
         arn:aws:dynamodb:us-east-1:111111111111:table/amiline-lineage/index/listing",
    );
    let (elsewhere, other, gone) =
        (no_table(None), no_table(Some("images")), no_table(Some("amiline")));
    let url = |stub: &Stub| stub.url.clone();
    let keys = |stub: Option<&Stub>| {
        let mut all: Vec<(&str, String)> =
            KEYS.iter().map(|(name, value)| (*name, (*value).to_owned())).collect();
        all.extend(stub.map(|stub| ("AWS_ENDPOINT_URL", url(stub))));
        all
    };
    let profile = |name: &'static str| vec![("AWS_PROFILE", name.to_owned())];
    let at_sts = |name: &'static str| {
        vec![("AWS_PROFILE", name.to_owned()), ("AWS_ENDPOINT_URL", url(&sts_denies))]
    };
    let families: &[&str] = &["families"];
    type Case<'a> = (&'a str, &'a Path, &'a [&'a str], Vec<(&'a str, String)>);
    let cases: Vec<Case<'_>> = vec![
        ("nothing is configured", &none, families, vec![]),
        ("no Region", &none, families, vec![("AWS_REGION", String::new())]),
        ("no such Region by form", &none, families, vec![("AWS_REGION", "europe".to_owned())]),
        ("no such profile", &full, &["--profile", "Nightly", "families"], vec![]),
        ("no such profile in AWS_PROFILE", &full, families, profile("Nightly")),
        ("broken files", &broken, families, vec![]),
        ("IAM Identity Center, not signed in", &full, families, profile("corp")),
        ("aws login, not signed in", &full, families, profile("anna")),
        ("a credential process that fails", &full, families, profile("vault")),
        ("a source profile that there is not", &full, families, profile("lost")),
        ("a role that may not be assumed", &full, families, at_sts("role")),
        ("a profile with mfa_serial", &full, families, at_sts("admin")),
        ("a role by way of a profile with mfa_serial", &full, families, at_sts("reader")),
        ("an expired session in the environment", &none, families, keys(Some(&expired))),
        ("keys that the Region does not know", &none, families, keys(Some(&unknown))),
        ("a clock that is wrong", &none, families, keys(Some(&signature))),
        ("no endpoint", &none, &["--endpoint-url", "localhost:4566", "families"], keys(None)),
        (
            "no such host",
            &none,
            &["--endpoint-url", "http://nowhere.invalid", "families"],
            keys(None),
        ),
        (
            "nobody listens",
            &none,
            &["--endpoint-url", "http://127.0.0.1:1", "families"],
            keys(None),
        ),
        ("no such Region", &none, &["--region", "us-east-99", "families"], keys(None)),
        (
            "a Region without the stack",
            &none,
            &["--region", "eu-west-1", "families"],
            keys(Some(&elsewhere)),
        ),
        ("a stack with another name", &none, families, keys(Some(&other))),
        ("a table that is gone", &none, families, keys(Some(&gone))),
        ("no right", &none, families, keys(Some(&denied))),
    ];
    let mut all = String::new();
    for (what, home, arguments, environment) in cases {
        let environment: Vec<(&str, &str)> =
            environment.iter().map(|(name, value)| (*name, value.as_str())).collect();
        let output = amiline(home, arguments, &environment);
        let said = String::from_utf8(output.stderr).unwrap();
        assert_eq!((output.status.code(), output.stdout.len()), (Some(1), 0), "{what}: {said}");
        assert_eq!(said.lines().count(), 1, "one paragraph: {what}: {said}");
        for debug in ["dispatch failure", "SdkBody", "Error {", "(os error"] {
            assert!(!said.contains(debug), "{what}: {said}");
        }
        all.push_str(&format!("# {what}\n{said}\n"));
    }
    let home = std::env::current_dir().map(|_| full.display().to_string()).unwrap();
    let all = all.replace(&home, "HOME").replace(&broken.display().to_string(), "HOME");
    let golden = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/failures.txt");
    #[allow(clippy::disallowed_methods, reason = "a test is told to update by its environment")]
    if std::env::var_os("UPDATE").is_some() {
        std::fs::write(&golden, &all).unwrap();
    }
    let reviewed = std::fs::read_to_string(&golden).unwrap_or_default();
    assert!(all == reviewed, "not what failures.txt holds:\n{all}");
}

/// A stack that allows two Regions, of which one may not be read and the other has no instance.
fn half_readable() -> Stub {
    Stub::answering(|request| {
        let bounds = serde_json::json!({
            "stack": "amiline", "home": "us-east-1", "source_regions": "us-east-1", "regions": "us-east-1,eu-west-1",
            "accounts": "", "organizations": "", "organizational_units": "", "keys": "", "images_per_hour_max": 50,
            "interval_minutes_min": 5, "account": "111111111111",
        });
        if request.contains("AmazonSSM.GetParametersByPath") {
            (200, serde_json::json!({"Parameters": []}).to_string())
        } else if request.contains("AmazonSSM.GetParameter") {
            (
                200,
                serde_json::json!({"Parameter": {"Name": "x", "Value": bounds.to_string()}})
                    .to_string(),
            )
        } else if request.contains("/eu-west-1/ec2/") {
            let error = "<Error><Code>UnauthorizedOperation</Code><Message>You are not authorized to perform this \
                         operation.</Message></Error>";
            (403, format!("<Response><Errors>{error}</Errors><RequestID>r</RequestID></Response>"))
        } else {
            (200, "<DescribeTagsResponse><tagSet/></DescribeTagsResponse>".to_owned())
        }
    })
}

#[test]
fn a_region_that_may_not_be_read_is_named_and_the_others_are_shown() {
    let (home, stub) = (home("regions", ""), half_readable());
    let arguments = ["--endpoint-url", stub.url.as_str(), "coverage"];
    let output = amiline(&home, &arguments, &KEYS);
    let said = String::from_utf8(output.stdout).unwrap();
    assert_eq!((output.status.code(), output.stderr.len()), (Some(1), 0), "{said}");
    let expected = "No instance is enrolled in the Regions that could be read.\n\
                    eu-west-1 could not be read, so its instances are not in this list: these credentials may not do that: \
                    ec2:DescribeTags of amiline:schedule in eu-west-1 is denied: You are not authorized to perform this \
                    operation. Sign in as somebody who may, or ask for that right\n";
    assert_eq!(said, expected);
    let output = amiline(&home, &[arguments.as_slice(), &["--json"]].concat(), &KEYS);
    let read: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(
        (output.status.code(), &read["unread"][0]["region"]),
        (Some(1), &"eu-west-1".into()),
        "{read}"
    );
}

#[test]
fn programs_get_errors_as_json() {
    let home = home("json", "");
    let output = amiline(&home, &["--json", "families"], &[]);
    let error: serde_json::Value = serde_json::from_slice(&output.stderr).unwrap();
    assert_eq!(error["error"]["kind"], "credentials");
    assert!(
        error["error"]["message"].as_str().unwrap().starts_with("there are no AWS credentials"),
        "{error}"
    );
    assert!(output.stdout.is_empty());
}

fn access_key(request: &str) -> String {
    let (_, rest) = request.split_once("Credential=").unwrap();
    rest.split('/').next().unwrap().to_owned()
}

#[test]
fn a_profile_that_is_named_counts_more_than_the_environment_and_aws_profile_less() {
    let home = home("profiles", PROFILES);
    let stub = Stub::refusing("AccessDeniedException", "no");
    let environment = [KEYS[0], KEYS[1], ("AWS_PROFILE", "keys")];
    amiline(&home, &["--endpoint-url", &stub.url, "families"], &environment);
    amiline(&home, &["--endpoint-url", &stub.url, "--profile", "keys", "families"], &environment);
    amiline(&home, &["--endpoint-url", &stub.url, "families"], &[("AWS_PROFILE", "keys")]);
    let keys: Vec<String> = stub.asked().iter().map(|request| access_key(request)).collect();
    assert_eq!(keys, ["AKIDOFENVIRONMENT", "AKIDOFPROFILE", "AKIDOFPROFILE"]);
}

#[test]
fn the_proxy_of_the_environment_is_used_unless_no_proxy_names_the_host() {
    let home = home("proxy", "");
    let proxy = Stub::refusing("AccessDeniedException", "the proxy was asked");
    // HTTPS goes through a tunnel, for which the proxy is asked by CONNECT.
    let tunnel = [KEYS[0], KEYS[1], ("HTTPS_PROXY", proxy.url.as_str())];
    assert_eq!(amiline(&home, &["families"], &tunnel).status.code(), Some(1));
    let asked = proxy.asked();
    assert!(
        asked[0].starts_with("CONNECT dynamodb.us-east-1.amazonaws.com:443 HTTP/1.1\r\n"),
        "{asked:?}"
    );

    let before = asked.len();
    let past = [KEYS[0], KEYS[1], ("HTTPS_PROXY", proxy.url.as_str()), ("NO_PROXY", ".invalid")];
    amiline(&home, &["--endpoint-url", "https://aws.invalid", "families"], &past);
    assert_eq!(proxy.asked().len(), before);

    let plain = [KEYS[0], KEYS[1], ("HTTP_PROXY", proxy.url.as_str())];
    let output = amiline(&home, &["--endpoint-url", "http://aws.invalid", "families"], &plain);
    assert!(String::from_utf8(output.stderr).unwrap().contains("the proxy was asked"));
}
