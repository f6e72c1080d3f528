from __future__ import annotations

import re
import shlex

import pytest

from queuectl_core.cli import about, anatomy, main, parse, topics, usage
from queuectl_core.errors import QueuectlError, UsageError


def words_of(line):
    """Return the words of a shell line up to where it goes elsewhere."""
    words = shlex.split(line)
    ends = [words.index(sign) for sign in "<>|" if sign in words]
    return words[: min(ends, default=len(words))]


def examples():
    for verb in usage.TEXTS:
        lines = anatomy.read(verb).examples
        assert len(lines) >= 2, f"{verb} has no examples"
        yield from ((verb, line) for line in lines)
    yield from (
        ("enqueue", line)
        for line in re.findall(r"^  (queuectl enqueue .*)$", topics.overview(), re.MULTILINE)
    )


@pytest.mark.parametrize(("verb", "line"), list(examples()))
def test_every_example_parses_as_its_verb(verb, line):
    words = words_of(line)

    assert words[0] == "queuectl"
    found, rest = main._verb(words[1:])
    assert found == verb
    arranged = parse.arrange(verb, rest)
    assert not parse.wants_help(verb, arranged)
    parse.parse(verb, arranged)


@pytest.mark.parametrize(
    "line",
    [
        line.strip().removeprefix("$ ")
        for text in topics.TOPICS.values()
        for line in text.splitlines()
        if line.startswith("  $ ")
    ],
)
def test_every_command_of_a_guide_parses(line):
    words = words_of(line)

    assert words[0] == "queuectl"
    verb, rest = main._verb(words[1:])
    parse.parse(verb, parse.arrange(verb, rest))


def test_no_guide_tells_a_command_that_the_tests_overlook():
    for text in topics.TOPICS.values():
        for line in text.splitlines():
            if line.startswith("  queuectl ") and "   " not in line.strip():
                pytest.fail(f"begin it with $: {line}")


SEED = """
enqueue '{"id":"job1","command":"echo test"}'
enqueue '{"id":"urgent","command":"python critical.py","priority":10}'
enqueue '{"id":"job2","command":"python script.py","max_retries":5}'
enqueue '{"id":"future","command":"python task.py","run_at":"2024-12-31T10:00:00"}'
list
list --state pending
status
worker start --count 3
worker stop
worker health
web
web --host 0.0.0.0 --port 8080
web --debug
dlq list
dlq retry job-id-here
metrics
metrics --recent 50
config get
config get max-retries
config set max-retries 5
config set backoff-base 3.0
config set job-timeout 600
""".strip().splitlines()


@pytest.mark.parametrize("line", SEED)
def test_every_command_of_the_first_day_parses(line):
    verb, rest = main._verb(shlex.split(line))

    parse.parse(verb, parse.arrange(verb, rest))


def test_every_verb_has_a_text_a_summary_and_a_command():
    assert set(usage.TEXTS) == set(usage.VERBS)
    for verb in usage.VERBS:
        assert callable(main._commands(verb)[verb])
        assert usage.synopsis(usage.text(verb)).startswith(f"queuectl {verb} [options]")
        assert usage.VERBS[verb] in topics.overview()


@pytest.mark.parametrize("verb", list(usage.VERBS))
@pytest.mark.parametrize("flag", ["-h", "--help"])
def test_help_of_a_verb_is_its_text(run, verb, flag):
    assert run(*verb.split(), flag) == (0, usage.text(verb), "")
    assert run("help", *verb.split()).out == usage.text(verb)


@pytest.mark.parametrize("verb", list(usage.VERBS))
def test_no_option_is_told_twice(verb):
    names = [name for option in anatomy.all_options(verb) for name in option.names]

    assert sorted({name for name in names if names.count(name) > 1}) == []


@pytest.mark.parametrize("verb", list(usage.VERBS))
def test_help_fits_a_page(verb):
    assert max(map(len, usage.text(verb).splitlines())) <= 100


def test_help_alone_lists_all_verbs(run):
    overview = run("help").out

    assert all(f"  {verb} " in overview for verb in usage.VERBS)
    assert run("-h").out == run("--help").out == overview


