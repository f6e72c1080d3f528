from __future__ import annotations

import pytest

from tests.conformance.engines import ENGINES


@pytest.fixture(params=ENGINES)
def engine(request, tmp_path):
    """Return an empty queue of the engine under test."""
    made = ENGINES[request.param](str(tmp_path))
    yield made
    made.close()


@pytest.fixture
def open_another(engine):
    """Open one more connection to the test's queue: `open_another()`."""
    return engine.open


@pytest.fixture
def store(engine):
    """Return a connection to the test's queue."""
    return engine.open()
