"""The SQLite side of storage/access.py, which has the docstrings."""

from __future__ import annotations

import apsw

from queuectl_core.storage.access_records import Audit, Kept, Token
from queuectl_core.storage.sqlite import statements_access as sql
from queuectl_core.storage.sqlite.connection import translated

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from queuectl_core.storage.sqlite.ledger import Ledger
    from queuectl_core.storage.sqlite.rows import Row

MOST_AUDITS = 10_000
KEPT_MS = 86_400_000


class SqliteAccess:
    """Tokens, audit and kept answers over one open connection."""

    def __init__(
        self, connection: apsw.Connection, path: str, writing: Callable[[int], Ledger]
    ) -> None:
        self._connection = connection
        self._path = path
        self._writing = writing

    def add_token(self, name: str, role: str, token_hash: str, *, now_ms: int) -> bool:
        values = {"name": name, "role": role, "hash": token_hash, "now_ms": now_ms}
        return self._write(sql.ADD_TOKEN, values) > 0

    def tokens(self) -> Sequence[Token]:
        return [Token._make(row) for row in self._rows(sql.TOKENS)]

    def token(self, token_hash: str) -> Token | None:
        found = self._rows(sql.TOKEN, {"hash": token_hash})
        return Token._make(found[0]) if found else None

    def remove_token(self, name: str) -> bool:
        return self._write(sql.REMOVE_TOKEN, {"name": name}) > 0

    def note_use(self, name: str, *, now_ms: int) -> None:
        self._write(sql.NOTE_USE, {"name": name, "now_ms": now_ms})

    def note(self, actor: str, action: str, subject: str, detail: str, *, now_ms: int) -> None:
        with self._writing(now_ms) as ledger:
            ledger.connection.execute(sql.ADD_AUDIT, (now_ms, actor, action, subject, detail))
            ledger.connection.execute(sql.CUT_AUDITS, {"most": MOST_AUDITS})

    def audits(self, *, limit: int, below: int | None = None) -> Sequence[Audit]:
        values = {"limit": limit, "below": below}
        return [Audit._make(row) for row in self._rows(sql.AUDITS, values)]

    def reserve(self, actor: str, key: str, request_hash: str, *, now_ms: int) -> Kept | None:
        values = {"actor": actor, "key": key, "request": request_hash, "now_ms": now_ms}
        with self._writing(now_ms) as ledger:
            ledger.connection.execute(sql.FORGET_ANSWERS, {"before_ms": now_ms - KEPT_MS})
            found = ledger.connection.execute(sql.ANSWER, values).fetchall()
            if not found:
                ledger.connection.execute(sql.RESERVE, values)
        return Kept._make(found[0]) if found else None

    def keep(self, actor: str, key: str, *, status: int, body: bytes) -> None:
        self._write(sql.KEEP, {"actor": actor, "key": key, "status": status, "body": body})

    def give_up(self, actor: str, key: str) -> None:
        self._write(sql.GIVE_UP, {"actor": actor, "key": key})

    def _write(self, statement: str, values: Mapping[str, apsw.SQLiteValue]) -> int:
        """Run one statement as a transaction; return how many rows it changed."""
        with self._writing(0) as ledger:
            ledger.connection.execute(statement, values)
            return ledger.connection.changes()

    def _rows(
        self, statement: str, values: Mapping[str, apsw.SQLiteValue] | None = None
    ) -> list[Row]:
        try:
            return self._connection.execute(statement, values).fetchall()
        except apsw.Error as error:
            raise translated(error, self._path) from error
