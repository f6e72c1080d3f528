from __future__ import annotations

import os

import pytest
from hypothesis import settings

from tests.clocks import ManualClock

# The same examples in every run, so that a red build means a changed tree.
# `HYPOTHESIS_PROFILE=long` searches anew.
settings.register_profile("fixed", derandomize=True, deadline=None, database=None)
settings.register_profile("long", deadline=None, max_examples=2_000)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "fixed"))


@pytest.fixture
def clock():
    return ManualClock()


@pytest.fixture
def umask():
    """Set the umask for one test: `umask(0)`."""
    usual = os.umask(0o022)
    os.umask(usual)
    yield os.umask
    os.umask(usual)
