"""`queuectl web`: serve the dashboard. Who may use it: cli/web_tokens.py."""

from __future__ import annotations

import os

from queuectl_core import home as homes
from queuectl_core import machine
from queuectl_core.cli import output
from queuectl_core.errors import NoPermission, Unavailable, UsageError
from queuectl_core.records import Record
from queuectl_core.storage import open_store
from queuectl_core.worker import frozen

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from socket import socket

    from queuectl_core.cli.parse import Args
    from queuectl_core.cli.session import Command, Session
    from queuectl_core.web.context import Context, Options
    from queuectl_core.web.server import Address

MAX_PORT = 65_535
USUAL_PORT = 5000
USUAL_HOST = "127.0.0.1"
_OWN_NAMES = ("127.0.0.1", "localhost", "::1")


class Request(Record):
    """What `web` is to do."""

    address: Address
    options: Options
    access_log: bool


def web(session: Session, args: Args) -> int:
    """Serve the dashboard until a signal comes."""
    from queuectl_core.web import server  # noqa: PLC0415 - bottle, waitress: 60 ms, for this verb

    request = _request(args)
    if args.flag("--healthcheck"):
        return _ask(session, request)
    _check_safe(session, request)
    context = _context(session, request.options)
    _log_to_stderr(request.options)
    listener = server.open_socket(request.address)
    frozen.end_with_loader()
    server.serve(
        context,
        listener,
        ready=lambda: _greet(session, request, context, listener),
        access_log=output.write_message if request.access_log else None,
    )
    return 0


def beside(session: Session, where: str) -> Callable[[int], int]:
    """Open the door of a dashboard at HOST:PORT; return what serves it, in a process of its own.

    That is told how often it died before: the link that logs in does not come back with it.
    """
    from queuectl_core.web import server  # noqa: PLC0415 - as above
    from queuectl_core.web.context import Options  # noqa: PLC0415 - as above

    address = _address(where)
    options = Options(hosts=_names(address, ()), any_address=not address.is_local)
    request = Request(address, options, access_log=False)
    _check_safe(session, request)
    context = _context(session, options)
    listener = server.open_socket(address)
    _greet(session, request, context, listener)

    def serve(deaths: int) -> int:
        if deaths:
            context.invitation.write()  # void: nobody is told the new one
        _log_to_stderr(options)
        server.serve(context, listener.dup(), ready=lambda: None)
        return 0

    return serve


def _address(where: str) -> Address:
    """Return where HOST:PORT is; UsageError for what is none."""
    from queuectl_core.web.server import Address  # noqa: PLC0415 - as above

    host, _, digits = where.rpartition(":")
    if not host or not (digits.isascii() and digits.isdigit() and int(digits[:6]) <= MAX_PORT):
        raise UsageError(
            f'--web takes HOST:PORT, not "{where[:60]}"', hint=f"--web {USUAL_HOST}:{USUAL_PORT}"
        )
    return Address(host.strip("[]"), int(digits))


def _request(args: Args) -> Request:
    """Return what is asked for; UsageError where it does not go together."""
    from queuectl_core.web.context import Options  # noqa: PLC0415 - as above
    from queuectl_core.web.server import Address  # noqa: PLC0415 - as above

    host, path = args.text("--host"), args.text("--socket")
    if path is not None and (host is not None or args.text("--port") is not None):
        raise UsageError("--socket does not go with --host and --port", hint="queuectl help web")
    port = args.whole("--port", USUAL_PORT, low=0, high=MAX_PORT)
    where = None if path is None else os.path.abspath(os.path.expanduser(path))
    address = Address(host or USUAL_HOST, port, where)
    options = Options(
        hosts=_names(address, args.words("--allow-host")),
        base_path=_base_path(args.text("--base-path") or ""),
        read_only=args.flag("--read-only"),
        no_auth=args.flag("--no-auth"),
        debug=args.flag("--debug"),
        any_address=not address.is_local,
        trusted_proxy=_proxy(args.text("--trusted-proxy"), address),
    )
    return Request(address, options, args.flag("--access-log") or options.debug)


