"""Parameter Store: a change of a parameter sends an event, which ministack does not do.

AWS documents the event as best effort; its detail has the name, the type and what was done (Systems Manager user
guide, "Setting up notifications or triggering actions based on Parameter Store events").
"""

import json

from ministack.core.responses import get_account_id, get_region
from ministack.services import ssm

from ministack_local import buses

_put = ssm._put_parameter
_delete = ssm._delete_parameter
_delete_many = ssm._delete_parameters


def _changed(name: str, kind: str, operation: str) -> None:
    account, region = get_account_id(), get_region()
    detail = {"name": name, "type": kind, "operation": operation}
    buses.emit(
        {
            "source": "aws.ssm",
            "detail-type": "Parameter Store Change",
            "account": account,
            "region": region,
            "resources": [f"arn:aws:ssm:{region}:{account}:parameter/{name.removeprefix('/')}"],
            "detail": detail,
        }
    )


def _put_parameter(data):
    before = ssm._parameters.get(data.get("Name"))
    answer = _put(data)
    if answer[0] < 400:
        after = ssm._parameters.get(data["Name"])
        _changed(data["Name"], after["Type"], "Update" if before else "Create")
    return answer


def _delete_parameter(data):
    before = ssm._parameters.get(data.get("Name"))
    answer = _delete(data)
    if answer[0] < 400 and before:
        _changed(data["Name"], before["Type"], "Delete")
    return answer


def _delete_parameters(data):
    before = {name: ssm._parameters.get(name) for name in data.get("Names", [])}
    answer = _delete_many(data)
    if answer[0] < 400:
        for name in json.loads(answer[2])["DeletedParameters"]:
            if before.get(name):
                _changed(name, before[name]["Type"], "Delete")
    return answer


def install() -> None:
    ssm._put_parameter = _put_parameter
    ssm._delete_parameter = _delete_parameter
    ssm._delete_parameters = _delete_parameters
