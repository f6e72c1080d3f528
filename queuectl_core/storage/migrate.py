"""Numbered SQL scripts make the schema.

Each script and its record are one transaction of the engine's.

Numbers and names are the same in every engine, so that a queue of either kind is described by one
number. The scripts are modules: a data file in the bundle would be unpacked on every cold start.
"""

from __future__ import annotations

from queuectl_core.records import Record


class Migration(Record):
    """One step of the schema: `m0001_initial.py` holds number 1, named initial."""

    number: int
    name: str
    script: str
