"""Whatever is typed: a known exit code, one line that says what is wrong, one that helps."""

from __future__ import annotations

import json
import random

import pytest

from queuectl_core.cli import topics
from tests.cli import fuzz

KNOWN_CODES = {
    int(line.split()[0])
    for line in topics.TOPICS["exit-codes"].splitlines()
    if line.startswith("  ") and line.split()[0].isdigit()
}
ERRORS = {4, *range(64, 79)}
"""Exit codes that always come with an error; 1 and 3 may be an answer."""
COUNT = 2_000
PORTIONS = 20


@pytest.fixture
def filled(run, dead_job):
    """A queue with jobs that the fuzzed words name."""
    dead_job("dead")
    assert run("enqueue", "--id", "kept", "true").code == 0


def judge(argv, done) -> None:
    """Assert that the end of a command is one that we promise."""
    told = (argv, done.code, done.err[-2000:])
    assert done.code in KNOWN_CODES - {70}, told
    assert "Traceback" not in done.out + done.err, told
    if done.code not in ERRORS:
        return
    lines = done.err.split("\n")[:-1]
    if lines and lines[0].startswith("{"):
        assert "--json" in argv, told
        assert {*json.loads(lines[-1])} - {"line"} == {"error", "hint", "exit_code"}, told
        assert json.loads(lines[-1])["exit_code"] == done.code, told
    elif lines and all(line.startswith("queuectl: line ") for line in lines):
        assert "--stdin" in argv, told
    else:
        assert len(lines) >= 2, told
        assert lines[-2].startswith("queuectl: "), told
        assert lines[-1].startswith("hint: "), told
        assert len(lines[-1]) > len("hint: "), told
    assert not [char for char in done.err if char != "\n" and ord(char) < 32], told


@pytest.mark.parametrize("seed", range(PORTIONS))
def test_no_command_line_leads_to_a_traceback(run, filled, seed):
    rng = random.Random(seed)

    for _ in range(COUNT // PORTIONS):
        argv = fuzz.command_line(rng)
        judge(argv, run(*argv, stdin=b'{"command":"true"}\nnope nope\n{"x":\n'))


@pytest.mark.parametrize("seed", range(PORTIONS))
def test_no_json_leads_to_a_traceback(run, seed):
    rng = random.Random(seed)

    for number in range(COUNT // PORTIONS):
        text = fuzz.json_text(rng)
        if number % 3 == 2:
            argv = ["enqueue", "--stdin", *(["--atomic"] if rng.random() < 0.5 else [])]
            judge(argv, run(*argv, stdin=text.encode(errors="surrogatepass")))
        else:
            argv = ["enqueue", *(["--json"] if number % 3 else []), text]
            judge(argv, run(*argv))
