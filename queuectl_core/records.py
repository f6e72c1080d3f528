"""Immutable typed records that cost nothing at start-up.

`class Claim(Record): ...` behaves as with `typing.NamedTuple`, and type checkers see exactly that.
At run time the class is made by `collections.namedtuple`: importing `typing` takes 8 ms of each
cold `enqueue`, `dataclasses` (through `inspect`) 15 ms (docs/design/0002-lean-start.md).
"""

from __future__ import annotations

from collections import namedtuple

__all__ = ["Record"]

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import NamedTuple as Record
else:

    class _RecordType(type):
        """Turn a class body with annotated fields into a named tuple with the body's methods."""

        def __new__(mcs, name: str, bases: tuple[type, ...], body: dict[str, object]) -> type:
            if not bases:
                return super().__new__(mcs, name, bases, body)
            fields = list(body.get("__annotations__", ()))
            given = [field in body for field in fields]
            if given != sorted(given):
                raise TypeError("a field without a default follows one with a default")
            defaults = [body.pop(field) for field in fields if field in body]
            plain = namedtuple(name, fields, defaults=defaults, module=body["__module__"])
            for key, value in body.items():
                if key not in {"__module__", "__qualname__", "__annotations__"}:
                    setattr(plain, key, value)
            return plain

    class Record(metaclass=_RecordType):
        """Base of every record; a subclass becomes a plain named tuple."""
