"""Which SQLite this is, and which driver."""

from __future__ import annotations

import apsw


def versions() -> dict[str, str]:
    """Return the version and source id of SQLite (https://sqlite.org/c3ref/libversion.html)."""
    return {
        "sqlite": apsw.sqlite_lib_version(),
        "sqlite_source_id": apsw.sqlite3_sourceid(),
        "apsw": apsw.apsw_version(),
    }
