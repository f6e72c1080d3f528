"""The shapes of what the API takes and gives, as JSON Schema."""

from __future__ import annotations

from queuectl_core.flow import ENDS
from queuectl_core.hook import EVENTS
from queuectl_core.job import (
    HIGHEST_PRIORITY,
    LOWEST_PRIORITY,
    MAX_ID_LENGTH,
    MAX_RETRIES,
    MAX_TAGS,
    ON_CRASH,
)
from queuectl_core.lifecycle import STATES
from queuectl_core.services.hooks import RUN_FIELDS
from queuectl_core.services.selections import Words
from queuectl_core.services.tokens import MAX_NAME_CHARACTERS, ROLES
from queuectl_core.web.api_once import MAX_KEY_CHARACTERS

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

    Schema = Mapping[str, object]

TEXT: Schema = {"type": "string"}
SOME: Schema = {"type": "string", "minLength": 1}
WHOLE: Schema = {"type": "integer"}
COUNT: Schema = {"type": "integer", "minimum": 0}
FLAG: Schema = {"type": "boolean"}
NAME: Schema = {"type": "string", "pattern": f"^[A-Za-z0-9._:-]{{1,{MAX_ID_LENGTH}}}$"}
TOKEN_NAME: Schema = {
    "type": "string",
    "pattern": f"^[A-Za-z0-9._-]{{1,{MAX_NAME_CHARACTERS}}}$",
}
KEY: Schema = {"type": "string", "pattern": f"^[ -~]{{1,{MAX_KEY_CHARACTERS}}}$"}
STATE: Schema = {"type": "string", "enum": [str(state) for state in STATES.values()]}
STATES_TEXT: Schema = {
    "type": "string",
    "pattern": f"^({'|'.join(STATES)})(,({'|'.join(STATES)}))*$",
}
MOMENT: Schema = {"type": "string", "format": "date-time"}


def maybe(schema: Schema) -> Schema:
    """Return the schema of what may be null too."""
    return {"anyOf": [schema, {"type": "null"}]}


def thing(needed: Mapping[str, Schema], more: Mapping[str, Schema] | None = None) -> Schema:
    """Return the schema of an object. Fields may be added in later versions."""
    properties = {**needed, **(more or {})}
    return {"type": "object", "properties": properties, "required": list(needed)}


def wanted(needed: Mapping[str, Schema], more: Mapping[str, Schema] | None = None) -> Schema:
    """Return the schema of an object that is sent to us: an unknown field is a mistake."""
    return {**thing(needed, more), "additionalProperties": False}


def listing(item: Schema) -> Schema:
    """Return the schema of a page of a list; `next` is the cursor of the page after it."""
    return thing({"items": {"type": "array", "items": item}, "next": maybe(TEXT)})


def named(name: str) -> Schema:
    """Return a reference to one of SCHEMAS."""
    return {"$ref": f"#/components/schemas/{name}"}


_WORDS: Schema = {"type": "array", "items": TEXT}
_ARGV: Schema = {"type": "array", "items": SOME, "minItems": 1}
_TAGS: Schema = {"type": "array", "items": TEXT, "maxItems": MAX_TAGS}
_PAUSE = thing({"queue": maybe(TEXT), "paused_at": MOMENT, "by": TEXT, "reason": maybe(TEXT)})
_COUNTS: Schema = {"type": "object", "additionalProperties": WHOLE}
_SPAN: Schema = {"type": ["number", "null"]}
_RELATIVE = thing(
    {
        "id": TEXT,
        "number": WHOLE,
        "state": maybe(STATE),
        "condition": {"type": "string", "enum": list(ENDS)},
    }
)
_CHANGEABLE: Mapping[str, Schema] = {
    "queue": maybe(NAME),
    "command": maybe(TEXT),
    "argv": maybe(_ARGV),
    "priority": maybe({"type": "integer", "minimum": LOWEST_PRIORITY, "maximum": HIGHEST_PRIORITY}),
    "max_retries": maybe({"type": "integer", "minimum": 0, "maximum": MAX_RETRIES}),
    "run_at": maybe(TEXT),
    "timeout": {"type": ["number", "string", "null"]},
    "backoff": maybe(TEXT),
    "cwd": maybe(TEXT),
    "env": {"type": ["object", "null"], "additionalProperties": TEXT},
    "on_crash": {"type": ["string", "null"], "enum": [*ON_CRASH, None]},
    "tags": maybe(_TAGS),
}

