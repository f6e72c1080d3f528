"""What few jobs ask for besides, as a record and as the queue keeps it.

Imported for a job that asks for any of it only: a cold `enqueue` has no time for json.
"""

from __future__ import annotations

import json
from base64 import b64decode

from queuectl_core.records import Record


class JobOptions(Record):
    """Lists of codes are texts as `0,3,10-19,SIGKILL,timeout`; spans are milliseconds.

    `input` is what the job reads from stdin; where that is no text, `input_base64` holds it.
    """

    jitter: str | None = None
    retry_on: str | None = None
    no_retry_on: str | None = None
    ok_codes: str | None = None
    kill_after_ms: int | None = None
    verify: str | None = None
    nice: int | None = None
    allow_background: bool | None = None
    input: str | None = None
    input_base64: str | None = None

    def stdin(self) -> bytes | None:
        """Return the bytes that the job reads; None: nothing was given."""
        if self.input_base64 is not None:
            return b64decode(self.input_base64)
        return None if self.input is None else self.input.encode()


FIELDS = tuple(name.removesuffix("_ms") for name in JobOptions._fields)


def to_fields(options: JobOptions) -> dict[str, object]:
    """Return the options that were given, as people write them: spans in seconds."""
    fields = _given(options)
    if options.kill_after_ms is not None:
        span_ms = fields.pop("kill_after_ms")
        fields["kill_after"] = span_ms / 1000  # type: ignore[operator] # it is a number
    return fields


def to_json(options: JobOptions) -> str:
    """Return what the queue keeps of the options: those that were given."""
    return json.dumps(_given(options), ensure_ascii=False, separators=(",", ":"))


def from_json(text: str) -> JobOptions:
    """Return the options that the queue keeps; what a newer version added is left out."""
    kept = json.loads(text)
    return JobOptions(**{name: kept[name] for name in JobOptions._fields if name in kept})


def _given(options: JobOptions) -> dict[str, object]:
    return {name: value for name, value in options._asdict().items() if value is not None}
