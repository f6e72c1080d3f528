from __future__ import annotations

import os
import shutil
import subprocess

import pytest

from queuectl_core import config
from queuectl_core.services import unit
from queuectl_core.services.unit import Unit

SYSTEM = Unit("queuectl", False, ("/bin/true",), 4, 41, home="/var/lib/queuectl")
USER = Unit("queuectl", True, ("/bin/true",), 4, 41)


def settings_of(text):
    """Return the directives of a unit, by name, in their order."""
    lines = [line for line in text.splitlines() if "=" in line and not line.startswith("#")]
    found: dict[str, list[str]] = {}
    for line in lines:
        name, _, value = line.partition("=")
        found.setdefault(name, []).append(value)
    return found


def test_a_system_service_has_a_user_and_a_home_of_its_own():
    found = settings_of(unit.text(SYSTEM))

    assert found["User"] == ["queuectl"]
    assert found["StateDirectory"] == ["queuectl"]
    assert found["StateDirectoryMode"] == found["CacheDirectoryMode"] == ["0700"]
    assert "QUEUECTL_HOME=/var/lib/queuectl" in found["Environment"]
    assert found["WantedBy"] == ["multi-user.target"]


def test_a_users_service_keeps_the_users_home():
    found = settings_of(unit.text(USER))

    assert "User" not in found
    assert "StateDirectory" not in found
    assert found["Environment"] == ['"TMPDIR=%C/queuectl"']
    assert found["WantedBy"] == ["default.target"]
    assert "After" not in found


def test_a_home_elsewhere_is_no_state_directory():
    found = settings_of(unit.text(SYSTEM._replace(home="/srv/my queue", db="/srv/q.db")))

    assert "StateDirectory" not in found
    assert '"QUEUECTL_HOME=/srv/my queue"' in found["Environment"]
    assert "QUEUECTL_DB_PATH=/srv/q.db" in found["Environment"]


@pytest.mark.parametrize("made", [SYSTEM, USER])
def test_the_worker_alone_is_told_to_stop_and_has_its_time(made):
    found = settings_of(unit.text(made))

    assert found["KillMode"] == ["mixed"]
    assert found["Type"] == ["notify"]
    assert found["NotifyAccess"] == ["all"]
    assert found["OOMPolicy"] == ["continue"]
    assert found["TimeoutStopSec"] == ["71s"]


@pytest.mark.parametrize("made", [SYSTEM, USER])
def test_nothing_is_taken_from_jobs_unasked(made):
    found = settings_of(unit.text(made))

    # each of these implies NoNewPrivileges for a user (systemd.exec(5)), or hides files
    assert not found.keys() & {
        "NoNewPrivileges", "ProtectSystem", "ProtectHome", "PrivateTmp", "PrivateDevices",
        "SystemCallFilter", "RestrictSUIDSGID", "RestrictNamespaces", "LockPersonality",
        "ProtectKernelTunables", "ProtectKernelModules", "MemoryDenyWriteExecute",
    }  # fmt: skip


def test_time_to_stop_follows_the_settings():
    settings = config.resolve({}, {}, {"stop_timeout": 600.0, "kill_grace": 20.0})

    assert unit.stop_s(settings) >= 600 + 2 * 20


def test_open_files_are_raised_for_many_jobs_only():
    assert "LimitNOFILE" not in settings_of(unit.text(SYSTEM))
    many = settings_of(unit.text(SYSTEM._replace(threads=1000)))["LimitNOFILE"]

    assert int(many[0].partition(":")[0]) > 8 * 1000


def test_a_unit_knows_whether_it_was_changed():
    text = unit.text(SYSTEM)

    assert unit.is_ours(text)
    assert unit.is_unchanged(text)
    for changed in (text.replace("=mixed", "=process"), text + "\n", text[:-1]):
        assert unit.is_ours(changed)
        assert not unit.is_unchanged(changed)
    for foreign in ("", "[Unit]\n", text.partition("\n")[2]):
        assert not unit.is_ours(foreign)
        assert not unit.is_unchanged(foreign)


@pytest.mark.parametrize("name", ["q", "queuectl-2", "Queue_a", "a" * 60])
def test_names_that_a_unit_may_have(name):
    assert unit.is_name(name)


@pytest.mark.parametrize("name", ["", "-", "-a", "2", "a b", "a/b", "../a", "a@", "ä", "a" * 61])
def test_names_that_it_may_not_have(name):
    assert not unit.is_name(name)


@pytest.mark.parametrize(
    ("word", "written"),
    [
        ("plain", "plain"),
        ("", '""'),
        ("a b", '"a b"'),
        ("100%", '"100%%"'),
        ('say "x"', '"say \\"x\\""'),
        ("back\\slash", '"back\\\\slash"'),
        ("it's", '"it\'s"'),
    ],
)
def test_words_are_quoted_as_systemd_reads_them(word, written):
    assert unit.quoted(word) == written


def test_a_dollar_in_the_command_is_no_variable():
    made = SYSTEM._replace(program=("/bin/true", "/srv/a$b"))

    assert settings_of(unit.text(made))["ExecStart"] == [
        "/bin/true /srv/a$$b worker start --count 4"
    ]


@pytest.mark.skipif(not shutil.which("systemd-analyze"), reason="systemd-analyze is not installed")
@pytest.mark.parametrize("made", [SYSTEM, USER, SYSTEM._replace(threads=500, home="/srv/a %b\\c")])
def test_systemd_has_nothing_to_say_against_it(made, tmp_path):
    path = tmp_path / made.file_name
    path.write_text(unit.text(made))

    done = subprocess.run(
        ["systemd-analyze", *(["--user"] if made.user else []), "verify", str(path)],
        env=os.environ | {"XDG_RUNTIME_DIR": str(tmp_path), "HOME": str(tmp_path)},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )

    # it also loads the units of this machine, and tells what is wrong with those
    ours = [line for line in done.stderr.splitlines() if made.file_name in line]
    assert ours == []
    assert done.returncode == 0, done.stderr
