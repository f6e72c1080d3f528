"""What all of the API shares: JSON in and out, cursors, records without secrets."""

from __future__ import annotations

import json
from base64 import urlsafe_b64decode, urlsafe_b64encode

from queuectl_core.errors import BadData, QueuectlError
from queuectl_core.services import intake, jobs
from queuectl_core.web import wire
from queuectl_core.web.facts import Answer, Role
from queuectl_core.web.security import NO_STORE, REVALIDATE

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from queuectl_core.job import Job
    from queuectl_core.web.facts import Facts, Values

JSON = "application/json"
MOST_ITEMS = 200
USUAL_ITEMS = 50
MASK = "***"
_MAX_NUMBER = (1 << 63) - 1
_MAX_DIGITS = 18


class WrongType(QueuectlError):
    """The body must be JSON."""

    message = "the body must be JSON"
    http_status = 415
    hint = "send it with Content-Type: application/json"


class Changed(QueuectlError):
    """Somebody changed it meanwhile."""

    message = "somebody changed it meanwhile"
    http_status = 412
    hint = "get it again, and send its ETag in If-Match"


def answer(fields: object, *, status: int = 200, headers: Sequence[tuple[str, str]] = ()) -> Answer:
    """Return the answer that says `fields`."""
    text = json.dumps(fields, ensure_ascii=False, separators=(",", ":"))
    kept = () if any(name == "Cache-Control" for name, _ in headers) else (REVALIDATE,)
    return Answer(text.encode("utf-8", "replace"), JSON, status, [*kept, *headers])


def nothing() -> Answer:
    """Return the answer to what is done and needs no more words."""
    return Answer(b"", JSON, 204, [NO_STORE])


def body_of(facts: Facts) -> dict[str, object]:
    """Return the one JSON object that was sent; empty where nothing was."""
    objects = bodies_of(facts) if facts.body.strip() else [{}]
    if len(objects) != 1:
        raise BadData("one JSON object is wanted here, not a list")
    return objects[0]


def bodies_of(facts: Facts) -> list[dict[str, object]]:
    """Return the JSON object, or the objects of a list; WrongType where it is not called JSON."""
    kind = facts.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind != JSON:
        raise WrongType
    try:
        return intake.read_objects(facts.body.decode())
    except UnicodeDecodeError as error:
        raise BadData(f"not valid UTF-8 at byte {error.start + 1}") from error


def known(fields: Mapping[str, object], *names: str) -> None:
    """Raise BadData for a field that is not among `names`."""
    for name in fields:
        if name not in names:
            raise BadData(f'there is no field "{name[:60]}"', hint="there are " + ", ".join(names))


def text_of(fields: Mapping[str, object], name: str) -> str | None:
    """Return a field that must be text, None where it is missing or null."""
    value = fields.get(name)
    if value is not None and not isinstance(value, str):
        raise BadData(f"{name} must be text")
    return value


def whole(query: Values, name: str, usual: int, *, low: int, high: int) -> int:
    """Return a number of the query within its bounds; BadData for what is none."""
    text = query.given(name)
    if text is None:
        return usual
    if not (text.isascii() and text.isdigit() and len(text) <= _MAX_DIGITS):
        raise BadData(f'{name} must be a whole number from {low}, not "{text[:60]}"')
    return min(max(int(text), low), high)


def limit_of(query: Values) -> int:
    """Return how many items are wanted: 200 at most."""
    return whole(query, "limit", USUAL_ITEMS, low=1, high=MOST_ITEMS)


def cursor(below: int | None) -> str | None:
    """Return what leads to the items with numbers under `below`; programs do not look into it."""
    return None if below is None else urlsafe_b64encode(f"n<{below}".encode()).decode().rstrip("=")


def below_of(query: Values) -> int | None:
    """Return where the page that `cursor` leads to begins; BadData for no cursor of ours."""
    text = query.given("cursor")
    if text is None:
        return None
    try:
        inside = urlsafe_b64decode(text.encode() + b"=" * (-len(text) % 4)).decode()
    except ValueError:
        inside = ""
    digits = inside.removeprefix("n<")
    if not inside.startswith("n<") or not digits.isdigit() or int(digits) > _MAX_NUMBER:
        raise BadData("this cursor is none of ours", hint='take "next" of the page before')
    return int(digits)


def page(items: Sequence[object], below: int | None) -> Answer:
    """Return one page of a list."""
    return answer({"items": items, "next": cursor(below)})


def job_record(job: Job, facts: Facts) -> dict[str, object]:
    """Return a job's record; the values of its environment are for those who may set them."""
    record = jobs.record(job)
    if job.env and not facts.role.may(Role.ADMIN):
        record["env"] = dict.fromkeys(job.env, MASK)
    return record


def check_match(facts: Facts, current: Answer) -> None:
    """Raise Changed where If-Match names another version than the current one."""
    wanted = facts.headers.get("if-match")
    if wanted is None or wanted.strip() == "*":
        return
    body = current.body if isinstance(current.body, bytes) else b""
    if wire.tag_of(body) not in [tag.strip() for tag in wanted.split(",")]:
        raise Changed