_TIME: Schema = {"type": ["number", "string", "null"]}
_EVENT: Schema = {"type": "string", "enum": list(EVENTS)}
_HOOK_RUN = {name: _CHANGEABLE[name] for name in RUN_FIELDS}
_FILTER: Schema = {"type": "object", "properties": dict.fromkeys(Words._fields, SOME)}
SCHEMAS: Mapping[str, Schema] = {
    "NewJob": wanted({}, {"id": maybe(NAME), **_CHANGEABLE}),
    "Changes": {**wanted({}, _CHANGEABLE), "minProperties": 1},
    "Added": thing({"id": TEXT, "number": WHOLE, "created": FLAG, "run_at": MOMENT}),
    "Job": thing(
        {
            "id": TEXT,
            "number": WHOLE,
            "queue": NAME,
            "command": TEXT,
            "argv": maybe(_WORDS),
            "state": STATE,
            "reason": maybe(TEXT),
            "priority": WHOLE,
            "attempts": WHOLE,
            "max_retries": WHOLE,
            "run_at": MOMENT,
            "created_at": MOMENT,
            "started_at": maybe(MOMENT),
            "finished_at": maybe(MOMENT),
            "exit_code": maybe(WHOLE),
            "signal": maybe(WHOLE),
            "error": maybe(TEXT),
            "duration": _SPAN,
            "timeout": _SPAN,
            "backoff": maybe(TEXT),
            "on_crash": TEXT,
            "cwd": maybe(TEXT),
            "env": {"type": ["object", "null"], "additionalProperties": TEXT},
            "tags": _WORDS,
            "worker": maybe(WHOLE),
            "cpu": _SPAN,
            "max_rss": maybe(WHOLE),
        }
    ),
    "Attempt": thing(
        {
            "attempt": WHOLE,
            "worker": maybe(WHOLE),
            "started_at": MOMENT,
            "finished_at": MOMENT,
            "ending": TEXT,
            "exit_code": maybe(WHOLE),
            "signal": maybe(WHOLE),
            "error": maybe(TEXT),
            "duration": _SPAN,
            "output_bytes": WHOLE,
        }
    ),
    "Output": thing({"text": TEXT, "offset": WHOLE, "next_offset": WHOLE, "eof": FLAG}),
    "Why": thing(
        {"id": TEXT, "number": WHOLE, "state": STATE, "why": TEXT, "text": TEXT,
         "at": maybe(MOMENT), "hint": maybe(TEXT)}
    ),
    "Relations": thing(
        {
            "parents": {"type": "array", "items": _RELATIVE},
            "children": {"type": "array", "items": _RELATIVE},
            "mutex_holders": _WORDS,
            "more_parents": FLAG,
            "more_children": FLAG,
        }
    ),
    "Queue": thing(
        {"name": NAME, "jobs": _COUNTS, "oldest_due": _SPAN, "concurrency": maybe(WHOLE),
         "rate": maybe(TEXT), "max_pending": maybe(WHOLE), "waits": maybe(TEXT),
         "opens_at": maybe(MOMENT), "paused": maybe(_PAUSE),
         "draining": maybe(thing({"since": MOMENT, "by": TEXT}))}
    ),
    "Limits": wanted(
        {}, {"concurrency": maybe(WHOLE), "rate": maybe(TEXT), "max_pending": maybe(WHOLE)}
    ),
    "Pausing": wanted({}, {"reason": maybe(TEXT)}),
    "Worker": thing(
        {"id": WHOLE, "state": TEXT, "host": TEXT, "pid": WHOLE, "threads": WHOLE, "busy": WHOLE,
         "queues": maybe(_WORDS), "version": TEXT, "started_at": MOMENT, "seen_at": MOMENT,
         "running": _WORDS}
    ),
    "Group": thing({"error": TEXT, "jobs": WHOLE, "last_at": MOMENT, "example": TEXT}),
    "Event": thing(
        {"at": MOMENT, "id": TEXT, "number": WHOLE, "event": TEXT, "duration": _SPAN,
         "detail": maybe(TEXT)}
    ),
    "Audit": thing(
        {"number": WHOLE, "at": MOMENT, "actor": TEXT, "action": TEXT, "subject": TEXT,
         "detail": TEXT}
    ),
    "Stats": thing(
        {"jobs": _COUNTS, "workers": WHOLE, "dead_workers": WHOLE, "threads": WHOLE,
         "busy": WHOLE, "oldest_due": _SPAN, "paused": {"type": "array", "items": _PAUSE},
         "hooks": _COUNTS, "events": _COUNTS, "average_duration": _SPAN}
    ),
    "Series": thing(
        {"range": TEXT, "step": WHOLE, "at": {"type": "array", "items": MOMENT},
         "counts": {"type": "object"}, "depths": {"type": "object"},
         "wait": {"type": "object"}, "run": {"type": "object"}, "sampled": FLAG}
    ),
    "Setting": thing({"key": TEXT, "value": {"type": ["number", "string"]}, "source": TEXT}),
    "NewToken": wanted({"name": TOKEN_NAME, "role": {"type": "string", "enum": list(ROLES)}}),
    "TokenMade": thing({"name": TEXT, "role": TEXT, "created_at": MOMENT, "token": TEXT}),
    "Token": thing({"name": TEXT, "role": TEXT, "created_at": MOMENT, "used_at": maybe(MOMENT)}),
    "NewHook": wanted(
        {"event": _EVENT},
        {**_HOOK_RUN, "name": maybe(NAME), "queue": maybe(NAME), "schedule": maybe(NAME),
         "over": _TIME, "every": _TIME, "paused": FLAG},
    ),
    "Hook": thing(
        {"name": NAME, "event": _EVENT, "queue": maybe(NAME), "schedule": maybe(NAME),
         "over": _SPAN, "every": _SPAN, "command": TEXT, "argv": maybe(_WORDS),
         "cwd": maybe(TEXT), "env": {"type": ["object", "null"], "additionalProperties": TEXT},
         "timeout": _SPAN, "max_retries": WHOLE, "backoff": maybe(TEXT), "priority": WHOLE,
         "paused": FLAG, "created_at": MOMENT, "created_by": TEXT, "told": WHOLE,
         "told_at": maybe(MOMENT), "waiting": WHOLE, "dead": WHOLE}
    ),
    "Request": wanted(
        {"action": {"type": "string", "enum": ["retry", "cancel", "remove"]}},
        {"filter": {**_FILTER, "additionalProperties": False}, "dry_run": FLAG},
    ),
    "Operation": thing(
        {"id": TEXT, "action": TEXT, "actor": TEXT, "filter": {"type": "object"}, "state": TEXT,
         "total": WHOLE, "done": WHOLE, "refused": WHOLE, "began_at": MOMENT,
         "ended_at": maybe(MOMENT), "error": maybe(TEXT)}
    ),
    "Problem": thing(
        {"type": TEXT, "title": TEXT, "status": WHOLE, "detail": TEXT, "instance": TEXT,
         "hint": maybe(TEXT)}
    ),
}  # fmt: skip
