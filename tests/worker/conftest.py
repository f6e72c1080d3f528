from __future__ import annotations

import pytest

from tests.worker.harness import Bench


@pytest.fixture
def bench(tmp_path):
    """Return a home with an empty queue; what runs on it is ended after the test."""
    made = Bench(tmp_path)
    yield made
    made.close()
