"""What this queuectl is made of, asked of the parts themselves and typed nowhere."""

from __future__ import annotations

import os
import sys
import zlib

from queuectl_core import built
from queuectl_core.storage import library_versions

PACKAGES = ("apsw", "bottle", "docopt-ng", "waitress")
"""What `pip install` brings, for a queuectl that runs from its sources."""


def bundled() -> dict[str, object]:
    """Return the versions of Python, SQLite, the packages and the C libraries."""
    return {
        "python": sys.version.partition(" ")[0],
        **library_versions(),
        "packages": dict(built.PACKAGES) or _installed(),
        "zlib": zlib.ZLIB_RUNTIME_VERSION,
        **_expat(),
        "libc": os.confstr("CS_GNU_LIBC_VERSION")
        if "CS_GNU_LIBC_VERSION" in os.confstr_names
        else None,
        "machine": os.uname().machine,
        "frozen": bool(getattr(sys, "frozen", False)),
    }


def _installed() -> dict[str, str]:
    """Return the versions of the packages that this Python finds; not in the executable."""
    from importlib import metadata  # noqa: PLC0415 - from sources only, the executable has none

    found = {}
    for name in PACKAGES:
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    return found


def _expat() -> dict[str, str]:
    """Return the version of libexpat where Python carries it: Debian's does, and needs it."""
    if "pyexpat" not in sys.builtin_module_names:
        return {}
    import pyexpat  # noqa: PLC0415 - not every Python has it built in

    return {"expat": pyexpat.EXPAT_VERSION.removeprefix("expat_")}
