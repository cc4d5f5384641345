//! The gateway between a client and two stand-ins for the emulators.

use super::*;
use crate::aws::{AccessKey, Aws, AwsError};
use serde_json::{Value, json};
use std::sync::Mutex;

/// What reached a stand-in: its name and the request's host.
type Reached = Arc<Mutex<Vec<(&'static str, String)>>>;

struct Bench {
    gateway: Arc<Gateway>,
    aws: Aws,
    reached: Reached,
    authority: String,
}

async fn stand_in(name: &'static str, reached: Reached, millis: u64) -> u16 {
    let (listener, port) = listen(None).await.unwrap();
    let answer = move |request: Request<Bytes>| {
        let reached = reached.clone();
        async move {
            let host = request.headers().get("host").map(|host| host.to_str().unwrap().to_owned());
            reached.lock().unwrap().push((name, host.unwrap_or_default()));
            tokio::time::sleep(Duration::from_millis(millis)).await;
            Ok(Response::new(Bytes::from_static(b"<R><imageId>ami-1</imageId></R>")))
        }
    };
    tokio::spawn(accept(listener, answer));
    port
}

async fn bench(name: &str, millis: u64) -> Bench {
    let reached = Reached::default();
    let moto = stand_in("moto", reached.clone(), millis).await;
    let ministack = stand_in("ministack", reached.clone(), millis).await;
    let log =
        std::env::temp_dir().join(format!("amiline-gateway-{}-{name}.jsonl", std::process::id()));
    let gateway = Gateway::new(Upstreams { moto, ministack }, "amiline", &log).unwrap();
    // The open file stays; nothing is left behind.
    std::fs::remove_file(log).unwrap();
    let (listener, port) = listen(None).await.unwrap();
    tokio::spawn(gateway.clone().serve(listener));
    let authority = format!("127.0.0.1:{port}");
    let key = AccessKey { id: "AKEY".to_owned(), secret: "secret".to_owned() };
    Bench { gateway, aws: Aws::new(&authority, key), reached, authority }
}

impl Bench {
    async fn create_image(&self) -> Result<Value, AwsError> {
        self.aws.ec2("us-east-1", "CreateImage", &[("InstanceId", "i-1"), ("Name", "n")]).await
    }

    async fn fault(&self, fault: Value) {
        self.aws.control("/_amiline/faults", &fault).await.unwrap();
    }

    fn reached(&self) -> Vec<(&'static str, String)> {
        self.reached.lock().unwrap().clone()
    }
}

#[tokio::test]
async fn a_call_goes_to_its_emulator_with_its_host_and_is_logged() {
    let bench = bench("routes", 0).await;
    bench.create_image().await.unwrap();
    let _ = bench
        .aws
        .json("sqs", "eu-west-1", "AmazonSQS.SendMessage", &json!({"QueueUrl": "http://x/1/q"}))
        .await;
    let host = bench.authority.clone();
    assert_eq!(bench.reached(), [("moto", host.clone()), ("ministack", host)]);
    let calls = bench.gateway.calls_since(0);
    assert_eq!(calls.len(), 2);
    assert_eq!((calls[0].caller.as_str(), calls[0].service.as_str()), ("operator", "ec2"));
    assert_eq!(calls[0].parameters.get("InstanceId"), Some(&json!("i-1")));
    assert_eq!((calls[0].made.as_deref(), calls[0].status), (Some("ami-1"), Some(200)));
    assert_eq!((calls[1].region.as_str(), calls[1].action.as_str()), ("eu-west-1", "SendMessage"));
    assert_eq!(bench.gateway.calls_since(1).len(), 1);
}

#[tokio::test]
async fn a_refusal_has_no_effect() {
    let bench = bench("refusal", 0).await;
    bench.fault(json!({"action": "ec2:CreateImage", "fault": "throttle"})).await;
    let refused = bench.create_image().await.unwrap_err();
    assert_eq!(refused.code(), Some("RequestLimitExceeded"));
    assert!(bench.reached().is_empty());
    let calls = bench.gateway.calls_since(0);
    assert_eq!(
        (calls[0].status, calls[0].error.as_deref()),
        (Some(503), Some("RequestLimitExceeded"))
    );
    bench.create_image().await.unwrap();
}

#[tokio::test]
async fn a_lost_reply_has_its_effect() {
    let bench = bench("lost", 0).await;
    bench.fault(json!({"action": "ec2:CreateImage", "caller": "operator", "fault": "effect-then-lost-reply"})).await;
    assert!(matches!(bench.create_image().await, Err(AwsError::NoAnswer(_))));
    assert_eq!(bench.reached().len(), 1);
    let calls = bench.gateway.calls_since(0);
    assert_eq!((calls[0].made.as_deref(), calls[0].status), (Some("ami-1"), None));
    assert_eq!(calls[0].fault, Some(FaultKind::EffectThenLostReply));
}

#[tokio::test]
async fn a_lost_reply_can_keep_its_caller_waiting_after_the_effect_is_logged() {
    let bench = bench("held", 0).await;
    bench.fault(json!({"fault": "effect-then-lost-reply", "milliseconds": 10_000})).await;
    let answer = tokio::time::timeout(Duration::from_millis(300), bench.create_image()).await;
    assert!(answer.is_err(), "the connection is still open");
    assert_eq!(bench.gateway.calls_since(0)[0].made.as_deref(), Some("ami-1"));
}

#[tokio::test]
async fn a_delay_comes_before_the_effect() {
    let bench = bench("delay", 0).await;
    bench.fault(json!({"fault": "delay", "milliseconds": 60})).await;
    bench.create_image().await.unwrap();
    assert!(bench.gateway.calls_since(0)[0].milliseconds >= 60);
}

#[tokio::test]
async fn a_call_takes_effect_though_its_caller_is_killed() {
    let bench = bench("killed", 50).await;
    let call = tokio::time::timeout(Duration::from_millis(25), bench.create_image()).await;
    assert!(call.is_err());
    while bench.gateway.calls_since(0).is_empty() {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    assert_eq!(bench.gateway.calls_since(0)[0].status, Some(200));
}

#[tokio::test]
async fn what_is_not_a_fault_is_refused_with_a_reason() {
    let bench = bench("bad", 0).await;
    let refused =
        bench.aws.control("/_amiline/faults", &json!({"fault": "explode"})).await.unwrap_err();
    assert!(refused.to_string().contains("not a fault"), "{refused}");
    assert!(bench.aws.control("/_amiline/nothing", &json!({})).await.is_err());
}
