from __future__ import annotations

import inspect
import pickle
from typing import NamedTuple

import pytest

from queuectl_core import job, retry, run
from queuectl_core.records import Record
from queuectl_core.storage import records as storage_records
from tests import builders


class Point(Record):
    """A place."""

    x: int
    y: int = 7

    @property
    def sum(self) -> int:
        """Return the sum."""
        return self.x + self.y

    def moved(self, by: int) -> Point:
        """Return another."""
        return self._replace(x=self.x + by)


class Plain(NamedTuple):
    """A place."""

    x: int
    y: int = 7


class Empty(Record):
    """Nothing."""


def test_a_record_is_made_as_a_named_tuple_is():
    assert Point(1) == Point(x=1) == Point(1, 7) == (1, 7)


@pytest.mark.parametrize(("given", "named"), [((), {}), ((1, 2, 3), {}), ((), {"z": 1})])
def test_a_record_refuses_what_a_named_tuple_refuses(given, named):
    for kind in (Point, Plain):
        with pytest.raises(TypeError):
            kind(*given, **named)


@pytest.mark.parametrize("attribute", ["_fields", "_field_defaults", "__doc__"])
def test_a_record_knows_of_itself_what_a_named_tuple_knows(attribute):
    assert getattr(Point, attribute) == getattr(Plain, attribute)


def test_a_record_compares_hashes_and_unpacks_as_a_tuple():
    x, y = Point(1)

    assert (x, y) == (1, 7)
    assert hash(Point(1)) == hash(Plain(1))
    assert Point(1) == Plain(1)
    assert Point(1)._asdict() == {"x": 1, "y": 7}
    assert repr(Point(1)) == "Point(x=1, y=7)"


def test_a_record_does_not_change():
    with pytest.raises(AttributeError):
        Point(1).x = 2
    with pytest.raises(AttributeError):
        Point(1).z = 2


def test_a_record_has_the_methods_of_its_body():
    assert Point(1).sum == 8
    assert Point(1).moved(5) == Point(6)


def test_a_record_can_be_matched_by_place():
    match Point(1, 2):
        case Point(x, y):
            assert (x, y) == (1, 2)


def test_a_record_without_fields_is_a_record():
    assert Empty() == Empty() == ()
    assert Empty._fields == ()
    assert type(Empty()) is not type(retry.Complete())


def test_a_record_can_be_pickled():
    original = builders.completed(run.Claim(builders.job(), 77))

    assert pickle.loads(pickle.dumps(original)) == original


@pytest.mark.parametrize("kind", [Record, NamedTuple])
def test_a_default_before_a_field_without_one_is_refused(kind):
    # silently moved to the last field otherwise
    with pytest.raises(TypeError):

        class Wrong(kind):
            x: int = 1
            y: int


@pytest.mark.parametrize(
    "module", [job, run, retry, storage_records], ids=lambda module: module.__name__
)
def test_every_record_of_the_product_says_what_it_is(module):
    found = [
        value
        for _, value in inspect.getmembers(module, inspect.isclass)
        if value.__module__ == module.__name__ and issubclass(value, tuple)
    ]

    assert found
    for record in found:
        assert record.__doc__
        assert record.__qualname__ == record.__name__
