"""`queuectl service`: the systemd unit of a worker, printed, written, removed.

systemctl is not run, only named: what starts and stops the service is its owner's decision.
"""

from __future__ import annotations

import os
import sys

from queuectl_core import config
from queuectl_core import home as homes
from queuectl_core.cli import output
from queuectl_core.cli.worker import MOST_THREADS
from queuectl_core.errors import NoPermission, NotFound, QueuectlError, UsageError, WrongState
from queuectl_core.services import unit as units
from queuectl_core.services.unit import Unit

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

    from queuectl_core.cli.parse import Args
    from queuectl_core.cli.session import Command, Session

SYSTEM_UNITS = "/etc/systemd/system"
SYSTEMD_RUNS = "/run/systemd/system"
"""Exists where systemd is the init: sd_booted(3)."""
_READ_AND_RUN, _PASS = 0o005, 0o001


def show(session: Session, args: Args) -> int:
    """Print the unit."""
    unit = _unit(session, args)
    if session.out.as_json:
        session.out.record({"path": _path(unit.name, user=unit.user), "unit": units.text(unit)})
    else:
        output.write(units.text(unit))
    return 0


def install(session: Session, args: Args) -> int:
    """Write the unit where there is none, or one of ours."""
    unit = _unit(session, args)
    path, text = _path(unit.name, user=unit.user), units.text(unit)
    found, dry = _read(path), args.flag("--dry-run")
    if found not in {None, text}:
        _check_unchanged(path, found or "", force=args.flag("--force"))
    if not dry:
        _write(path, text)
    then = _commands_after(unit)
    _warn(session, unit)
    if session.out.as_json:
        session.out.record({"path": path, "written": not dry, "then": then})
        return 0
    session.out.line(f"{'Would write' if dry else 'Wrote'} {output.clean(path)}")
    _tell(session, "Then type:", then)
    return 0


def uninstall(session: Session, args: Args) -> int:
    """Remove a unit that we wrote."""
    name, user = _name(args), args.flag("--user")
    path, dry = _path(name, user=user), args.flag("--dry-run")
    found = _read(path)
    if found is None:
        raise NotFound(f"there is no {path}", hint="" if user else "one of your own: add --user")
    if not units.is_ours(found):
        raise WrongState(f"{path} was not written by queuectl", hint="remove it by hand")
    _check_unchanged(path, found, force=args.flag("--force"))
    _check_disabled(path, name, user=user)
    if not dry:
        _remove(path)
    then = [f"{_systemctl(user=user)} daemon-reload"]
    if session.out.as_json:
        session.out.record({"path": path, "removed": not dry, "then": then})
        return 0
    session.out.line(f"{'Would remove' if dry else 'Removed'} {output.clean(path)}")
    _tell(session, "The queue stays where it is. Then type:", then)
    return 0


# --- what is asked for ---


def _unit(session: Session, args: Args) -> Unit:
    name, user = _name(args), args.flag("--user")
    flag, db = args.text("--home"), args.text("--db")
    flag = flag or (os.environ.get("QUEUECTL_HOME") if user else units.system_home(name))
    home = homes.find(flag, os.environ)
    return Unit(
        name,
        user,
        _program(),
        args.whole("--count", 1, low=1, high=MOST_THREADS),
        units.stop_s(_settings(session, home)),
        home.path if flag else None,
        _absolute(db) if db else None,
    )


def _absolute(db: str) -> str:
    return db if "://" in db else os.path.abspath(os.path.expanduser(db))


def _name(args: Args) -> str:
    given = args.text("--name")
    name = units.USER if given is None else given.removesuffix(".service")
    if not units.is_name(name):
        raise UsageError(
            f'"{output.clean(name[:60])}" can\'t be the name of a unit',
            hint="letters, digits, - and _, at most 60; the first one is a letter",
        )
    return name


def _settings(session: Session, home: homes.Home) -> config.Settings:
    """Return the service's settings: its home's, not those of the caller's environment."""
    try:
        return homes.read_settings(home, {})
    except NoPermission:
        session.out.note(
            f"queuectl: {home.path} can't be read: the unit has the usual stop-timeout"
        )
        return config.resolve({}, {}, {})


def _program() -> tuple[str, ...]:
    """Return how this queuectl was called, with its whole path.

    Links in it stay: an upgrade switches one.
    """
    path = _found(sys.argv[0])
    if path.endswith(".py") or not os.access(path, os.X_OK):
        return (sys.executable, path)
    return (path,)


def _found(word: str) -> str:
    for directory in [] if "/" in word else os.environ.get("PATH", "").split(os.pathsep):
        path = os.path.join(directory, word)
        if os.path.isfile(path) and os.access(path, os.X_OK):
            return os.path.abspath(path)
    return os.path.abspath(word)


