"""The verbs that find jobs, with SQLite's errors as ours; what they do stands in selecting.py."""

from __future__ import annotations

import apsw

from queuectl_core.selection import EVERY
from queuectl_core.storage.sqlite import selecting
from queuectl_core.storage.sqlite.connection import translated
from queuectl_core.storage.sqlite.intake import SqliteIntake

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from queuectl_core.selection import Page, Selection


class SqliteSelections(SqliteIntake):
    """Their docstrings: storage/selections.py."""

    def select(
        self, selection: Selection = EVERY, *, below: int | None = None, limit: int = 500
    ) -> Page:
        try:
            return selecting.page(self._connection, selection, below=below, limit=limit)
        except apsw.Error as error:
            raise translated(error, self._path, self._connection) from error

    def ranking(
        self,
        selection: Selection,
        *,
        order: str,
        descending: bool = True,
        limit: int | None = None,
    ) -> Sequence[int]:
        try:
            return selecting.ranking(
                self._connection, selection, order=order, descending=descending, limit=limit
            )
        except apsw.Error as error:
            raise translated(error, self._path, self._connection) from error

    def count(self, selection: Selection) -> int:
        try:
            return selecting.count(self._connection, selection)
        except apsw.Error as error:
            raise translated(error, self._path, self._connection) from error
