"""Time zones by their IANA names: the system's rules where it has any, else those built in.

The system's come first: they are brought up to date with it, an executable is not, and `date` and
`logs` on this machine must tell the same hours as we do (docs/design/0017-schedules.md).
"""

from __future__ import annotations

import os
from io import BytesIO
from zoneinfo import ZoneInfo

from queuectl_core import zones_packed
from queuectl_core.errors import BadData

LOCALTIME = "/etc/localtime"
_DIRECTORY = "/zoneinfo/"
_SHOWN_CHARACTERS = 60
UTC_NAMES = frozenset({"Etc/UTC", "Etc/UCT", "Etc/Zulu", "Etc/Universal", "Zulu", "UCT"})


def zone(name: str) -> ZoneInfo:
    """Return the zone of that name; BadData where neither the system nor we have it."""
    try:
        return ZoneInfo(name)
    except (KeyError, ValueError, OSError):
        rules = _packed(name)
    if rules is None:
        raise BadData(f"there is no time zone {name[:_SHOWN_CHARACTERS]!r}", hint=_nearest(name))
    return ZoneInfo.from_file(BytesIO(rules), key=name)


def local_name() -> str:
    """Return the name of the caller's zone: TZ, else /etc/localtime; UTC where neither tells one.

    BadData where TZ names none: rules as `CET-1CEST` have no name that a schedule could keep.
    """
    name = os.environ.get("TZ", "").removeprefix(":")
    if name:
        zone(name)
        return _usual(name)
    try:
        target = os.path.realpath(LOCALTIME)
    except OSError:
        return "UTC"
    _, found, name = target.partition(_DIRECTORY)
    return _usual(name.removeprefix("posix/").removeprefix("right/")) if found else "UTC"


def _usual(name: str) -> str:
    return "UTC" if name in UTC_NAMES else name


def _packed(name: str) -> bytes | None:
    """Return the rules that are built in; only the executable has any."""
    place = zones_packed.PLACES.get(name)
    return None if place is None else zones_packed.RULES[slice(*place)]


def _nearest(name: str) -> str:
    from difflib import get_close_matches  # noqa: PLC0415 - 6 ms, for a typo only
    from zoneinfo import available_timezones  # noqa: PLC0415 - the same

    known = available_timezones() | zones_packed.PLACES.keys()
    lower = {one.lower(): one for one in known}
    close = get_close_matches(name.lower(), lower, n=1)
    return f"did you mean {lower[close[0]]}?" if close else "as in Europe/Berlin, or UTC"
