from __future__ import annotations

import pytest

from queuectl_core.storage import open_store
from tests.builders import NOW_MS


@pytest.fixture
def open_queue(tmp_path):
    """Open the test's queue once more; the test closes it."""
    directory = tmp_path / "home"
    directory.mkdir(mode=0o700)
    return lambda: open_store(str(directory / "queue.db"), now_ms=NOW_MS)


@pytest.fixture
def store(open_queue):
    opened = open_queue()
    yield opened
    opened.close()
