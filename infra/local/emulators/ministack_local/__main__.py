"""`python -m ministack_local --port 4571 --gateway-url http://127.0.0.1:4566`."""

import argparse
import asyncio
import os
import tempfile


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="ministack_local")
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--gateway-url", required=True, help="what functions call as AWS, and what queue URLs name")
    parser.add_argument("--home-region", default="us-east-1", help="the Region of callers that name none")
    parser.add_argument("--account", default="000000000000", help="the account of keys that name none")
    parser.add_argument("--tick-seconds", type=float, default=1.0, help="how often schedules are looked at")
    parser.add_argument("--auth", action="store_true", help="check signatures and the IAM policies of callers")
    parser.add_argument("--state-dir", help="where unpacked function code goes (default: the temporary directory)")
    parser.add_argument("--function-logs", help="a directory that gets NAME.log of each function, as it is written")
    parser.add_argument("--log-level", default="WARNING")
    return parser.parse_args()


def set_environment(args: argparse.Namespace) -> None:
    """ministack reads its settings from the environment while it is imported, so this comes first."""
    for name in [name for name in os.environ if name.startswith("AWS_")]:
        # Real credentials or profiles of the person at the keyboard must never reach a function.
        del os.environ[name]
    if args.state_dir:
        os.makedirs(args.state_dir, exist_ok=True)
        os.environ["TMPDIR"] = args.state_dir
        tempfile.tempdir = None
    os.environ.update(
        {
            "GATEWAY_PORT": str(args.port),
            "BIND_HOST": "127.0.0.1",
            "LAMBDA_EXECUTOR": "local",
            "AWS_ENDPOINT_URL": args.gateway_url,
            "MINISTACK_REGION": args.home_region,
            "MINISTACK_ACCOUNT_ID": args.account,
            "AUTH": "true" if args.auth else "false",
            "LOG_LEVEL": args.log_level.upper(),
            "PERSIST_STATE": "0",
            "S3_PERSIST": "0",
            # Neither is used here, and each would open a port of its own.
            "SFTP_ENABLED": "0",
            "IOT_MTLS_ENABLED": "0",
        }
    )


def main() -> None:
    args = arguments()
    set_environment(args)

    from hypercorn.asyncio import serve
    from hypercorn.config import Config

    from ministack_local import authorization, buses, control, functions, parameters, queues, stacks, streams

    buses.install(args.tick_seconds)
    functions.install(args.gateway_url, args.function_logs)
    parameters.install()
    authorization.install()
    queues.install(args.gateway_url)
    stacks.install()
    streams.install()

    config = Config()
    config.bind = [f"127.0.0.1:{args.port}"]
    config.keep_alive_timeout = 75
    config.loglevel = args.log_level.upper()
    try:
        asyncio.run(serve(control.app, config))
    finally:
        functions.end_all()


main()
