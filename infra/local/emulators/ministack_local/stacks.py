"""CloudFormation: resource types that ministack refuses, and table settings that it reads but does not apply.
Every wrapper says what it adds; nothing already handled is replaced."""

import hashlib
import json

from ministack.core.responses import get_account_id, get_region
from ministack.services import dynamodb, eventbridge
from ministack.services.cloudformation import provisioners


def _check(answer, what: str):
    if answer[0] >= 400:
        raise ValueError(f"{what}: {answer[2]!r}")


def _bus_policy_create(logical_id, props, stack_name):
    """AWS::Events::EventBusPolicy, in both its forms: a Statement, or Action and Principal."""
    bus = props.get("EventBusName", "default")
    sid = props["StatementId"]
    eventbridge._ensure_default_bus()
    if bus not in eventbridge._event_buses:
        raise ValueError(f"Event bus {bus} does not exist.")
    statement = props.get("Statement")
    if statement is None:
        _check(eventbridge._put_permission({**props, "EventBusName": bus}), "AWS::Events::EventBusPolicy")
    else:
        policy = eventbridge._event_bus_policies.get(bus) or {"Version": "2012-10-17", "Statement": []}
        policy["Statement"] = [old for old in policy["Statement"] if old.get("Sid") != sid]
        policy["Statement"].append({"Sid": sid, **statement})
        eventbridge._event_bus_policies[bus] = policy
    return f"{bus}|{sid}", {}


def _bus_policy_delete(physical_id, props):
    bus, _, sid = physical_id.partition("|")
    eventbridge._remove_permission({"EventBusName": bus, "StatementId": sid})


def _archive_create(logical_id, props, stack_name):
    """AWS::Events::Archive."""
    name = props.get("ArchiveName") or provisioners._physical_name(stack_name, logical_id, max_len=48)
    pattern = props.get("EventPattern")
    if isinstance(pattern, dict):
        props = {**props, "EventPattern": json.dumps(pattern)}
    _check(
        eventbridge._create_archive({**props, "ArchiveName": name, "EventSourceArn": props["SourceArn"]}),
        "AWS::Events::Archive",
    )
    return name, {"ArchiveName": name, "Arn": f"arn:aws:events:{get_region()}:{get_account_id()}:archive/{name}"}


def _archive_delete(physical_id, props):
    eventbridge._delete_archive({"ArchiveName": physical_id})


def _group_create(logical_id, props, stack_name):
    """AWS::ResourceGroups::Group: only its name, since nothing here asks what is in it."""
    name = props.get("Name") or provisioners._physical_name(stack_name, logical_id, max_len=128)
    return name, {"Arn": f"arn:aws:resource-groups:{get_region()}:{get_account_id()}:group/{name}"}


def _registry_create(logical_id, props, stack_name):
    """AWS::EventSchemas::Registry: only its name, since nothing here looks schemas up."""
    name = props.get("RegistryName") or provisioners._physical_name(stack_name, logical_id, max_len=64)
    arn = f"arn:aws:schemas:{get_region()}:{get_account_id()}:registry/{name}"
    return arn, {"RegistryArn": arn, "RegistryName": name}


def _schema_create(logical_id, props, stack_name):
    """AWS::EventSchemas::Schema: only its name; its content has to be JSON."""
    json.loads(props["Content"])
    name = props.get("SchemaName") or provisioners._physical_name(stack_name, logical_id, max_len=255)
    arn = f"arn:aws:schemas:{get_region()}:{get_account_id()}:schema/{props['RegistryName']}/{name}"
    return arn, {"SchemaArn": arn, "SchemaName": name, "SchemaVersion": "1"}


def _with_own_queue_only(attach):
    """AWS::SQS::QueuePolicy: SQS refuses a policy whose statements name another queue than the one that gets it."""

    def wrapper(*args, **kwargs):
        # create(logical_id, props, stack); update(physical_id, old_props, new_props, stack)
        props = args[2] if isinstance(args[2], dict) else args[1]
        document = props["PolicyDocument"]
        document = json.loads(document) if isinstance(document, str) else document
        statements = document["Statement"]
        for url in props["Queues"]:
            queue = url.rstrip("/").rsplit("/", 1)[-1]
            for statement in statements if isinstance(statements, list) else [statements]:
                resources = statement.get("Resource", [])
                resources = resources if isinstance(resources, list) else [resources]
                if any(resource != "*" and resource.rsplit(":", 1)[-1] != queue for resource in resources):
                    raise ValueError(f"Invalid value for the parameter Policy: {resources} is not queue {queue} alone.")
        return attach(*args, **kwargs)

    return wrapper


