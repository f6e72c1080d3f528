from __future__ import annotations

import pytest

from queuectl_core.storage import open_store
from tests.builders import NOW_MS
from tests.worker.fakes import FakeExecutor, Shop
from tests.worker.harness import Bench


@pytest.fixture
def store(tmp_path):
    """Return a connection to an empty queue."""
    tmp_path.chmod(0o700)
    opened = open_store(str(tmp_path / "queue.db"), now_ms=NOW_MS)
    yield opened
    opened.close()


@pytest.fixture
def shop_of(tmp_path, clock):
    """Make a shop whose executor gives these outcomes."""
    made = []

    def shop_of(*outcomes):
        made.append(Shop(tmp_path, clock, FakeExecutor(*outcomes)))
        return made[-1]

    yield shop_of
    for shop in made:
        shop.store.close()


@pytest.fixture
def bench(tmp_path):
    """Return a home with an empty queue; what runs on it is ended after the test."""
    made = Bench(tmp_path)
    yield made
    made.close()