# --- what to type ---


def _systemctl(*, user: bool) -> str:
    return "systemctl --user" if user else "systemctl"


def _commands_after(unit: Unit) -> list[str]:
    """Return what starts the service, the missing user before it."""
    systemctl = _systemctl(user=unit.user)
    commands = [] if unit.user or _user_exists() else [_useradd(unit)]
    commands += [f"{systemctl} daemon-reload", f"{systemctl} enable --now {unit.file_name}"]
    if unit.user:
        commands.append("loginctl enable-linger    # so that it runs while you are not logged in")
    return commands


def _user_exists() -> bool:
    import pwd  # noqa: PLC0415 - this verb only

    try:
        pwd.getpwnam(units.USER)
    except KeyError:
        return False
    return True


def _useradd(unit: Unit) -> str:
    home = units.system_home(unit.name)
    return f"useradd --system --home-dir {home} --shell /usr/sbin/nologin {units.USER}"


def _tell(session: Session, what: str, commands: list[str]) -> None:
    if not session.out.quiet:
        session.out.line(what)
        for command in commands:
            session.out.line(f"  {command}")


def _warn(session: Session, unit: Unit) -> None:
    """Tell what would keep the service from starting."""
    if not os.path.isdir(SYSTEMD_RUNS):
        session.out.note("queuectl: systemd does not run on this machine (or in this container)")
    program = unit.program[-1]
    if not unit.user and not _others_can_run(program):
        session.out.note(
            f"queuectl: the user {units.USER} can't run {output.clean(program)};"
            " install queuectl in /usr/local/bin and call that one"
        )


def _others_can_run(path: str) -> bool:
    path, needed = os.path.realpath(path), _READ_AND_RUN
    while path != os.path.dirname(path):
        try:
            if os.stat(path).st_mode & needed != needed:
                return False
        except OSError:
            return False
        path, needed = os.path.dirname(path), _PASS
    return True


# --- the file ---


def _path(name: str, *, user: bool) -> str:
    """Return the unit's file: systemd.unit(5), "Unit File Load Path"."""
    directory = SYSTEM_UNITS
    if user:
        chosen = os.environ.get("XDG_CONFIG_HOME", "")
        base = chosen if os.path.isabs(chosen) else os.path.expanduser("~/.config")
        directory = os.path.join(base, "systemd", "user")
    return os.path.join(directory, f"{name}.service")


def _check_unchanged(path: str, found: str, *, force: bool) -> None:
    """Raise WrongState for a file that is not as we wrote it, unless forced."""
    if force or units.is_unchanged(found):
        return
    what = "was changed by hand" if units.is_ours(found) else "was not written by queuectl"
    raise WrongState(f"{path} {what}", hint="look at it, move it away, or add --force")


def _check_disabled(path: str, name: str, *, user: bool) -> None:
    """Raise WrongState while systemd starts the unit at boot: disable fails without the file."""
    target = "default.target.wants" if user else "multi-user.target.wants"
    link = os.path.join(os.path.dirname(path), target, f"{name}.service")
    if os.path.islink(link):
        raise WrongState(
            f"{name}.service is enabled",
            hint=f"first: {_systemctl(user=user)} disable --now {name}.service",
        )


def _read(path: str) -> str | None:
    """Return the file's text, None where there is none."""
    try:
        with open(path, encoding="utf-8", errors="surrogateescape", newline="") as file:
            return file.read()
    except FileNotFoundError:
        return None
    except OSError as error:
        raise homes.access_error(error, path) from error


def _write(path: str, text: str) -> None:
    """Put the unit in its place in one step, readable for all."""
    draft = f"{path}.{os.getpid()}.new"
    try:
        os.makedirs(os.path.dirname(path), exist_ok=True)
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC
        with open(os.open(draft, flags, 0o644), "w", encoding="utf-8", newline="") as file:
            file.write(text)
            os.fchmod(file.fileno(), 0o644)
        os.replace(draft, path)
    except OSError as error:
        raise _refused(error, path) from error


def _remove(path: str) -> None:
    try:
        os.unlink(path)
    except OSError as error:
        raise _refused(error, path) from error


def _refused(error: OSError, path: str) -> QueuectlError:
    refusal = homes.access_error(error, path)
    if os.geteuid() != 0 and path.startswith(SYSTEM_UNITS):
        refusal.hint = "run it as root (sudo), or add --user for a service of your own"
    return refusal


COMMANDS: Mapping[str, Command] = {
    "service print": show,
    "service install": install,
    "service uninstall": uninstall,
}