@pytest.mark.parametrize("group", usage.GROUPS)
def test_a_group_lists_its_verbs(run, group):
    listing = run("help", group).out

    assert f"queuectl {group} " in listing
    assert run(group, "--help").out == run(group, "-h").out == listing


@pytest.mark.parametrize("group", usage.GROUPS)
def test_a_group_alone_is_told_which_verbs_it_has(run, group):
    for argv in ((group,), (group, "--json"), (group, "--count", "2")):
        done = run(*argv)

        assert (done.code, done.out) == (64, "")
        assert f"queuectl {group} {usage.verbs_of(group)[0]}" in done.err


@pytest.mark.parametrize("topic", list(topics.TOPICS))
def test_every_topic_is_named_in_the_overview_and_explained(run, topic):
    assert topic in topics.overview()
    assert run("help", topic).out == topics.TOPICS[topic]


def test_the_exit_codes_of_all_errors_are_explained():
    told = set(re.findall(r"^  (\d+) ", topics.TOPICS["exit-codes"], re.MULTILINE))

    assert {str(error.exit_code) for error in QueuectlError.__subclasses__()} <= told


def test_help_of_a_typo_gets_the_nearest(run):
    done = run("help", "enqeue")

    assert done.code == 64
    assert "did you mean enqueue?" in done.err


# --- the traps of docopt-ng 0.9.0 ---


def test_prefixes_of_options_are_refused(run):
    for argv in (("list", "--js"), ("enqueue", "--e", "A=1", "x"), ("list", "--lim", "3")):
        assert run(*argv).code == 64


def test_no_option_is_taken_for_the_value_of_another():
    args = parse.parse("enqueue", ["--id", "--json", "x"])

    assert args.text("--id") == "--json"
    assert not args.flag("--json")


def test_repeated_options_come_as_a_list():
    args = parse.parse("enqueue", ["--env", "A=1", "--env", "B=2", "--env", "A=1", "--", "x", "y"])

    assert args.words("--env") == ["A=1", "B=2", "A=1"]
    assert args.words("<word>") == ["x", "y"]
    assert parse.parse("worker start", ["--queue", "a", "--queue", "b"]).words("--queue") == [
        "a",
        "b",
    ]
    assert parse.parse("enqueue", ["x"]).words("--env") == []


def test_a_flag_may_come_twice_a_value_not(run):
    assert run("--json", "status", "--json").records
    assert run("-q", "enqueue", "-q", "--", "true", "-q", "-q").code == 0
    assert run("list", "--limit", "1", "--limit", "2").code == 64
    assert run("show", "--json").err.startswith(
        '{"error":"\\"queuectl show\\" lacks its arguments"'
    )


def test_a_negative_number_is_a_word(run):
    done = run("config", "set", "backoff-base", "-5")

    assert done.code == 78
    assert "not -5.0" in done.err
    assert run("config", "set", "db-path", "--y").code == 64
    assert run("config", "set", "--", "db-path", "--y").code == 0


def test_short_options_stand_together_or_with_their_value():
    args = parse.parse("logs", ["-fn5", "a"])

    assert args.flag("--follow")
    assert args.text("--lines") == "5"
    assert parse.parse("enqueue", ["-qp9", "x"]).text("--priority") == "9"


def test_help_in_the_command_of_a_job_is_not_ours():
    assert not parse.wants_help("enqueue", ["--", "prog", "-h"])
    assert not parse.wants_help("enqueue", ["prog", "--help"])
    assert not parse.wants_help("enqueue", ["--id", "-h", "prog"])
    assert parse.wants_help("enqueue", ["-q", "-h", "prog"])


@pytest.mark.parametrize("verb", list(usage.VERBS))
def test_global_options_work_before_and_after_every_verb(verb):
    before, rest = parse.parse_top(["--home", "/x", "--json", *verb.split(), "a"])

    assert before == ["--home", "/x", "--json"]
    assert main._verb(rest) == (verb, ["a"])
    options = parse.options_of(usage.text(verb))
    assert {"--home", "--db", "--json", "--no-color", "--quiet", "--help"} <= set(options)
    assert options["--home"]
    assert not options["--json"]


def test_text_for_no_topic_is_the_overview():
    assert about.help_text("") == topics.overview()
    with pytest.raises(UsageError):
        about.help_text("nonsense")
