from __future__ import annotations

import pytest

from queuectl_core.storage import open_store
from tests.builders import NOW_MS


@pytest.fixture
def store(tmp_path):
    directory = tmp_path / "home"
    directory.mkdir(mode=0o700)
    opened = open_store(str(directory / "queue.db"), now_ms=NOW_MS)
    yield opened
    opened.close()
