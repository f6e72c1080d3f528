from __future__ import annotations

import os
import shutil
import tempfile
from contextlib import contextmanager

import pytest

from tests.binary.sandbox import Sandbox


@pytest.fixture(scope="session")
def executable():
    """Return the path of a copy of the frozen executable that any user may run.

    A copy: a build meanwhile must not change what is tested.
    """
    original = os.environ.get("QUEUECTL_BINARY")
    if not original or not os.access(original, os.X_OK):
        pytest.fail(
            f"QUEUECTL_BINARY must name the frozen executable, not {original!r}; scripts/test does",
            pytrace=False,
        )
    directory = tempfile.mkdtemp(prefix="queuectl-binary-")
    os.chmod(directory, 0o755)
    path = shutil.copy(original, os.path.join(directory, "queuectl"))
    os.chmod(path, 0o755)
    yield path
    shutil.rmtree(directory)


@contextmanager
def _swept(directory, executable):
    sandbox = Sandbox(directory, executable)
    try:
        yield sandbox
    finally:
        sandbox.sweep()


@pytest.fixture
def sandbox(tmp_path, executable):
    """Return an empty home of the test's own; its processes end with the test."""
    with _swept(tmp_path, executable) as sandbox:
        yield sandbox


@pytest.fixture
def another_sandbox(tmp_path_factory, executable):
    """Return a second one."""
    with _swept(tmp_path_factory.mktemp("another"), executable) as sandbox:
        yield sandbox


@pytest.fixture(scope="module")
def busy(tmp_path_factory, executable):
    """Return a home that the module's tests share, with a worker of four threads that runs."""
    with _swept(tmp_path_factory.mktemp("busy"), executable) as sandbox:
        sandbox.start_worker("--count", "4")
        yield sandbox


@pytest.fixture
def own_executable(tmp_path, executable):
    """Return a copy of the executable that the test may replace."""
    return shutil.copy(executable, tmp_path / "queuectl")


@pytest.fixture
def root():
    """Skip where the tests do not run as root."""
    if os.geteuid() != 0:
        pytest.skip("only root can be somebody else")
