"""The calls of `create-image` for one press, made with boto3 the plain way, for comparison. It decides nothing. The
report says when `create-image` makes other calls."""

import json
import os
import time
import urllib.request

import boto3

API = f"http://{os.environ['AWS_LAMBDA_RUNTIME_API']}/2018-06-01/runtime/invocation"
TABLE = os.environ["AMILINE_TABLE"]
ec2, dynamodb, ssm = boto3.client("ec2"), boto3.client("dynamodb"), boto3.client("ssm")


def key(pk: str, sk: str) -> dict:
    return {"pk": {"S": pk}, "sk": {"S": sk}}


def read(pk: str, *names: str) -> None:
    keys = [key(pk, name) for name in names]
    dynamodb.batch_get_item(RequestItems={TABLE: {"Keys": keys, "ConsistentRead": True}})


def kill_switch() -> None:
    try:
        ssm.get_parameter(Name=os.environ["AMILINE_KILL_SWITCH"])
    except ssm.exceptions.ParameterNotFound:
        pass


def write(pk: str, step: int) -> None:
    items = [{**key(pk, f"{name}{step}"), "data": {"S": "x" * 200}} for name in "ABCD"]
    dynamodb.transact_write_items(TransactItems=[{"Put": {"TableName": TABLE, "Item": item}} for item in items])


def handle(event: dict, first: bool) -> dict:
    instance = json.loads(event["Records"][0]["body"])["resources"][0].rsplit("/", 1)[-1]
    pk = f"BENCH#{instance}"
    read(pk, "A", "B")
    ec2.describe_instances(InstanceIds=[instance])
    if first:
        kill_switch()
        ssm.get_parameters(Names=[f"{os.environ['AMILINE_POLICY_PATH']}/default"])
    read(pk, "C")
    write(pk, 1)
    tags = [{"Key": "amiline:managed-by", "Value": "bench"}, {"Key": "amiline:intent", "Value": pk}]
    image = ec2.create_image(
        InstanceId=instance,
        Name=f"bench-{instance}-{time.time_ns()}",
        NoReboot=True,
        TagSpecifications=[{"ResourceType": kind, "Tags": tags} for kind in ("image", "snapshot")],
    )["ImageId"]
    write(pk, 2)
    ec2.create_tags(Resources=[instance], Tags=[{"Key": "amiline:status", "Value": f"creating {image}"}])
    value = {":value": {"S": "creating"}}
    dynamodb.update_item(
        TableName=TABLE, Key=key(pk, "STATUS"), UpdateExpression="SET v = :value", ExpressionAttributeValues=value
    )
    write(pk, 3)
    return {"batchItemFailures": []}


def main() -> None:
    first = True
    while True:
        with urllib.request.urlopen(f"{API}/next") as answer:
            request, event = answer.headers["Lambda-Runtime-Aws-Request-Id"], json.load(answer)
        body = json.dumps(handle(event, first)).encode()
        first = False
        urllib.request.urlopen(urllib.request.Request(f"{API}/{request}/response", body, method="POST")).read()


main()
