"""The HTTP side: who calls from where, one action a call, and every error in EC2's own form."""

import re
import sys
import traceback
import uuid
from xml.sax.saxutils import escape

from botocore.model import OperationNotFoundError
from moto.core.exceptions import ServiceException
from moto.core.utils import camelcase_to_underscores, get_service_model
from moto.ec2.models.amis import AmiBackend
from moto.ec2.responses import EC2Response
from werkzeug.wrappers import Request, Response

from . import admin, conditions, errors, ministack, model
from .copies import Copies
from .describing import Describing
from .images import Images
from .instances import Instances
from .lifecycle import Lifecycle
from .sharing import Sharing
from .snapshots import Snapshots
from .state import LOCK, STATE
from .tagging import Tagging

_CREDENTIAL = re.compile(r"Credential=([^/,\s]+)/\d+/([^/]+)/([^/]+)/aws4_request")


class LocalEC2(Images, Copies, Describing, Sharing, Lifecycle, Snapshots, Instances, Tagging, EC2Response):
    """Our actions first; moto's for the rest (networks, security groups, key pairs, launch templates, ...)."""

    def __init__(self, request: Request):
        super().__init__()
        self.request_id = str(uuid.uuid4())
        found = _CREDENTIAL.search(request.headers.get("Authorization", "")) or _CREDENTIAL.search(
            "Credential=" + request.args.get("X-Amz-Credential", "")
        )
        self.access_key, self.region = (found[1], found[2]) if found else ("", self.default_region)
        self.current_account = ministack.account_of(self.access_key)
        # What moto's BaseResponse.setup_class would set, without its IAM and its guesses of Region and account.
        self.partition, self.headers, self.uri_match = "aws", request.headers, {}
        self.querystring = self.data = {name: [value] for name, value in request.values.items()}
        self.body, self.method, self.path = "", request.method, request.path
        self.normalized_request, self.response_headers = request, {}
        self.action = request.values.get("Action", "")

    def filters(self) -> dict[str, list[str]]:
        return self._filters_from_querystring()

    def must_exist(self, resource: str) -> None:
        if resource.startswith("ami-"):
            model.find_own(self.ec2_backend, resource)
        elif resource.startswith("snap-"):
            self.snapshot(resource)
        elif resource.startswith("i-"):
            self.instance(resource)
        else:
            self.ec2_backend.do_resources_exist([resource])

    def answer(self) -> tuple[int, str]:
        try:
            operation = get_service_model("ec2").operation_model(self.action)
        except OperationNotFoundError:
            operation = None
        method = getattr(self, camelcase_to_underscores(self.action), None) if operation else None
        if method is None:
            raise errors.error("InvalidAction", f"The action {self.action} is not valid for this web service.")
        self.parse_parameters(self.normalized_request)
        if STATE.authorize:
            self._authorize()
        with LOCK:
            _status, _headers, body = self.serialized(method())
        return 200, body.replace("request-id", self.request_id)

    def _authorize(self) -> None:
        """Asks ministack's IAM, before anything else about the call is checked."""
        with LOCK:
            checks = conditions.checks(self)
        verdict = ministack.allowed(self.access_key, self.region, checks)
        if not verdict["allowed"]:
            raise errors.error(
                "UnauthorizedOperation",
                f"You are not authorized to perform this operation. User: {verdict['principal']} is not "
                f"authorized to perform: {verdict['action']} on resource: {verdict['resource']}",
            )


def _images_for_moto(self, ami_ids=None, filters=None, exec_users=None, owners=None):
    """moto's own code asks for images in two ways; both go to our table."""
    ids = ami_ids or (filters or {}).get("image-id") or []
    there = model.BY_REGION.get(self.region_name, {})
    return [there[image_id] for image_id in ([ids] if isinstance(ids, str) else ids) if image_id in there]


def install() -> None:
    AmiBackend.describe_images = _images_for_moto


def _error(code: str, message: str, status: int, request_id: str) -> Response:
    body = (
        '<?xml version="1.0" encoding="UTF-8"?>\n'
        f"<Response><Errors><Error><Code>{escape(code)}</Code><Message>{escape(message)}</Message></Error></Errors>"
        f"<RequestID>{request_id}</RequestID></Response>"
    )
    return Response(body, status, content_type="text/xml;charset=UTF-8")


@Request.application
def application(request: Request) -> Response:
    if request.path.startswith("/_local/"):
        return admin.answer(request)
    request_id = str(uuid.uuid4())
    try:
        call = LocalEC2(request)
        request_id = call.request_id
        status, body = call.answer()
        return Response(body, status, {"x-amzn-RequestId": request_id}, content_type="text/xml;charset=UTF-8")
    except ServiceException as problem:
        code, message = problem.code, str(getattr(problem, "message", "") or problem)
        # EC2 answers 400 for nearly everything, and 403 for what is not allowed.
        status = 403 if code == "UnauthorizedOperation" else 412 if code == "DryRunOperation" else 400
        return _error(code, message, status, request_id)
    except NotImplementedError as problem:
        # Not 500: an SDK would retry it, and the test would only see a timeout.
        return _error("InvalidAction", f"Not in the local EC2: {problem}", 400, request_id)
    except Exception as problem:
        traceback.print_exc(file=sys.stderr)
        return _error("InternalError", f"The local EC2 failed: {problem!r}", 500, request_id)
