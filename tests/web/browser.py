"""A browser of a few lines, and programs with a token: requests to the application, no socket."""

from __future__ import annotations

import gzip
import io
import json
from http.cookies import SimpleCookie
from typing import Any, NamedTuple
from urllib.parse import urlencode, urlsplit

FORM = "application/x-www-form-urlencoded"


class Response(NamedTuple):
    """What came back."""

    status: int
    headers: list[tuple[str, str]]
    body: bytes

    def header(self, name: str) -> str | None:
        """Return a header's value, None where it is missing."""
        found = [value for known, value in self.headers if known.lower() == name.lower()]
        return found[0] if found else None

    @property
    def text(self) -> str:
        packed = self.header("Content-Encoding") == "gzip"
        return (gzip.decompress(self.body) if packed else self.body).decode()

    @property
    def json(self) -> Any:
        return json.loads(self.text)


class Browser:
    """Keeps cookies and says of every request where it came from, as browsers do."""

    def __init__(self, app, *, host: str = "127.0.0.1:5000", peer: str = "127.0.0.1") -> None:
        self.app = app
        self.host = host
        self.peer = peer
        self.cookies: dict[str, str] = {}
        self.headers: dict[str, str] = {}

    def get(self, url: str, **headers: str) -> Response:
        """Ask for a page; `X_Fragment="main"` is a header."""
        return self.send("GET", url, headers=headers)

    def post(self, url: str, form: dict[str, str] | None = None, **headers: str) -> Response:
        """Send a form from a page of the same site."""
        body = urlencode(form or {}).encode()
        headers = {"Content_Type": FORM, "Sec_Fetch_Site": "same-origin"} | headers
        return self.send("POST", url, body, headers)

    def send_json(self, method: str, url: str, value: object, **headers: str) -> Response:
        """Send JSON."""
        body = json.dumps(value).encode()
        return self.send(method, url, body, {"Content_Type": "application/json"} | headers)

    def send(
        self, method: str, url: str, body: bytes = b"", headers: dict[str, str] | None = None
    ) -> Response:
        """Send a request and return the whole answer."""
        begun: list[Any] = []
        environ = self._environ(method, url, body, {**self.headers, **(headers or {})})
        pieces = self.app(environ, lambda *told: begun.append(told))
        content = b"".join(pieces)
        status, told = begun[0]
        self._keep_cookies(told)
        return Response(int(status.split()[0]), told, content)

    def _environ(self, method: str, url: str, body: bytes, headers: dict[str, str]):
        parts = urlsplit(url)
        environ: dict[str, object] = {
            "REQUEST_METHOD": method,
            "PATH_INFO": parts.path.encode().decode("latin-1"),
            "QUERY_STRING": parts.query,
            "CONTENT_LENGTH": str(len(body)),
            "HTTP_HOST": self.host,
            "REMOTE_ADDR": self.peer,
            "wsgi.url_scheme": "http",
            "wsgi.input": io.BytesIO(body),
        }
        for name, value in headers.items():
            key = name.upper().replace("-", "_")
            environ[key if key in {"CONTENT_TYPE", "CONTENT_LENGTH"} else f"HTTP_{key}"] = value
        if self.cookies:
            environ["HTTP_COOKIE"] = "; ".join(f"{k}={v}" for k, v in self.cookies.items())
        return environ

    def _keep_cookies(self, told: list[tuple[str, str]]) -> None:
        for name, value in told:
            if name == "Set-Cookie":
                for key, morsel in SimpleCookie(value).items():
                    self.cookies[key] = morsel.value
                    if morsel["max-age"] == "0":
                        del self.cookies[key]
