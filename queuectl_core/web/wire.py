"""Between WSGI and records: what came in, and how an answer goes out. PEP 3333."""

from __future__ import annotations

import zlib
from hashlib import blake2b
from http import HTTPStatus
from http.cookies import CookieError, SimpleCookie
from urllib.parse import parse_qsl

from queuectl_core.errors import BadData, QueuectlError
from queuectl_core.records import Record
from queuectl_core.web.facts import SAFE, Values

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence
    from typing import BinaryIO

    from queuectl_core.web.facts import Answer

    Environ = Mapping[str, object]
    StartResponse = Callable[[str, list[tuple[str, str]]], object]

MOST_BODY_BYTES = 1 << 20
MOST_FIELDS = 2000
GZIP_FROM_BYTES = 600
_COMPRESSIBLE = ("text/", "application/json", "application/problem+json", "image/svg+xml")
_OF_UNCHANGED = {"Cache-Control", "ETag", "Vary", "Set-Cookie", "X-Content-Type-Options"}
FORM = "application/x-www-form-urlencoded"


class TooLarge(QueuectlError):
    """The body has more than 1 MiB."""

    message = "the body has more than 1 MiB"
    http_status = 413


class Request(Record):
    """A request as it came. `host` is what the client calls us, `peer` its address or empty."""

    method: str
    path: str
    query: Values
    headers: Mapping[str, str]
    cookies: Mapping[str, str]
    host: str
    peer: str
    secure: bool
    body: bytes


def read(environ: Environ, base_path: str) -> Request:
    """Return the request, with a path that has lost the base path.

    Raises TooLarge, and BadData for a path or query that is no text.
    """
    headers = {
        name[5:].replace("_", "-").lower(): str(value)
        for name, value in environ.items()
        if name.startswith("HTTP_")
    }
    headers["content-type"] = str(environ.get("CONTENT_TYPE") or "")
    return Request(
        method=str(environ["REQUEST_METHOD"]).upper(),
        path=_path(environ, base_path),
        query=Values(_pairs(str(environ.get("QUERY_STRING") or ""))),
        headers=headers,
        cookies=_cookies(headers.get("cookie", "")),
        host=headers.get("host", ""),
        peer=str(environ.get("REMOTE_ADDR") or ""),
        secure=environ.get("wsgi.url_scheme") == "https",
        body=_body(environ),
    )


def form_of(request: Request) -> Values:
    """Return the fields of a form; empty where the body is none."""
    if request.headers["content-type"].partition(";")[0].strip().lower() != FORM:
        return Values()
    try:
        return Values(_pairs(request.body.decode("ascii")))
    except UnicodeDecodeError as error:
        raise BadData("the form is not what a browser sends") from error


def _path(environ: Environ, base_path: str) -> str:
    """Return the path; one outside of the base path finds no route."""
    try:
        path = str(environ.get("PATH_INFO") or "/").encode("latin-1").decode()
    except UnicodeError as error:
        raise BadData("the path is not valid UTF-8") from error
    if not base_path:
        return path
    if path == base_path:
        return "/"
    return path[len(base_path) :] if path.startswith(base_path + "/") else "//outside"


def _pairs(text: str) -> Sequence[tuple[str, str]]:
    try:
        return parse_qsl(text, keep_blank_values=True, errors="strict", max_num_fields=MOST_FIELDS)
    except ValueError as error:
        raise BadData("a query or form is not valid UTF-8, or has too many fields") from error


def _cookies(text: str) -> Mapping[str, str]:
    try:
        return {name: morsel.value for name, morsel in SimpleCookie(text).items()}
    except CookieError:
        return {}


def _body(environ: Environ) -> bytes:
    length = str(environ.get("CONTENT_LENGTH") or "0")
    if not length.isascii() or not length.isdigit():
        raise BadData("the length of the body is no number")
    if int(length) > MOST_BODY_BYTES:
        raise TooLarge
    stream: BinaryIO = environ["wsgi.input"]  # type: ignore[assignment] # PEP 3333 says so
    return stream.read(int(length)) if int(length) else b""


def send(
    answer: Answer,
    request: Request | None,
    start: StartResponse,
    headers: Sequence[tuple[str, str]],
) -> tuple[int, Iterable[bytes]]:
    """Begin the response; return its status and its body: with an ETag, packed, or none for 304."""
    told = [("Content-Type", answer.content_type), *answer.headers, *headers]
    status, body = answer.status, answer.body
    if isinstance(body, bytes):
        status, body, more = _finished(answer.status, body, answer.content_type, request)
        told += more
        told.append(("Content-Length", str(len(body))))
        pieces: Iterable[bytes] = [body]
    else:
        pieces = body
    if status == HTTPStatus.NOT_MODIFIED:
        # what is kept has the others already, and keeps them (RFC 9111, 4.3.4): 300 bytes less
        told = [pair for pair in told if pair[0] in _OF_UNCHANGED]
    start(f"{int(status)} {HTTPStatus(status).phrase}", told)
    return int(status), [] if request is not None and request.method == "HEAD" else pieces


def _finished(
    status: int, body: bytes, content_type: str, request: Request | None
) -> tuple[int, bytes, list[tuple[str, str]]]:
    """Return status, body and headers of an answer that is known as a whole."""
    if request is None:
        return status, body, []
    more: list[tuple[str, str]] = []
    if status == HTTPStatus.OK and request.method in SAFE:
        tag = tag_of(body)
        more.append(("ETag", tag))
        if tag in _tags(request.headers.get("if-none-match", "")):
            return HTTPStatus.NOT_MODIFIED, b"", more
    if len(body) >= GZIP_FROM_BYTES and content_type.startswith(_COMPRESSIBLE):
        more.append(("Vary", "Accept-Encoding, Cookie, X-Fragment"))
        if _takes_gzip(request.headers.get("accept-encoding", "")):
            body = _packed(body)
            more.append(("Content-Encoding", "gzip"))
    return status, body, more


def _packed(body: bytes) -> bytes:
    """Return the body in gzip's format. Level 9 takes three times as long as 5 for 1 % less.

    Not by the module gzip, which would be one more in every copy of the executable.
    """
    packer = zlib.compressobj(5, zlib.DEFLATED, 16 + zlib.MAX_WBITS)
    return packer.compress(body) + packer.flush()


def tag_of(body: bytes) -> str:
    """Return the ETag of a body. Weak: it may come packed."""
    return f'W/"{blake2b(body, digest_size=12).hexdigest()}"'


def _tags(text: str) -> Sequence[str]:
    return [tag.strip() for tag in text.split(",")]


def _takes_gzip(text: str) -> bool:
    for word in text.lower().split(","):
        name, _, quality = word.partition(";")
        if name.strip() == "gzip":
            return quality.replace(" ", "") not in {"q=0", "q=0.0", "q=0.00", "q=0.000"}
    return False
