"""The contract of who may use the dashboard, and who has changed what through it.

Not among the verbs of a Store: it shares its connection, and is loaded at the first question.
Imported by type checkers alone.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Sequence

    from queuectl_core.storage.access_records import Audit, Kept, Token


class Access(Protocol):
    """Tokens, audit and kept answers of one queue; see Store.access."""

    # --- tokens ---

    def add_token(self, name: str, role: str, token_hash: str, *, now_ms: int) -> bool:
        """Add a token by its hash; False, and nothing is added, where there is one of that name."""

    def tokens(self) -> Sequence[Token]:
        """Return all tokens by name."""

    def token(self, token_hash: str) -> Token | None:
        """Return the token with that hash, or None."""

    def remove_token(self, name: str) -> bool:
        """Forget a token; tell whether there was one."""

    def note_use(self, name: str, *, now_ms: int) -> None:
        """Note when a token was last used."""

    # --- audit ---

    def note(self, actor: str, action: str, subject: str, detail: str, *, now_ms: int) -> None:
        """Add an entry; the oldest ones beyond 10,000 are forgotten."""

    def audits(self, *, limit: int, below: int | None = None) -> Sequence[Audit]:
        """Return the last `limit` entries with numbers under `below`, the newest first."""

    # --- answers to requests that may be sent twice ---

    def reserve(self, actor: str, key: str, request_hash: str, *, now_ms: int) -> Kept | None:
        """Note that a request with this key is being answered; return the one before, if any.

        None: it is ours to answer. Keys are forgotten after a day.
        """

    def keep(self, actor: str, key: str, *, status: int, body: bytes) -> None:
        """Keep the answer to a request that was reserved."""

    def give_up(self, actor: str, key: str) -> None:
        """Let a reserved key be used anew: nothing was done."""
