use super::*;
use crate::settings::CreateImage;
use crate::stub::{Answer, Stub, world};
use amiline_domain::fault::Fault;
use amiline_domain::ids::{StackName, TagPrefix};

/// An operator whose AWS gives these answers.
async fn operator(answers: Vec<Answer>) -> (Stub, Aws<Operator>) {
    let stub = Stub::answering(answers).await;
    let Aws { clients, .. } = world::<CreateImage>(&stub.endpoint);
    let settings = Operator::of(StackName::new("stack").unwrap(), TagPrefix::new("ours").unwrap());
    (stub, Aws::<Operator>::new(clients, settings))
}

fn web() -> PolicyName {
    PolicyName::new("web").unwrap()
}

fn answer(body: &str) -> Answer {
    Some((200, body.to_owned()))
}

fn refusal(code: &str) -> Answer {
    Some((400, format!(r#"{{"__type":"{code}","message":"no"}}"#)))
}

#[tokio::test]
async fn every_page_is_read_also_after_an_empty_one() {
    let one =
        r#"{"Name":"/ours/policies/web","Value":"{}","Version":3,"LastModifiedDate":1795514400.5}"#;
    let two = one.replace("web", "a");
    let pages = [
        format!(r#"{{"Parameters":[{one}],"NextToken":"t1"}}"#),
        r#"{"Parameters":[],"NextToken":"t2"}"#.to_owned(),
        format!(r#"{{"Parameters":[{two}]}}"#),
    ];
    let (stub, operator) = operator(pages.iter().map(|page| answer(page)).collect()).await;
    let names: Vec<String> =
        operator.policies().await.unwrap().into_iter().map(|policy| policy.name).collect();
    assert_eq!(names, ["a", "web"]);
    let asked = stub.asked();
    assert_eq!(asked.len(), 3);
    assert!(asked[0].contains("\"/ours/policies\"") && asked[2].contains("\"t2\""), "{asked:?}");
}

#[tokio::test]
async fn versions_come_oldest_first_from_every_page() {
    let version = |number: u64| {
        format!(
            r#"{{"Name":"/ours/policies/web","Value":"{{}}","Version":{number},"LastModifiedDate":1795514400,"LastModifiedUser":"arn:aws:iam::1:user/a"}}"#
        )
    };
    let pages = [
        format!(r#"{{"Parameters":[{}],"NextToken":"t"}}"#, version(2)),
        format!(r#"{{"Parameters":[{}]}}"#, version(1)),
    ];
    let (_stub, operator) = operator(pages.iter().map(|page| answer(page)).collect()).await;
    let versions = operator.policy_versions(&web(), Freshness::Fresh).await.unwrap();
    assert_eq!(versions.iter().map(|version| version.version).collect::<Vec<_>>(), [1, 2]);
    assert_eq!(versions[0].by, "arn:aws:iam::1:user/a");
}

#[tokio::test]
async fn a_policy_that_is_not_there_is_none_and_one_that_is_there_is_not_created() {
    let (_stub, missing) = operator(vec![refusal("ParameterNotFound")]).await;
    assert_eq!(missing.stored_policy(&web()).await, Ok(None));
    assert_eq!(missing.policy_versions(&web(), Freshness::Fresh).await, Ok(Vec::new()));
    assert_eq!(missing.stated_bounds().await, Ok(None));
    let (stub, there) = operator(vec![refusal("ParameterAlreadyExists")]).await;
    assert_eq!(there.create_policy(&web(), "{}").await, Ok(None));
    assert!(stub.asked()[0].contains("\"Overwrite\":false"), "{:?}", stub.asked());
}

#[tokio::test]
async fn a_refused_writing_says_what_and_why() {
    let (_stub, operator) = operator(vec![refusal("ParameterMaxVersionLimitExceeded")]).await;
    let error = operator.replace_policy(&web(), "{}").await.unwrap_err();
    assert_eq!((error.action, &*error.subject), ("ssm:PutParameter", "/ours/policies/web"));
    assert_eq!(error.code, "ParameterMaxVersionLimitExceeded");
    assert_ne!(error.fault, Fault::Unknown);
}
