from __future__ import annotations

import resource
import subprocess
import sys
from pathlib import Path

import pytest

from queuectl_core.worker.descriptors import FILES_PER_THREAD, FIXED_FILES

ROOT = Path(__file__).parents[2]
OWN_FILES = 3
LINE = """
import logging, resource, sys
from queuectl_core.errors import QueuectlError
from queuectl_core.worker import descriptors
logging.basicConfig(level="INFO", format="%(message)s")
try:
    descriptors.make_room(int(sys.argv[1]))
except QueuectlError as error:
    print(error.exit_code, error, error.hint)
else:
    print(resource.getrlimit(resource.RLIMIT_NOFILE)[0])
"""


def make_room(threads, *, soft, hard):
    """Make room in a process with these limits and three files open; return what it said."""
    done = subprocess.run(
        [sys.executable, "-c", LINE, str(threads)],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        cwd=ROOT,
        check=True,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard)),
    )
    return done.stdout.strip(), done.stderr.strip()


def needed(threads):
    return OWN_FILES + FIXED_FILES + threads * FILES_PER_THREAD


def test_a_limit_that_is_enough_is_left_alone():
    assert make_room(4, soft=needed(4), hard=9_000) == (str(needed(4)), "")


def test_a_soft_limit_is_raised_no_further_than_needed_and_that_is_told():
    said, logged = make_room(4, soft=needed(4) - 1, hard=needed(4) + 100)

    assert said == str(needed(4))
    assert logged == (
        f"limit of open files raised from {needed(4) - 1} to {needed(4)} for 4 threads,"
        " and for their jobs"
    )


def test_more_threads_than_the_hard_limit_allows_are_refused_with_a_number_that_fits():
    said, _ = make_room(100, soft=needed(30), hard=needed(30) + 1)

    assert said == (
        f"78 100 threads need {needed(100)} open files, the limit is {needed(30) + 1}"
        f" raise the limit: ulimit -n {needed(100)}; or start fewer threads: --count 30"
    )


@pytest.mark.parametrize(("threads", "words"), [(1, "1 thread needs"), (2, "2 threads need")])
def test_where_not_even_one_fits_no_smaller_number_is_proposed(threads, words):
    said, _ = make_room(threads, soft=needed(1) - 1, hard=needed(1) - 1)

    assert said.startswith(f"78 {words}")
    assert said.endswith(f"ulimit -n {needed(threads)}")
