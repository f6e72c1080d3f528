"""Crontabs: what cron does with a line, and what is said to who moves it."""

from __future__ import annotations

import pytest

from queuectl_core.errors import BadData
from queuectl_core.services.crontab import Crontab, Options, is_system

OPTIONS = Options(system=False, user="me", home="/home/me")


def read(text, **changes):
    return list(Crontab(OPTIONS._replace(**changes)).lines(text))


def one(text, **changes):
    (line,) = read(text, **changes)
    return line


def test_a_line_becomes_a_schedule_that_does_what_cron_did():
    line = one("# backups\n\n0 3 * * *  /usr/bin/env   A=1\n")

    assert line.number == 3
    assert line.findings == ()
    assert line.fields == {
        "name": "env", "when": "0 3 * * *", "tz": None, "overlap": "skip", "catch_up": "none",
        "job": {"command": "/usr/bin/env   A=1", "argv": None, "cwd": "/home/me",
                "env": {"PATH": "/usr/bin:/bin"}, "input": None},
    }  # fmt: skip


def test_variables_hold_for_the_lines_below_them():
    first, second = read(
        "0 3 * * * /bin/true\nPATH=/opt/bin:/bin\nSHELL=/bin/bash\nCRON_TZ=Asia/Tokyo\n"
        "HOME = /srv\nGREETING = 'a b'\n@daily /bin/true\n"
    )

    assert first.fields["job"]["argv"] is None
    job = second.fields["job"]
    assert job["argv"] == ["/bin/bash", "-c", "/bin/true"]
    assert job["env"] == {"PATH": "/opt/bin:/bin", "GREETING": "a b"}
    assert (job["cwd"], second.fields["tz"]) == ("/srv", "Asia/Tokyo")


def test_what_follows_a_percent_sign_is_the_input():
    line = one(r"0 3 * * * mail -s '100\%' me%Hello%you\%")

    assert line.fields["job"]["command"] == "mail -s '100%' me"
    assert line.fields["job"]["input"] == "Hello\nyou%\n"
    assert any("percent" in finding for finding in line.findings)


def test_names_are_those_of_the_programs_each_once():
    lines = read("@daily A=1 /opt/back up\n@daily /opt/back\n@daily 'x y' | z\n@daily ü\n")

    assert [line.fields["name"] for line in lines] == ["back", "back-2", "x", "-"]


@pytest.mark.parametrize(
    ("text", "part"),
    [
        ("0 3 * * * no-such-program-here", "not in the PATH"),
        ("0 3 * * * /bin/true >/dev/null 2>&1", "/dev/null"),
        ("0 3 * * * /bin/true &> /dev/null", "/dev/null"),
        ("MAILTO=me@example.org\n0 3 * * * /bin/true", "MAILTO=me@example.org"),
        ("*/5 * * * * /bin/true", "cron starts it while the last one still runs"),
        ("*/5 * * * * flock -n /tmp/x /bin/true", "flock is not needed"),
    ],
)
def test_what_would_surprise_is_said(text, part):
    assert any(part in finding for finding in one(text).findings)


def test_a_line_without_surprises_has_no_findings():
    assert one("MAILTO=''\n0 3 * * * cd /tmp && /bin/true >> log").findings == ()


def test_a_crontab_of_the_system_names_a_user_in_each_line():
    mine, other = read("0 3 * * * me /bin/true\n@daily root /bin/false\n", system=True)

    assert mine.fields["job"]["command"] == "/bin/true"
    assert mine.findings == ()
    assert other.fields["job"]["command"] == "/bin/false"
    assert "as root" in other.findings[0]
    assert is_system("/etc/crontab")
    assert is_system("/etc/cron.d/php")
    assert not is_system("/home/me/crontab")


@pytest.mark.parametrize(
    ("text", "part"),
    [("\n0 3 * *", "line 2: there is no command"), ("x 3 * * * y", "line 1: not a cron"),
     ("@reboot x", "@reboot"), ("@daily", "no command"), ("0 3 * * * me", "no command")],
)  # fmt: skip
def test_what_is_wrong_is_told_by_its_line(text, part):
    with pytest.raises(BadData) as refusal:
        read(text, system=text.endswith(" me"))

    assert part in str(refusal.value)
