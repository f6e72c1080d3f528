"""Numbered .sql scripts make the schema.

Each script and its record are one transaction of the engine's.

Numbers and names are the same in every engine, so that a queue of either kind is described by one
number.
"""

from __future__ import annotations

import os

from queuectl_core.records import Record


class Migration(Record):
    """One step of the schema: `0001_initial.sql` is number 1, named initial."""

    number: int
    name: str
    path: str

    def script(self) -> str:
        """Return the SQL text."""
        with open(self.path, encoding="utf-8") as file:
            return file.read()


def migrations(directory: str) -> list[Migration]:
    """Return the scripts of an engine in their order: 1, 2, 3 without a gap."""
    found = []
    for file in sorted(os.listdir(directory)):
        number, _, name = file.removesuffix(".sql").partition("_")
        if file.endswith(".sql"):
            found.append(Migration(int(number), name, os.path.join(directory, file)))
    return found
