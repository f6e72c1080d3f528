"""What a view is told of a request, and what it may answer. No view sees the WSGI environment."""

from __future__ import annotations

from enum import StrEnum

from queuectl_core.records import Record
from queuectl_core.web.answer import Answer, Page, Redirect

__all__ = ["SAFE", "Answer", "Facts", "Page", "Redirect", "Role", "Values"]

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

    from queuectl_core.storage.store import Store
    from queuectl_core.web.context import Context


class Role(StrEnum):
    """Who may do what: each role may do what those before it may."""

    PUBLIC = "public"
    READ = "read"
    OPERATE = "operate"
    ADMIN = "admin"

    def may(self, needed: Role) -> bool:
        """Tell whether this role is enough where `needed` is asked for."""
        return _RANKS[self] >= _RANKS[needed]


_RANKS = {role: rank for rank, role in enumerate(Role)}
SAFE = ("GET", "HEAD")


class Values:
    """The fields of a query or a form: text by name, of a repeated one the last."""

    def __init__(self, pairs: Iterable[tuple[str, str]] = ()) -> None:
        self._pairs = tuple(pairs)
        self._last = dict(self._pairs)

    def get(self, name: str, otherwise: str = "") -> str:
        """Return a field's text, without blanks around it; `otherwise` where it is not given."""
        return self._last.get(name, otherwise).strip()

    def given(self, name: str) -> str | None:
        """Return a field's text; None where it is missing or empty."""
        return self.get(name) or None

    def all(self, name: str) -> Sequence[str]:
        """Return the texts of a repeated field, in their order."""
        return [text for known, text in self._pairs if known == name]

    def pairs(self) -> Sequence[tuple[str, str]]:
        """Return all fields in their order, as for a link with one of them changed."""
        return self._pairs

    def __contains__(self, name: str) -> bool:
        return name in self._last

    def __iter__(self) -> Iterator[str]:
        return iter(self._last)


class Facts(Record):
    """One request.

    `role` is what the asker may do, `actor` who that is, for events and pauses; `args` are the
    parts of the path that vary; `csrf` goes into every form; `zone` is utc, local or server;
    `wants_fragment` asks for the inside of <main> alone. `body` is empty but for the API. `headers`
    have lower-case names. `notice` is what the form before has done, said once, and `undo` what
    takes it back (answer.Redirect).
    `peer` is the asker's address, `secure` whether it came by https.
    """

    method: str
    path: str
    args: Mapping[str, str]
    query: Values
    role: Role
    actor: str
    csrf: str
    zone: str
    wants_fragment: bool
    request_id: str
    now_ms: int
    context: Context
    body: bytes = b""
    headers: Mapping[str, str] = {}
    notice: str = ""
    undo: str = ""
    peer: str = ""
    secure: bool = False

    @property
    def base_path(self) -> str:
        """What all links begin with: empty, or as in /queue."""
        return self.context.options.base_path

    @property
    def read_only(self) -> bool:
        """Tell whether nobody may change anything here."""
        return self.context.options.read_only

    def may(self, needed: Role) -> bool:
        """Tell whether to offer what needs that role."""
        return self.role.may(needed) and (needed in {Role.PUBLIC, Role.READ} or not self.read_only)


if TYPE_CHECKING:
    View = Callable[[Facts, Store, Values], Page | Redirect | Answer]
    PageRow = tuple[str, str, Role, View]
