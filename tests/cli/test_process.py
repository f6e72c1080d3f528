"""The command as a process of its own: what it imports, and what its pipes may do to it."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
SCRIPT = os.path.join(ROOT, "queuectl.py")
# Nothing of the environment; `-I` would hide the tree from the script too.
CLEAN = ("-E", "-s")
# What a cold `enqueue` can't afford. Python's own start imports some of the others.
TOO_DEAR = (
    "argparse asyncio bottle contextlib dataclasses datetime decimal difflib docopt hashlib "
    "inspect json logging pathlib queuectl_core.cli.parse queuectl_core.cli.usage random re shlex "
    "queuectl_core.durations queuectl_core.storage.store shutil signal socket sqlite3 ssl "
    "subprocess tempfile threading traceback typing unicodedata waitress zoneinfo"
).split()
BUDGET = """
import sys
sys.path.insert(0, sys.argv[1])
before = set(sys.modules)
from queuectl_core.cli.main import main
assert main(["enqueue", '{"command":"true","id":"a","priority":9}']) == 0
print(" ".join(set(sys.modules) - before), file=sys.stderr)
"""


def queuectl(*argv, **how):
    return subprocess.run(
        [sys.executable, *CLEAN, SCRIPT, *argv], capture_output=True, timeout=60, check=False, **how
    )


def shell(line):
    command = f'q() {{ {sys.executable} {" ".join(CLEAN)} {SCRIPT} "$@"; }}\n{line}'
    return subprocess.run(
        ["/bin/bash", "-c", command], capture_output=True, timeout=60, check=False
    )


def test_a_cold_enqueue_imports_nothing_dear():
    done = subprocess.run(
        [sys.executable, "-I", "-c", BUDGET, ROOT], capture_output=True, timeout=60, check=True
    )

    imported = set(done.stderr.decode().split())

    assert "apsw" in imported
    assert sorted(imported.intersection(TOO_DEAR)) == []


def test_enqueue_list_and_errors_as_processes():
    assert queuectl("enqueue", '{"id":"a","command":"true"}').returncode == 0
    assert queuectl("list", "--state", "pending").stdout.decode().splitlines()[1].startswith("a ")
    assert queuectl("show", "nope").returncode == 4


def test_a_reader_that_has_seen_enough():
    queuectl("enqueue", "--stdin", input=b"true\n" * 3_000)

    done = shell("q list | head -n 1; echo ${PIPESTATUS[0]}")

    assert done.stdout.decode().splitlines()[-1] == "0"
    assert done.stderr == b""


def test_a_full_disk_behind_stdout():
    queuectl("enqueue", "true")

    done = shell("q list > /dev/full")

    assert done.returncode == 74
    assert b"No space left on device" in done.stderr
    assert b"Traceback" not in done.stderr
    assert b"Exception ignored" not in done.stderr


@pytest.mark.parametrize("closed", [">&-", "2>&-", "<&-", "<&- >&- 2>&-"])
def test_closed_standard_streams(closed):
    done = shell(f"""q enqueue '{{"command":"true"}}' {closed}; q enqueue true {closed}""")

    assert done.returncode == 0
    assert b"Traceback" not in done.stderr
    assert len(queuectl("list", "-q").stdout.splitlines()) == 3


def test_closed_stdin_has_no_jobs():
    done = shell("q enqueue --stdin <&-")

    assert (done.returncode, done.stdout) == (0, b"Enqueued 0 jobs\n")


def test_words_that_are_no_utf8():
    done = queuectl("enqueue", b"echo \xff")

    assert done.returncode == 65
    assert b"not valid UTF-8 at position 6" in done.stderr


@pytest.mark.parametrize("locale", ["C", "POSIX", "en_US.ISO-8859-1"])
def test_letters_of_all_the_world_in_any_locale(locale, monkeypatch):
    monkeypatch.setenv("LC_ALL", locale)
    queuectl("enqueue", '{"command":"echo \\u65e5\\u672c"}')

    done = queuectl("list")

    assert done.returncode == 0
    assert "日本".encode() in done.stdout


def test_a_slow_writer_need_not_wait_for_a_chunk():
    with subprocess.Popen(
        [sys.executable, *CLEAN, SCRIPT, "enqueue", "--stdin", "-q"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    ) as process:
        for number in (b"1\n", b"2\n"):
            process.stdin.write(b"true\n")
            process.stdin.flush()
            assert process.stdout.readline() == number
        process.stdin.close()
