"""The server of the dashboard: a socket, some threads, and an end in good order.

waitress reads requests in its main thread and hands whole ones to the threads: a slow client costs
a descriptor, never a thread. Limits: docs/security.md, "The dashboard".
"""

from __future__ import annotations

import os
import signal
import socket
import stat
from contextlib import suppress
from threading import Event, Thread

from waitress import wasyncore
from waitress.channel import HTTPChannel
from waitress.server import create_server
from waitress.task import ErrorTask

from queuectl_core.errors import NoPermission, QueuectlError, Unavailable, UsageError
from queuectl_core.home import access_error
from queuectl_core.records import Record
from queuectl_core.web.app import make_app
from queuectl_core.web.security import HEADERS

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from types import FrameType
    from typing import Protocol

    from queuectl_core.clock import Clock
    from queuectl_core.web.context import Context
    from queuectl_core.web.wire import Environ, StartResponse

    class Channel(Protocol):
        """One connection of waitress."""

        request: object  # the one that is coming in, None between requests
        requests: list[object]
        will_close: bool
        total_outbufs_len: int

    class Server(Protocol):
        """What is needed of waitress's server."""

        socket: socket.socket
        active_channels: dict[int, Channel]

        def del_channel(self) -> None:
            """Leave the map of sockets."""


THREADS = 8
MOST_CONNECTIONS = 100
IDLE_S = 30
MOST_HEADER_BYTES = 32_768
MOST_BODY_BYTES = 1 << 20
STOP_MS = 10_000
ARRIVAL_MS = 10_000
LOOK_S = 5.0
HEALTH_S = 5.0
_OPEN = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104 - how to reach them from here
_FORWARDED = {"x-forwarded-for", "x-forwarded-proto"}
_LOOPBACK = ("127.", "::1", "localhost")


class Address(Record):
    """Where to listen: a host and a port (0: any that is free), or the path of a unix socket."""

    host: str = "127.0.0.1"
    port: int = 5000
    socket_path: str | None = None

    @property
    def is_local(self) -> bool:
        """Tell whether nobody from outside this machine can come."""
        return self.socket_path is not None or is_loopback(self.host)


def is_loopback(host: str) -> bool:
    """Tell whether a host to listen on is this machine's own."""
    return host.lower().startswith(_LOOPBACK)


def open_socket(address: Address) -> socket.socket:
    """Return a socket that listens; Unavailable where the address is taken."""
    if address.socket_path is not None:
        return _open_unix(address.socket_path)
    family = socket.AF_INET6 if ":" in address.host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((address.host, address.port))
    except PermissionError as error:
        listener.close()
        raise NoPermission(
            f"port {address.port} is for root alone", hint="take one from 1024 on: --port 5000"
        ) from error
    except (OSError, UnicodeError) as error:
        listener.close()
        raise Unavailable(
            f"can't listen on {address.host}:{address.port}: {error}",
            hint="another queuectl web? take another one: --port 5001",
        ) from error
    listener.listen(128)
    return listener


def _open_unix(path: str) -> socket.socket:
    """Listen on a path, 0600; one that a dead server left is replaced, a live one is not."""
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    before = os.umask(0o177)
    try:
        _make_way(path)
        listener.bind(path)
    except OSError as error:
        listener.close()
        raise access_error(error, path) from error
    except BaseException:
        listener.close()
        raise
    finally:
        os.umask(before)
    listener.listen(128)
    return listener


def _make_way(path: str) -> None:
    try:
        details = os.lstat(path)
    except FileNotFoundError:
        return
    if not stat.S_ISSOCK(details.st_mode):
        raise UsageError(f"{path} is there and is no socket", hint="give another path")
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        try:
            probe.connect(path)
        except OSError:
            os.unlink(path)
            return
    raise Unavailable(f"a server answers on {path} already")


def url_of(listener: socket.socket, base_path: str) -> str:
    """Return what to type into a browser; for a unix socket its path."""
    if listener.family == socket.AF_UNIX:
        return f"unix:{listener.getsockname()}"
    host, port = listener.getsockname()[:2]
    host = _OPEN.get(host, host)
    shown = f"[{host}]" if ":" in host else host
    return f"http://{shown}:{port}{base_path}"