def _with_metric_math(put):
    """AWS::CloudWatch::Alarm on an expression: it exists, with its settings and actions. The expression is not evaluated,
    so the alarm has no data here and keeps its first state."""

    def wrapper(*args, **kwargs):
        # create(logical_id, props, stack); update(physical_id, old_props, new_props, stack, logical_id)
        place = 2 if isinstance(args[2], dict) else 1
        props = args[place]
        if props.get("Metrics"):
            rest = {key: value for key, value in props.items() if key != "Metrics"}
            props = {**rest, "Namespace": "MetricMath", "MetricName": props["AlarmName"]}
        return put(*args[:place], props, *args[place + 1 :], **kwargs)

    return wrapper


def _with_table_settings(create):
    """TTL, point-in-time recovery and encryption, which ministack's table resource reads and leaves off."""

    def wrapper(*args, **kwargs):
        name, attributes = create(*args, **kwargs)
        # create(logical_id, props, stack); update(physical_id, old_props, new_props, stack, logical_id)
        props = args[2] if isinstance(args[2], dict) else args[1]
        expiry = props.get("TimeToLiveSpecification")
        if expiry:
            request = {"TableName": name, "TimeToLiveSpecification": _typed(expiry)}
            _check(dynamodb._update_ttl(request), "TimeToLiveSpecification")
        recovery = props.get("PointInTimeRecoverySpecification")
        if recovery is not None:
            request = {"TableName": name, "PointInTimeRecoverySpecification": _typed(recovery)}
            _check(dynamodb._update_continuous_backups(request), "PointInTimeRecoverySpecification")
        encryption = props.get("SSESpecification")
        if encryption:
            # CloudFormation says SSEEnabled where the API says Enabled.
            spec = {"Enabled": _bool(encryption.get("SSEEnabled")), **encryption}
            dynamodb._tables[name]["SSEDescription"] = dynamodb._sse_description_from_spec(spec)
        table = dynamodb._tables[name]
        table["DeletionProtectionEnabled"] = _bool(table.get("DeletionProtectionEnabled"))
        return name, attributes

    return wrapper


def _bool(value) -> bool:
    """Parameters arrive as text, and the text "false" is true to Python."""
    return str(value).lower() == "true"


def _typed(spec: dict) -> dict:
    return {key: _bool(value) if str(value).lower() in ("true", "false") else value for key, value in spec.items()}


def _create_only(create, delete) -> dict:
    def update(physical_id, old_props, new_props, stack_name, logical_id=None):
        if old_props == new_props:
            return physical_id, {}
        delete(physical_id, old_props)
        return create(logical_id or _id_of(physical_id), new_props, stack_name)

    return {"create": create, "update": update, "update_with_logical_id": True, "delete": delete}


def _id_of(physical_id: str) -> str:
    return "r" + hashlib.sha256(physical_id.encode()).hexdigest()[:8]


def install() -> None:
    handlers = provisioners._RESOURCE_HANDLERS
    handlers.setdefault("AWS::Events::EventBusPolicy", _create_only(_bus_policy_create, _bus_policy_delete))
    handlers.setdefault("AWS::Events::Archive", _create_only(_archive_create, _archive_delete))
    handlers.setdefault("AWS::ResourceGroups::Group", _create_only(_group_create, lambda physical_id, props: None))
    nothing = lambda physical_id, props: None
    handlers.setdefault("AWS::EventSchemas::Registry", _create_only(_registry_create, nothing))
    handlers.setdefault("AWS::EventSchemas::Schema", _create_only(_schema_create, nothing))
    policy = handlers["AWS::SQS::QueuePolicy"]
    policy["create"] = _with_own_queue_only(policy["create"])
    policy["update"] = _with_own_queue_only(policy["update"])
    alarm = handlers["AWS::CloudWatch::Alarm"]
    alarm["create"] = _with_metric_math(alarm["create"])
    alarm["update"] = _with_metric_math(alarm["update"])
    table = handlers["AWS::DynamoDB::Table"]
    table["create"] = _with_table_settings(table["create"])
    table["update"] = _with_table_settings(table["update"])
