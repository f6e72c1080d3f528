"""`queuectl config`: the settings in force, and changing them. Works on a broken file too."""

from __future__ import annotations

import os

from queuectl_core import config
from queuectl_core import home as homes
from queuectl_core.cli import output
from queuectl_core.errors import BadConfig
from queuectl_core.services import settings, settings_check

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

    from queuectl_core.cli.parse import Args
    from queuectl_core.cli.session import Command, Session
    from queuectl_core.config import Value


def get(session: Session, args: Args) -> int:
    """Print all settings, or the value of one."""
    key = args.text("<key>")
    wanted = None if key is None else config.find(key).key
    file, code = _file(session)
    for row in settings.in_force(session.home, file, os.environ):
        if wanted not in {None, row.key}:
            continue
        if session.out.as_json:
            session.out.record(row._asdict())
        else:
            value = output.clean(str(row.value))
            session.out.line(value if wanted else f"{row.key} = {value}")
    return code


def _file(session: Session) -> tuple[dict[str, Value], int]:
    """Return the file's settings; of a broken file tell, and go on with what holds without it."""
    try:
        return homes.read_config_file(session.home), 0
    except BadConfig as error:
        output.failure(error)
        return {}, error.exit_code


def change(session: Session, args: Args) -> int:
    """Store one setting."""
    row = settings.change(session.home, args.text("<key>") or "", args.text("<value>") or "")
    if session.out.as_json:
        session.out.record(row._asdict())
    elif not session.out.quiet:
        session.out.line(f"{row.key} = {output.clean(str(row.value))}")
    variable = config.find(row.key).variable
    if variable in os.environ:
        session.out.note(f"queuectl: the environment's {variable} still beats it")
    return 0


def unset(session: Session, args: Args) -> int:
    """Remove one setting from the file."""
    key = args.text("<key>") or ""
    if not settings.forget(session.home, key):
        session.out.note(f"queuectl: {output.clean(key)} is not in {session.home.config_path}")
    elif session.out.as_json:
        session.out.record({"key": key, "source": "default"})
    elif not session.out.quiet:
        session.out.line(f"{output.clean(key)} has its default again")
    return 0


def path(session: Session, _args: Args) -> int:
    """Print the settings file."""
    if session.out.as_json:
        session.out.record({"path": session.home.config_path})
    else:
        session.out.line(session.home.config_path)
    return 0


def check(session: Session, _args: Args) -> int:
    """Print each problem of the settings with its place; 78 where there is any."""
    found = settings_check.problems(session.home, os.environ)
    for one in found:
        if session.out.as_json:
            session.out.record(one._asdict())
            continue
        place = one.source if one.line is None else f"{one.source}, line {one.line}"
        hint = f" ({one.hint})" if one.hint else ""
        session.out.line(output.clean(f"{place}: {one.message}{hint}"))
    if found:
        return BadConfig.exit_code
    if not session.out.as_json and not session.out.quiet:
        session.out.line("the settings are fine")
    return 0


COMMANDS: Mapping[str, Command] = {
    "config get": get,
    "config set": change,
    "config unset": unset,
    "config path": path,
    "config check": check,
}
