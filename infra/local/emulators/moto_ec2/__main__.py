"""`python -m moto_ec2 --port 4572 --ministack-url http://127.0.0.1:4571`."""

import argparse
import logging
import os
import signal
import sys


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="moto_ec2")
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--ministack-url", help="for events, KMS keys and identities; without it, EC2 stands alone")
    parser.add_argument("--account", default="000000000000", help="the account of keys that name none")
    parser.add_argument("--pending-seconds", type=float, default=2.0, help="how long a new image stays pending")
    parser.add_argument("--authorize", action="store_true", help="ask ministack's IAM about every call")
    parser.add_argument("--access-log", action="store_true", help="one line a call on stderr")
    return parser.parse_args()


def main() -> None:
    args = arguments()
    # Read while moto is imported: 1,301 public images whose snapshots would count as the caller's.
    os.environ["MOTO_EC2_LOAD_DEFAULT_AMIS"] = "false"
    for name in [name for name in os.environ if name.startswith("AWS_")]:
        del os.environ[name]

    from werkzeug.serving import WSGIRequestHandler, run_simple

    from . import admin, events, instances, server, snapshots, tagging, timers
    from .state import STATE

    STATE.account, STATE.pending_seconds = args.account, args.pending_seconds
    STATE.ministack = args.ministack_url.rstrip("/") if args.ministack_url else None
    STATE.authorize = args.authorize
    for part in (tagging, instances, snapshots, server):
        part.install()
    for part in (admin, events, timers):
        part.start()

    class Handler(WSGIRequestHandler):
        protocol_version = "HTTP/1.1"  # keeps connections open; a new one for each call costs more than the call

        def log_request(self, *values) -> None:
            if args.access_log:
                super().log_request(*values)

    if not args.access_log:
        # Its start-up lines warn that this is no production server, which nobody here needs to read.
        logging.getLogger("werkzeug").setLevel(logging.ERROR)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    run_simple("127.0.0.1", args.port, server.application, threaded=True, request_handler=Handler)


main()
