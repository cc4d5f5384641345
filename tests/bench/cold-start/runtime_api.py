"""The Lambda runtime API for one process: it hands out events and takes the answers."""

import http.server
import json
import queue
import subprocess
import threading
import time

ANSWER_WITHIN_SECONDS = 120


class FunctionFailed(Exception):
    """The process ended, answered with an error, or did not answer."""


class RuntimeApi:
    """Serves one process; every time is of `time.perf_counter`."""

    def __init__(self, function_arn: str):
        api = self
        self._process: subprocess.Popen | None = None
        self._polls: queue.Queue = queue.Queue()
        self._events: queue.Queue = queue.Queue()
        self._answers: queue.Queue = queue.Queue()

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            # An answer is one segment; without this its second write may wait for an acknowledgement.
            wbufsize = -1
            disable_nagle_algorithm = True

            def log_message(self, *_parts):
                pass

            def do_GET(self):
                api._polls.put(time.perf_counter())
                event = api._events.get()
                if event is None:
                    self.close_connection = True
                    return
                body = json.dumps(event).encode()
                self.send_response(200)
                headers = {
                    "Lambda-Runtime-Aws-Request-Id": f"cold-start-{time.time_ns()}",
                    "Lambda-Runtime-Deadline-Ms": str(int(time.time() * 1000) + 60_000),
                    "Lambda-Runtime-Invoked-Function-Arn": function_arn,
                    "Content-Type": "application/json",
                    "Content-Length": str(len(body)),
                }
                for name, value in headers.items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(body)

            def do_POST(self):
                arrived = time.perf_counter()
                body = self._body()
                self.send_response(202)
                self.send_header("Content-Length", "0")
                self.end_headers()
                api._answers.put((arrived, self.path, body))

            def _body(self) -> bytes:
                if self.headers.get("Transfer-Encoding") != "chunked":
                    return self.rfile.read(int(self.headers.get("Content-Length") or 0))
                body = b""
                while size := int(self.rfile.readline().strip() or b"0", 16):
                    body += self.rfile.read(size)
                    self.rfile.readline()
                self.rfile.readline()
                return body

        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def serve(self, process: subprocess.Popen) -> None:
        """If this process ends, nothing is waited for any longer."""
        self._process = process

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self._server.server_port}"

    def polled(self) -> float:
        """Waits for the process to ask for the next event."""
        return self._wait(self._polls)

    def invoke(self, event: dict) -> float:
        """Hands an event to the process that waits for one; the seconds until its answer."""
        sent = time.perf_counter()
        self._events.put(event)
        arrived, path, body = self._wait(self._answers)
        if not path.endswith("/response") or json.loads(body).get("batchItemFailures"):
            raise FunctionFailed(f"it answered {body[:500].decode()}")
        return arrived - sent

    def _wait(self, arrivals: queue.Queue):
        for _ in range(ANSWER_WITHIN_SECONDS):
            try:
                return arrivals.get(timeout=1)
            except queue.Empty:
                ended = self._process.poll()
                if ended is not None:
                    raise FunctionFailed(f"it ended with status {ended}") from None
        raise FunctionFailed(f"no answer within {ANSWER_WITHIN_SECONDS} s")

    def close(self) -> None:
        self._events.put(None)
        self._server.shutdown()
        self._server.server_close()
