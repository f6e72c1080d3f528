"""What a verb costs to start: it imports hardly more modules than `status`."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from queuectl_core.cli import anatomy, usage
from tests.cli.test_process import ROOT
from tests.cli.test_usage import words_of

ALLOWANCE = 16
"""Modules beyond those of `status`: the verb's own service, and json for --json."""
RECURRING = 16
"""And of verbs on schedules: expressions, zones, the calendar, what the queue keeps of them."""
DEAR = {"top", "web", "up", "worker start", "run", "help", "hook test"}
"""Verbs that stay: a worker, a view, a server. `run` and `hook test` start the job themselves."""
NEVER = {
    "inspect",
    "ast",
    "pickle",
    "subprocess",
    "tempfile",
    "http",
    "email",
    "unittest",
    "asyncio",
}
"""What no verb needs that ends at once."""
IMPORTED = """
import sys
sys.path.insert(0, sys.argv[1])
before = set(sys.modules)
from queuectl_core.cli.main import main
main(sys.argv[2:])
print("imported", " ".join(sorted(set(sys.modules) - before)), file=sys.stderr)
"""


def imported(home, words):
    done = subprocess.run(
        [sys.executable, "-I", "-c", IMPORTED, ROOT, *words],
        env={"QUEUECTL_HOME": str(home), "HOME": str(home), "PATH": os.environ["PATH"]},
        cwd=home,
        input=b"true\n",
        capture_output=True,
        timeout=60,
        check=True,
    )
    return set(done.stderr.decode().rpartition("imported ")[2].split())


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    """A home with the job that the examples name."""
    home = tmp_path_factory.mktemp("home")
    home.chmod(0o700)
    imported(home, ["enqueue", '{"id":"job1","command":"true"}'])
    return home


@pytest.fixture(scope="module")
def status(home):
    return imported(home, ["status"])


@pytest.mark.parametrize("verb", [verb for verb in usage.VERBS if verb not in DEAR])
def test_a_verb_imports_hardly_more_than_status(home, status, verb):
    words = words_of(anatomy.read(verb).examples[0])[1:]
    if verb.startswith("service "):
        words.append("--user")
    if verb == "wait":
        words += ["--timeout", "0"]

    found = imported(home, [word.replace("/backup", str(home)) for word in words])

    assert "queuectl_core.cli.main" in found
    beyond = sorted(found - status)
    more = RECURRING if verb.startswith("schedule ") else 0
    assert len(beyond) <= ALLOWANCE + more, beyond
    assert not found & NEVER, found & NEVER
