"""The endpoint that the measured process calls as AWS: TLS, the time of each call, and the local AWS behind it."""

import datetime
import http.client
import ipaddress
import pathlib
import socket
import ssl
import threading
import time
import urllib.parse
from collections.abc import Callable
from dataclasses import dataclass, field

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.x509.oid import NameOID

# AWS's own endpoints answer HTTP/1.1 from a chain like this: 2048 bits of RSA, one intermediate.
KEY_BITS = 2048


@dataclass(frozen=True)
class Call:
    """One call, as it came to the endpoint."""

    name: str
    # What the process had used when its request was here. It waits from then on, so this is exact.
    cpu_ms: float
    began: float
    ended: float


@dataclass
class Seen:
    """What came to the endpoint in one phase."""

    calls: list[Call] = field(default_factory=list)
    connections: int = 0
    # What the process had used when it first connected.
    connected_cpu_ms: float = 0.0


class Endpoint:
    """Relays every call to the local AWS, one connection there for each connection here."""

    def __init__(self, upstream: str, tls: ssl.SSLContext | None):
        self._upstream = urllib.parse.urlsplit(upstream).netloc
        self._tls = tls
        self._seen = Seen()
        self._cpu_ms: Callable[[], float] = float
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=64)
        threading.Thread(target=self._accept, daemon=True).start()

    @property
    def url(self) -> str:
        scheme = "https" if self._tls else "http"
        return f"{scheme}://localhost:{self._listener.getsockname()[1]}"

    def watch(self, cpu_ms: Callable[[], float]) -> None:
        """From now on the process calls that has used so much processor time."""
        self._cpu_ms, self._seen = cpu_ms, Seen()

    def take(self) -> Seen:
        """What came since the last time."""
        seen, self._seen = self._seen, Seen()
        return seen

    def _accept(self) -> None:
        while True:
            connection, _ = self._listener.accept()
            threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection: socket.socket) -> None:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if not self._seen.connections:
            self._seen.connected_cpu_ms = self._cpu_ms()
        self._seen.connections += 1
        behind = http.client.HTTPConnection(self._upstream)
        try:
            if self._tls:
                connection = self._tls.wrap_socket(connection, server_side=True)
            reader = connection.makefile("rb")
            while request := reader.readline():
                self._relay(request, reader, connection, behind)
        except OSError:
            # A process that has been measured is killed with its connections open.
            pass
        finally:
            behind.close()
            connection.close()

    def _relay(self, request: bytes, reader, connection: socket.socket, behind: http.client.HTTPConnection) -> None:
        method, target, _ = request.decode("latin-1").split(" ", 2)
        headers = http.client.parse_headers(reader)
        body = reader.read(int(headers.get("Content-Length") or 0))
        cpu_ms, began = self._cpu_ms(), time.perf_counter()
        behind.putrequest(method, target, skip_host=True, skip_accept_encoding=True)
        for name, value in headers.items():
            behind.putheader(name, value)
        behind.endheaders(body)
        answer = behind.getresponse()
        content = answer.read()
        ended = time.perf_counter()
        # Noted before the answer leaves, after which the calls may be taken at once.
        self._seen.calls.append(Call(action(headers, body), cpu_ms, began, ended))
        lines = [f"HTTP/1.1 {answer.status} {answer.reason}", f"Content-Length: {len(content)}"]
        dropped = ("content-length", "transfer-encoding", "connection")
        lines += [f"{name}: {value}" for name, value in answer.getheaders() if name.lower() not in dropped]
        connection.sendall("\r\n".join([*lines, "", ""]).encode("latin-1") + content)


def action(headers, body: bytes) -> str:
    """`dynamodb:GetItem`: the service is in the signature, the action in a header or in the form."""
    scope = headers.get("Authorization", "").partition("Credential=")[2].split(",")[0].split("/")
    service = scope[3] if len(scope) > 3 else "unsigned"
    target = headers.get("X-Amz-Target", "").rpartition(".")[2]
    form = urllib.parse.parse_qs(body.decode("latin-1")) if not target else {}
    return f"{service}:{target or form.get('Action', ['?'])[0]}"


def certificates(directory: pathlib.Path) -> tuple[ssl.SSLContext, pathlib.Path]:
    """A server's TLS with a chain of its own, and the file of roots to trust: those of Mozilla, which a system has too,
    and this chain's. A process pays for reading all of them."""
    root_key, root = certificate("root")
    middle_key, middle = certificate("intermediate", root_key, root)
    leaf_key, leaf = certificate("localhost", middle_key, middle, is_authority=False)
    chain, roots = directory / "chain.pem", directory / "roots.pem"
    key = leaf_key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    pem = serialization.Encoding.PEM
    chain.write_bytes(key + leaf.public_bytes(pem) + middle.public_bytes(pem))
    import botocore

    mozilla = (pathlib.Path(botocore.__file__).parent / "cacert.pem").read_bytes()
    roots.write_bytes(mozilla + b"\n" + root.public_bytes(pem))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(chain)
    context.set_alpn_protocols(["http/1.1"])
    return context, roots


def certificate(name: str, signer_key=None, signer: x509.Certificate | None = None, is_authority: bool = True):
    key = rsa.generate_private_key(public_exponent=65537, key_size=KEY_BITS)
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    now = datetime.datetime.now(datetime.timezone.utc)
    names = [x509.DNSName("localhost"), x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(signer.subject if signer else subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(hours=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(x509.BasicConstraints(ca=is_authority, path_length=None), critical=True)
    )
    if not is_authority:
        builder = builder.add_extension(x509.SubjectAlternativeName(names), critical=False)
    return key, builder.sign(signer_key or key, hashes.SHA256())