def serve(
    context: Context,
    listener: socket.socket,
    *,
    ready: Callable[[], None],
    access_log: Callable[[str], None] | None = None,
) -> None:
    """Answer until SIGTERM or SIGINT comes; requests that are under way are finished.

    Calls `ready` once connections are taken. For the main thread: signals go there.
    """
    path = listener.getsockname() if listener.family == socket.AF_UNIX else ""
    application = make_app(context)
    sockets: dict[int, object] = {}
    server = create_server(
        application if access_log is None else Logged(application, access_log, context.clock),
        sockets,
        sockets=[listener],
        threads=THREADS,
        connection_limit=MOST_CONNECTIONS,
        channel_timeout=IDLE_S,
        cleanup_interval=5,
        max_request_header_size=MOST_HEADER_BYTES,
        max_request_body_size=MOST_BODY_BYTES,
        expose_tracebacks=False,
        ident="",
        clear_untrusted_proxy_headers=True,
        trusted_proxy=context.options.trusted_proxy,
        trusted_proxy_headers=_FORWARDED if context.options.trusted_proxy else set(),
    )
    server.channel_class = Connection
    stop = Event()
    _stop_by_signals(stop, server.pull_trigger)
    ready()
    Thread(target=_warm, args=(context,), name="warm-up", daemon=True).start()
    try:
        slow = SlowSenders(context.clock)
        while not stop.is_set():
            wasyncore.loop(timeout=LOOK_S, use_poll=True, map=sockets, count=1)
            slow.close(server.active_channels.values())
        context.stopping.set()
        _finish(server, sockets, context.clock)
    finally:
        context.operations.stop()
        server.task_dispatcher.shutdown(timeout=1)
        wasyncore.close_all(sockets)
        if path:
            os.unlink(path)


def _warm(context: Context) -> None:
    """Look at what pages will need; where that fails, they will say so themselves."""
    with suppress(QueuectlError):
        context.warm()


class GuardedError(ErrorTask):  # type: ignore[misc] # waitress has no types
    """What waitress itself refuses: with the headers of every other answer."""

    def execute(self) -> None:
        """Answer."""
        self.response_headers.extend(HEADERS)
        super().execute()


class Connection(HTTPChannel):  # type: ignore[misc] # as above
    """A connection whose errors are guarded too."""

    error_task_class = GuardedError


def _finish(server: Server, sockets: dict[int, object], clock: Clock) -> None:
    """Take no more connections, and end the requests that are under way, within STOP_MS."""
    server.del_channel()
    server.socket.close()
    deadline_ms = clock.monotonic_ms() + STOP_MS
    while clock.monotonic_ms() < deadline_ms and any(
        channel.requests or channel.total_outbufs_len for channel in server.active_channels.values()
    ):
        wasyncore.loop(timeout=0.05, use_poll=True, map=sockets, count=1)


class SlowSenders:
    """Closes connections that do not get a request across within ARRIVAL_MS.

    waitress itself counts from the last byte: a byte now and then would keep a connection for ever.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._since_ms: dict[object, int] = {}

    def close(self, channels: Iterable[Channel]) -> None:
        """Close those that have begun a request too long ago."""
        now_ms = self._clock.monotonic_ms()
        begun = {channel.request: channel for channel in channels if channel.request is not None}
        self._since_ms = {one: self._since_ms.get(one, now_ms) for one in begun}
        for one, channel in begun.items():
            if now_ms - self._since_ms[one] >= ARRIVAL_MS:
                channel.will_close = True


def _stop_by_signals(stop: Event, wake: Callable[[], None]) -> None:
    """Let a signal end the loop of the server in good order; a second one ends us at once.

    One that whoever started us has us ignore stays ignored.
    """

    def begin_to_stop(number: int, _frame: FrameType | None) -> None:
        signal.signal(number, signal.SIG_DFL)
        stop.set()
        wake()

    for number in (signal.SIGTERM, signal.SIGINT):
        if signal.getsignal(number) is not signal.SIG_IGN:
            signal.signal(number, begin_to_stop)


class Logged:
    """An application that tells of each request: no query, no token, no cookie."""

    def __init__(
        self,
        application: Callable[[Environ, StartResponse], Iterable[bytes]],
        tell: Callable[[str], None],
        clock: Clock,
    ) -> None:
        self._application = application
        self._tell = tell
        self._clock = clock

    def __call__(self, environ: Environ, start: StartResponse) -> Iterable[bytes]:
        """Answer, and tell of it."""
        since_ms = self._clock.monotonic_ms()
        seen: list[str] = []

        def begin(status: str, headers: list[tuple[str, str]]) -> object:
            seen.append(status.partition(" ")[0])
            return start(status, headers)

        pieces = self._application(environ, begin)
        path = str(environ.get("PATH_INFO") or "/")
        took_ms = self._clock.monotonic_ms() - since_ms
        peer = environ.get("REMOTE_ADDR") or "-"
        self._tell(f"{peer} {environ['REQUEST_METHOD']} {path!r} {''.join(seen)} {took_ms} ms")
        return pieces


def ask_ready(address: Address, base_path: str) -> str:
    """Return the status line of a running server's readiness; Unavailable where none answers."""
    try:
        if address.socket_path is not None:
            connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
            connection.settimeout(HEALTH_S)
            connection.connect(address.socket_path)
        else:
            host = _OPEN.get(address.host, address.host)
            connection = socket.create_connection((host, address.port), HEALTH_S)
        with connection:
            request = f"GET {base_path}/readyz HTTP/1.0\r\nHost: 127.0.0.1\r\n\r\n"
            connection.sendall(request.encode())
            return connection.recv(256).decode("latin-1").partition("\r\n")[0]
    except OSError as error:
        raise Unavailable(f"no dashboard answers: {error}", hint="queuectl web") from error
