"""What a view may answer: a page, another place to go on at, or bytes."""

from __future__ import annotations

from queuectl_core.records import Record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence


class Page(Record):
    """An answer for people: web/render.py makes HTML of the model by the template."""

    template: str
    model: Mapping[str, object]
    status: int = 200


class Redirect(Record):
    """Go on at `path`, which does not have the base path; `notice` is shown there once.

    `undo` is what takes it back: the path of a form, with its fields as a query.
    """

    path: str
    notice: str = ""
    headers: Sequence[tuple[str, str]] = ()
    undo: str = ""


class Answer(Record):
    """An answer for programs, or a file. `body` may be pieces, sent as they come."""

    body: bytes | Iterable[bytes]
    content_type: str
    status: int = 200
    headers: Sequence[tuple[str, str]] = ()
