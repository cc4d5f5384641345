"""What `--auth` asks IAM about where ministack asks about something else than AWS.

KMS: permissions are on the key, whatever name the call uses for it, and may depend on its aliases; ministack asks about
the alias and gives IAM neither `kms:ResourceAliases` nor `kms:RequestAlias`. SSM: a call that names several parameters
needs a permission on each; ministack asks about `*`. SQS: a batch needs the permission of the single call; ministack
asks for actions that IAM does not know.
"""

import contextvars
import functools
import json

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


def _key(resource: str) -> tuple[str, dict]:
    """The key's ARN and its condition keys. A name that leads to no key here stays as it is, and so is refused by
    every statement that names keys only."""
    key = kms._resolve_key(resource)
    if key is None:
        return resource, {}
    aliases = [arn.split(":", 5)[5] for arn, key_id in kms._aliases.items() if key_id == key["KeyId"]]
    context = {"kms:ResourceAliases": aliases} if aliases else {}
    name = resource.split(":", 5)[5]
    if name.startswith("alias/"):
        context["kms:RequestAlias"] = name
    return key["Arn"], context


def _named_parameters(body: bytes, region: str, account: str) -> list[str]:
    try:
        names = json.loads(body or b"{}").get("Names") or []
    except (ValueError, AttributeError):
        return []
    place = f"arn:aws:ssm:{region}:{account}:parameter/"
    return [name if name.startswith("arn:") else place + name.split(":")[0].lstrip("/") for name in map(str, names)]


def install() -> None:
    enforce, extract = iam_evaluator.enforce, iam_actions.extract_resource_arn

    @functools.wraps(extract)
    def extract_and_note(service, method, path, headers, body, query_params, region, account_id):
        if service == "ssm":
            _parameters.set(_named_parameters(body, region, account_id))
        return extract(service, method, path, headers, body, query_params, region, account_id)

    @functools.wraps(enforce)
    def enforce_each(access_key_id, iam_action, service, region, resource_arn="*", service_context=None):
        resources, context = [resource_arn], dict(service_context or {})
        iam_action = _SINGLE.get(iam_action, iam_action)
        if service == "kms" and resource_arn.startswith("arn:"):
            resource, aliases = _key(resource_arn)
            resources, context = [resource], {**context, **aliases}
        elif service == "ssm" and resource_arn == "*":
            resources = _parameters.get() or resources
        answers = (enforce(access_key_id, iam_action, service, region, one, context) for one in resources)
        return next(filter(None, answers), None)

    # Both are looked up by name at each request, so these two places are enough.
    iam_evaluator.enforce, iam_actions.extract_resource_arn = enforce_each, extract_and_note
