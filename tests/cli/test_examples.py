"""Every example of every usage text is run, as printed and with --json."""

from __future__ import annotations

import json

import pytest

from queuectl_core.cli import anatomy, main, parse, usage
from tests import halves
from tests.builders import buried, completed
from tests.cli.test_usage import words_of

SERVING = {"worker start", "top", "up", "web", "run"}
"""Verbs that work until they are stopped, or start programs."""
STAYING = {"--follow", "--wait", "--watch"}
"""Options that make a verb stay until something happens."""
NEEDS_PENDING = {"hold", "cancel", "edit", "pause", "why"}
NEEDS_HELD = {"release"}
NEEDS_DEAD = {"retry", "dlq list", "dlq show", "dlq retry", "dlq purge"}
OTHER_JOBS: dict[str, list[str]] = {"restore": []}
"""What is in the queue where an example names no job: a queue with jobs is not replaced."""
MAY_PRINT_NOTHING = {
    "list", "logs", "wait", "worker list", "config unset", "config check", "export", "dlq list",
    "hook list", "cancel", "edit", "retry", "rm", "web token list", "dlq retry", "dlq purge",
}  # fmt: skip
"""Listings, and what happens to change nothing."""
CODES = {
    "worker health": {3}, "worker stop": {3},  # none runs
    "service uninstall": {0, 4},
    "schedule check": {1},  # no worker runs
    "web token rm": {4},  # there is none of that name
}  # fmt: skip


SCHEDULE = b'{"name":"nightly","when":"@daily","job":{"command":"true"}}\n'


def examples(*, that_stay: bool):
    """Yield the examples that end by themselves, or the others: tests/binary has those."""
    for verb in usage.VERBS:
        for line in anatomy.read(verb).examples:
            words = words_of(line)
            here = verb == "hook test" and "--enqueue" not in words
            stays = here or verb in SERVING or not STAYING.isdisjoint(words)
            if stays is that_stay:
                yield verb, line


def is_live(verb: str, line: str) -> bool:
    """Tell whether an example is a live view, which wants a terminal: tests/binary has one."""
    return verb == "top" or "--watch" in words_of(line)


@pytest.fixture
def end_next(open_queue, clock):
    """Lead the best due job to its end."""

    def end_next(how) -> None:
        store = open_queue()
        (claim,) = halves.claim(store, worker=1, limit=1, now_ms=clock.now_ms())
        halves.finish(store, [how(claim)], now_ms=clock.now_ms())
        store.close()

    return end_next


def placed(word, files):
    """Return a file of the test in the place of one that an example names."""
    return next((path for name, path in files.items() if word.startswith(name)), word)


def prepare_schedules(run, verb, directory):
    """Make what an example on schedules speaks of."""
    if verb.startswith("schedule ") and verb not in {"schedule add", "schedule import"}:
        run("schedule", "add", "nightly", "@daily", "--", "true")
    if verb == "schedule resume":
        run("schedule", "pause", "nightly")
    (directory / "schedules.ndjson").write_bytes(SCHEDULE)
    (directory / "crontab").write_text("0 3 * * * /bin/true\n")


@pytest.fixture
def add_hooks(run):
    """Add hooks of these names: one, or a list."""

    def add_hooks(names) -> None:
        for name in [names] if isinstance(names, str) else names:
            run("hook", "add", "dead", "--name", name, "true")

    return add_hooks


@pytest.fixture
def prepared(run, end_next, add_hooks, open_queue, tmp_path, monkeypatch):
    """Make what an example speaks of, its jobs and files; return its words."""
    monkeypatch.delenv("XDG_CONFIG_HOME", raising=False)
    backup = str(tmp_path / "work" / "backup.db")

    def prepared(verb: str, line: str) -> list[str]:
        files = {"/backup/": backup, "/etc/crontab": str(tmp_path / "work" / "crontab")}
        words = [placed(word, files) for word in words_of(line)[1:]]
        _, rest = main._verb(words)
        values = parse.parse(verb, parse.arrange(verb, rest))._values
        for job_id in values.get("<id>") or OTHER_JOBS.get(verb, ["other"]):
            hold = ["--hold"] if verb in NEEDS_HELD else []
            run("enqueue", "--id", str(job_id), "-p", "10", *hold, "true")
            if verb not in NEEDS_PENDING | NEEDS_HELD:
                end_next(buried if verb in NEEDS_DEAD else completed)
        for parent in values.get("--after") or ():
            run("enqueue", "--id", str(parent), "true")
        add_hooks(values.get("<hook>") or ())
        prepare_schedules(run, verb, tmp_path / "work")
        if verb == "service uninstall":
            run("service", "install", "--user")
        if verb == "import":
            (tmp_path / "work" / "jobs.ndjson").write_text('{"command":"true"}\n')
        if verb == "restore":
            open_queue().close()
            run("backup", backup)
        return words

    return prepared


@pytest.mark.parametrize(("verb", "line"), list(examples(that_stay=False)))
@pytest.mark.parametrize("as_json", [False, True], ids=["plain", "json"])
def test_every_example_works(run, prepared, verb, line, as_json):
    words = prepared(verb, line)
    if as_json:
        words = [*verb.split(), "--json", *words[len(verb.split()) :]]

    shell_line = b"" if verb == "import" else b"true\n"
    stdin = SCHEDULE if verb == "schedule import" else b'{"command":"true"}\n' + shell_line
    done = run(*words, stdin=stdin)

    assert done.code in CODES.get(verb, {0}), done
    assert "Traceback" not in done.err
    if as_json:
        assert all(isinstance(json.loads(text), dict) for text in done.lines), done.out
        assert done.out or done.code or verb in MAY_PRINT_NOTHING
        if done.code in {69, 4}:
            assert json.loads(done.err)["exit_code"] == done.code
