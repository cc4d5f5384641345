"""The EC2 errors that are used here. Messages follow AWS where they are known, because callers parse them."""

from moto.ec2.exceptions import EC2ClientError


def error(code: str, message: str) -> EC2ClientError:
    return EC2ClientError(code, message)


def image_not_found(ids) -> EC2ClientError:
    listed = ", ".join(ids) if isinstance(ids, (list, tuple, set)) else ids
    return error("InvalidAMIID.NotFound", f"The image id '[{listed}]' does not exist")


def image_malformed(image_id: str) -> EC2ClientError:
    return error("InvalidAMIID.Malformed", f'Invalid id: "{image_id}" (expecting "ami-...")')


def image_unavailable(image_id: str, why: str = "is no longer available") -> EC2ClientError:
    return error("InvalidAMIID.Unavailable", f"The image ID '{image_id}' {why}")


def not_owner(image_id: str) -> EC2ClientError:
    return error("AuthFailure", f"Not authorized for image:{image_id}")


def snapshot_not_found(snapshot_id: str) -> EC2ClientError:
    return error("InvalidSnapshot.NotFound", f"The snapshot '{snapshot_id}' does not exist.")


def invalid(message: str) -> EC2ClientError:
    return error("InvalidParameterValue", message)


def missing(parameter: str) -> EC2ClientError:
    return error("MissingParameter", f"The request must contain the parameter {parameter}")
