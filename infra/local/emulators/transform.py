"""A SAM template in, CloudFormation JSON out, offline: what is really deployed, for the contract tests to read.

    python transform.py template.yaml --parameter Name=Value --region eu-west-1 --code CreateImage=s3://bucket/key.zip
    python transform.py template.yaml --no-transform --code ...      only sets the code; still a SAM template

Run with the Python of the ministack environment, which has aws-sam-translator. No AWS call is made: the managed
policies that SAM looks up by name are given as ARNs in every partition's usual form.
"""

import argparse
import json
import os
import sys

import yaml

SHORT = {"Ref": "Ref", "Condition": "Condition"}


class Loader(yaml.SafeLoader):
    """YAML with CloudFormation's short forms (`!Ref`, `!Sub`, ...), and dates left as the text they are written as."""


def _short_form(loader: Loader, suffix: str, node: yaml.Node):
    if isinstance(node, yaml.ScalarNode):
        value = loader.construct_scalar(node)
    elif isinstance(node, yaml.SequenceNode):
        value = loader.construct_sequence(node, deep=True)
    else:
        value = loader.construct_mapping(node, deep=True)
    if suffix == "GetAtt" and isinstance(value, str):
        value = value.split(".", 1)
    return {SHORT.get(suffix, f"Fn::{suffix}"): value}


Loader.add_multi_constructor("!", _short_form)
Loader.add_constructor("tag:yaml.org,2002:timestamp", lambda loader, node: loader.construct_scalar(node))


def pairs(values: list[str]) -> dict[str, str]:
    return dict(value.split("=", 1) for value in values)


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="transform.py")
    parser.add_argument("template")
    parser.add_argument("--parameter", action="append", default=[], metavar="NAME=VALUE")
    parser.add_argument("--code", action="append", default=[], metavar="LOGICALID=s3://BUCKET/KEY")
    parser.add_argument("--region", default="us-east-1")
    parser.add_argument("--no-transform", action="store_true", help="only set the code")
    parser.add_argument("--output", help="a file; default: standard output")
    return parser.parse_args()


def set_code(template: dict, code: dict[str, str]) -> None:
    resources = template.get("Resources", {})
    for name, uri in code.items():
        if resources.get(name, {}).get("Type") != "AWS::Serverless::Function":
            sys.exit(f"transform.py: {name} is not a function of this template")
        resources[name]["Properties"]["CodeUri"] = uri
        # How it was built (`sam build` metadata) says nothing about what is already built.
        resources[name].pop("Metadata", None)


def stand_in_code(template: dict) -> None:
    """Local paths stand for what `sam package` would upload; the translator takes only S3 locations."""
    for name, resource in template.get("Resources", {}).items():
        if resource.get("Type") == "AWS::Serverless::Function":
            uri = resource.setdefault("Properties", {}).get("CodeUri")
            if uri is None or (isinstance(uri, str) and not uri.startswith("s3://")):
                resource["Properties"]["CodeUri"] = f"s3://artifacts/{name}.zip"
    template.get("Globals", {}).get("Function", {}).pop("CodeUri", None)


def transformed(template: dict, parameters: dict[str, str], region: str) -> dict:
    os.environ["AWS_DEFAULT_REGION"] = region
    import boto3
    from samtranslator.model.exceptions import InvalidDocumentException
    from samtranslator.translator.transform import transform

    class NoPolicies:
        """Asked for the ARNs of AWS-managed policies. An empty answer makes SAM take the names as they are."""

        def load(self) -> dict:
            return {}

    # A session of its own: a profile or Region from the environment must not change the result.
    boto3.setup_default_session(region_name=region, aws_access_key_id="none", aws_secret_access_key="none")
    try:
        return transform(template, {**defaults(template), **parameters}, NoPolicies())
    except InvalidDocumentException as error:
        causes = "\n".join(f"  {cause.message}" for cause in error.causes) or f"  {error.message}"
        sys.exit(f"transform.py: the template is not valid:\n{causes}")


def defaults(template: dict) -> dict:
    found = template.get("Parameters", {}).items()
    return {name: parameter["Default"] for name, parameter in found if "Default" in parameter}


def main() -> None:
    args = arguments()
    with open(args.template, encoding="utf-8") as file:
        template = yaml.load(file, Loader)
    set_code(template, pairs(args.code))
    if not args.no_transform:
        stand_in_code(template)
        template = transformed(template, pairs(args.parameter), args.region)
    text = json.dumps(template, indent=2, default=str) + "\n"
    if args.output:
        with open(args.output, "w", encoding="utf-8") as file:
            file.write(text)
    else:
        sys.stdout.write(text)


main()
