"""The local AWS as the measurement needs it: nothing runs beside the measured process, and buttons are pressed."""

import copy
import json
import pathlib
import time
import urllib.request

import boto3
from botocore.config import Config

EVENTS = pathlib.Path(__file__).resolve().parents[3] / "events"
IMAGE = "ami-12c6146b"


class LocalAws:
    """The account's root, as `cargo local` prints it."""

    def __init__(self, state: dict):
        self.state = state
        self.region = state["home_region"]
        self._lambda, self._ec2 = self._client("lambda"), self._client("ec2")
        self._pressed = json.loads((EVENTS / "instance-tagged.json").read_text())

    def _client(self, service: str):
        return boto3.client(
            service,
            endpoint_url=self.state["endpoint"],
            region_name=self.region,
            aws_access_key_id=self.state["access_key_id"],
            aws_secret_access_key=self.state["secret_access_key"],
            config=Config(retries={"max_attempts": 1}),
        )

    def quiet(self) -> None:
        """No event and no queue wakes a function from now on: the measured process has the press to itself."""
        dropped = {"detail_types": ["Tag Change on Resource", "EC2 AMI State Change"]}
        self._post("/_local/ec2/drop-events", dropped)
        for mapping in self._lambda.list_event_source_mappings()["EventSourceMappings"]:
            self._lambda.update_event_source_mapping(UUID=mapping["UUID"], Enabled=False)

    def function(self, name: str) -> dict:
        return self._lambda.get_function_configuration(FunctionName=self.state["functions"][name])

    def press(self) -> dict:
        """Presses the button of a new instance; the invocation that its message leads to."""
        instance = self._ec2.run_instances(ImageId=IMAGE, MinCount=1, MaxCount=1)["Instances"][0]["InstanceId"]
        self._ec2.create_tags(Resources=[instance], Tags=[{"Key": "amiline:image", "Value": "default"}])
        event = copy.deepcopy(self._pressed)
        account = self.state["account"]
        event["id"] = f"cold-start-{instance}"
        event["account"], event["region"] = account, self.region
        event["time"] = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
        event["resources"] = [f"arn:aws:ec2:{self.region}:{account}:instance/{instance}"]
        event["detail"]["changed-tag-keys"] = ["amiline:image"]
        event["detail"]["tags"] = {"amiline:image": "default"}
        return {"Records": [self._record(instance, event)]}

    def _record(self, instance: str, event: dict) -> dict:
        queue = self.state["queues"]["create-image"]["url"].rsplit("/", 1)[-1]
        return {
            "messageId": f"message-{instance}",
            "receiptHandle": "none",
            "body": json.dumps(event),
            "attributes": {"ApproximateReceiveCount": "1"},
            "messageAttributes": {},
            "md5OfBody": "none",
            "eventSource": "aws:sqs",
            "eventSourceARN": f"arn:aws:sqs:{self.region}:{self.state['account']}:{queue}",
            "awsRegion": self.region,
        }

    def _post(self, path: str, body: dict) -> None:
        request = urllib.request.Request(self.state["endpoint"] + path, json.dumps(body).encode(), method="POST")
        urllib.request.urlopen(request).read()