def _proxy(text: str | None, address: Address) -> str | None:
    """Return the address of a proxy; UsageError for a name, since one may come to mean another."""
    from queuectl_core.web.security import is_address  # noqa: PLC0415 - as above

    if text is None:
        return None
    if text == "socket" and address.socket_path is not None:
        return "*"  # who may open the socket has our rights anyway
    if not is_address(text):
        raise UsageError(
            f'--trusted-proxy takes an address, not "{text[:60]}"',
            hint="--trusted-proxy 127.0.0.1, or with --socket: --trusted-proxy socket",
        )
    return text


def _names(address: Address, more: Sequence[str]) -> tuple[str, ...]:
    """Return the names that a browser may call us by."""
    own = (address.host.lower(), *more)
    names = (*_OWN_NAMES, *own, *(() if address.is_local else (machine.host(),)))
    return tuple(dict.fromkeys(name.lower().rstrip(".") for name in names))


def _base_path(text: str) -> str:
    path = "/" + text.strip("/") if text.strip("/") else ""
    letters = path.replace("/", "").replace("-", "").replace("_", "").replace(".", "")
    if path and (not (letters.isascii() and letters.isalnum()) or "//" in path or ".." in path):
        raise UsageError(f'"{text[:60]}" can\'t be a base path', hint="as in --base-path /queue")
    return path


def _check_safe(session: Session, request: Request) -> None:
    """Refuse to listen where anybody could come, unless they must have a token."""
    if request.address.is_local:
        if request.options.no_auth:
            session.out.note("queuectl: --no-auth: who is on this machine can run commands as you")
        return
    host = request.address.host
    if request.options.no_auth:
        raise NoPermission(
            f"--no-auth on {host} would let the network run commands as you",
            hint="leave it away; queuectl web token add NAME",
        )
    if not session.store.access().tokens():
        raise NoPermission(
            f"no token is there yet, and {host} can be reached from outside",
            hint="queuectl web token add NAME --role operate, then again",
        )
    session.out.note(f"queuectl: {host} is open to the network, without TLS: that is a proxy's job")


def _context(session: Session, options: Options) -> Context:
    from queuectl_core.web import context, sessions  # noqa: PLC0415 - as above

    path, clock = session.db_path, session.clock
    homes.prepare(session.home)
    session.store.counts()  # what is wrong with the queue is said before anybody connects
    return context.Context(
        open_store=lambda: open_store(path, now_ms=clock.now_ms()),
        settings=session.settings,
        clock=clock,
        home=session.home,
        db_path=path,
        key=sessions.read_key(session.home),
        options=options,
    )


def _greet(session: Session, request: Request, context: Context, listener: socket) -> None:
    """Say where the dashboard is, and how to get in."""
    from queuectl_core.web.server import url_of  # noqa: PLC0415 - as above

    url = url_of(listener, request.options.base_path)
    link = _link(session, request, context, url)
    if session.out.as_json:
        session.out.record({"url": url, "login": link, "pid": os.getpid()})
    else:
        session.out.line(f"Dashboard: {url}")
        if link:
            session.out.line(f"Log in (once): {link}")
        session.out.line("Stop with Ctrl+C")
    output.flush()


def _link(session: Session, request: Request, context: Context, url: str) -> str | None:
    """Return the link that logs in once; None where it would only end up in a log.

    That is, where nobody reads stdout, and there are tokens to log in with.
    """
    if request.options.no_auth:
        return None
    if not (session.out.tty or session.out.as_json) and session.store.access().tokens():
        return None
    base = f"http://localhost{request.options.base_path}" if url.startswith("unix:") else url
    return f"{base}/login?code={context.invitation.write()}"


def _log_to_stderr(options: Options) -> None:
    """Let what the server has to tell come out as our messages do."""
    import logging  # noqa: PLC0415 - for this verb

    class Messages(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            output.write_message(f"queuectl: {self.format(record)}")

    root = logging.getLogger()
    root.handlers[:] = [Messages()]
    root.setLevel(logging.INFO if options.debug else logging.WARNING)
    # a queue of requests is no news
    logging.getLogger("waitress.queue").setLevel(logging.ERROR)


def _ask(session: Session, request: Request) -> int:
    from queuectl_core.web.server import ask_ready  # noqa: PLC0415 - as above

    status = ask_ready(request.address, request.options.base_path)
    if " 200 " not in f"{status} ":
        raise Unavailable(f"the dashboard is not ready: {status or 'no answer'}")
    if not session.out.quiet:
        session.out.line("ready")
    return 0


COMMANDS: Mapping[str, Command] = {"web": web}
