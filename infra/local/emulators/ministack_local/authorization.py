"""What `--auth` asks IAM about where ministack asks about something else than AWS.

KMS: permissions are on the key, whatever name the call uses for it, and may depend on its aliases; ministack asks about
the alias and gives IAM neither `kms:ResourceAliases` nor `kms:RequestAlias`. SSM: a call that names several parameters
needs a permission on each, and GetParametersByPath one on the path; ministack asks about `*`. DynamoDB: a Query is about
one partition key, which IAM is told as `dynamodb:LeadingKeys`; ministack tells nothing. SQS: a batch needs the permission of the single call; ministack
asks for actions that IAM does not know.
"""

import contextvars
import functools
import json
import re

from ministack.core import iam_actions, iam_evaluator
from ministack.services import kms

# SQS's batch calls have no permission of their own (Service Authorization Reference, Amazon SQS).
_SINGLE = {
    "sqs:SendMessageBatch": "sqs:SendMessage",
    "sqs:DeleteMessageBatch": "sqs:DeleteMessage",
    "sqs:ChangeMessageVisibilityBatch": "sqs:ChangeMessageVisibility",
}

# The parameters that the present request to SSM names.
_parameters: contextvars.ContextVar[list[str]] = contextvars.ContextVar("parameters", default=[])
# The partition keys that the present request to DynamoDB is about.
_leading_keys: contextvars.ContextVar[list[str]] = contextvars.ContextVar("leading_keys", default=[])


def _key(resource: str) -> tuple[str, dict]:
    """The ARN of a key that is there, and its condition keys."""
    key = kms._resolve_key(resource)
    aliases = [arn.split(":", 5)[5] for arn, key_id in kms._aliases.items() if key_id == key["KeyId"]]
    context = {"kms:ResourceAliases": aliases} if aliases else {}
    name = resource.split(":", 5)[5]
    if name.startswith("alias/"):
        context["kms:RequestAlias"] = name
    return key["Arn"], context


def _named_parameters(body: bytes, region: str, account: str) -> list[str]:
    try:
        asked = json.loads(body or b"{}")
        names = asked.get("Names") or [path for path in [asked.get("Path")] if path]
    except (ValueError, AttributeError):
        return []
    place = f"arn:aws:ssm:{region}:{account}:parameter/"
    return [name if name.startswith("arn:") else place + name.split(":")[0].lstrip("/") for name in map(str, names)]


def _queried_keys(body: bytes) -> list[str]:
    """The partition key of a Query, which compares it for equality and first."""
    try:
        asked = json.loads(body or b"{}")
        value = re.match(r"\W*\w+\s*=\s*(:\w+)", asked.get("KeyConditionExpression") or "")
        key = asked["ExpressionAttributeValues"][value.group(1)] if value else {}
    except (ValueError, AttributeError, KeyError):
        return []
    return [text for text in key.values() if isinstance(text, str)]


def install() -> None:
    enforce, extract = iam_evaluator.enforce, iam_actions.extract_resource_arn

    @functools.wraps(extract)
    def extract_and_note(service, method, path, headers, body, query_params, region, account_id):
        if service == "ssm":
            _parameters.set(_named_parameters(body, region, account_id))
        elif service == "dynamodb":
            _leading_keys.set(_queried_keys(body))
        return extract(service, method, path, headers, body, query_params, region, account_id)

    @functools.wraps(enforce)
    def enforce_each(access_key_id, iam_action, service, region, resource_arn="*", service_context=None):
        resources, context = [resource_arn], dict(service_context or {})
        iam_action = _SINGLE.get(iam_action, iam_action)
        if service == "kms" and resource_arn.startswith("arn:"):
            if kms._resolve_key(resource_arn) is None:
                return None  # KMS itself answers NotFoundException: there is nothing to be allowed
            resource, aliases = _key(resource_arn)
            resources, context = [resource], {**context, **aliases}
        elif service == "ssm" and resource_arn == "*":
            resources = _parameters.get() or resources
        elif service == "dynamodb" and _leading_keys.get():
            context["dynamodb:LeadingKeys"] = _leading_keys.get()
        answers = (enforce(access_key_id, iam_action, service, region, one, context) for one in resources)
        return next(filter(None, answers), None)

    # Both are looked up by name at each request, so these two places are enough.
    iam_evaluator.enforce, iam_actions.extract_resource_arn = enforce_each, extract_and_note
