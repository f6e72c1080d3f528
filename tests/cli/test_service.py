from __future__ import annotations

import os
import sys

import pytest

from queuectl_core.cli import service
from queuectl_core.errors import NoPermission


@pytest.fixture(autouse=True)
def program(tmp_path, monkeypatch):
    """Be called by a path, and never touch the units of this machine."""
    path = tmp_path / "bin" / "queuectl"
    path.parent.mkdir()
    path.write_text("#!/bin/sh\n")
    path.chmod(0o755)
    monkeypatch.setattr(sys, "argv", [str(path)])
    monkeypatch.setattr(service, "SYSTEM_UNITS", str(tmp_path / "etc"))
    monkeypatch.delenv("XDG_CONFIG_HOME", raising=False)
    return path


@pytest.fixture
def system_unit(tmp_path):
    return tmp_path / "etc" / "queuectl.service"


@pytest.fixture
def user_unit(tmp_path):
    return tmp_path / ".config" / "systemd" / "user" / "queuectl.service"


@pytest.fixture
def systemd(tmp_path, monkeypatch):
    """Make this a machine with systemd."""
    monkeypatch.setattr(service, "SYSTEMD_RUNS", str(tmp_path))


def test_print_writes_nothing(run, program, tmp_path, home):
    before = sorted(tmp_path.rglob("*"))

    done = run("service", "print", "--count", "3")

    assert done.code == 0
    assert f"ExecStart={program} worker start --count 3\n" in done.out
    assert "QUEUECTL_HOME=/var/lib/queuectl\n" in done.out
    assert sorted(tmp_path.rglob("*")) == before


def test_print_names_the_users_own_home(run, home, monkeypatch):
    assert f"QUEUECTL_HOME={home}\n" in run("service", "print", "--user").out
    assert "QUEUECTL_HOME=/srv/q\n" in run("service", "print", "--user", "--home", "/srv/q").out

    monkeypatch.delenv("QUEUECTL_HOME")
    assert "QUEUECTL_HOME" not in run("service", "print", "--user").out


def test_print_takes_the_queue_file_and_the_time_to_stop_along(run):
    run("config", "set", "stop-timeout", "1000")

    text = run("service", "print", "--user", "--db", "x.db").out

    assert f"QUEUECTL_DB_PATH={os.getcwd()}/x.db\n" in text
    assert "TimeoutStopSec=1041s\n" in text


def test_a_variable_of_the_caller_does_not_change_the_unit(run, monkeypatch):
    usual = run("service", "print", "--user").out
    monkeypatch.setenv("QUEUECTL_STOP_TIMEOUT", "1000")

    assert run("service", "print", "--user").out == usual


def test_print_as_json(run, system_unit):
    (record,) = run("service", "print", "--json").records

    assert record["path"] == str(system_unit)
    assert record["unit"] == run("service", "print").out


def test_a_script_is_run_by_this_python(run, tmp_path, monkeypatch):
    monkeypatch.setattr(sys, "argv", [str(tmp_path / "queuectl.py")])

    assert f"ExecStart={sys.executable} {tmp_path}/queuectl.py " in run("service", "print").out


def test_a_bare_name_is_looked_for_and_its_link_is_kept(run, program, tmp_path, monkeypatch):
    (tmp_path / "link").mkdir()
    (tmp_path / "link" / "queuectl").symlink_to(program)
    monkeypatch.setenv("PATH", f"{tmp_path}/nothing:{tmp_path}/link:{program.parent}")
    monkeypatch.setattr(sys, "argv", ["queuectl"])

    assert f"ExecStart={tmp_path}/link/queuectl " in run("service", "print").out


def test_install_writes_what_print_shows_and_says_what_to_type(run, system_unit, systemd):
    done = run("service", "install", "--count", "2")

    assert done.code == 0
    assert system_unit.read_text() == run("service", "print", "--count", "2").out
    assert system_unit.stat().st_mode & 0o777 == 0o644
    assert done.lines[0] == f"Wrote {system_unit}"
    assert "  systemctl daemon-reload" in done.lines
    assert "  systemctl enable --now queuectl.service" in done.lines
    assert os.listdir(system_unit.parent) == [system_unit.name]


def test_install_for_a_user_goes_to_the_users_units(run, user_unit, systemd):
    done = run("service", "install", "--user")

    assert user_unit.exists()
    assert "  systemctl --user enable --now queuectl.service" in done.lines
    assert "useradd" not in done.out
    assert done.err == ""


def test_install_honours_the_users_configuration_directory(run, tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "xdg"))

    run("service", "install", "--user", "--name", "second.service")

    assert (tmp_path / "xdg" / "systemd" / "user" / "second.service").exists()


def test_install_names_the_missing_user(run, monkeypatch):
    monkeypatch.setattr(service.units, "USER", "no-such-user-here")

    done = run("service", "install", "--dry-run")

    assert any(line.startswith("  useradd --system ") for line in done.lines)
    assert done.lines[-1].endswith("enable --now no-such-user-here.service")


def test_install_says_where_systemd_does_not_run(run, tmp_path, monkeypatch):
    monkeypatch.setattr(service, "SYSTEMD_RUNS", str(tmp_path / "no"))

    assert "systemd does not run" in run("service", "install", "--user").err


def test_install_warns_of_a_program_that_the_service_can_not_run(run, program, systemd):
    assert "the user queuectl can't run" in run("service", "install", "--dry-run").err

    assert "can't run" not in run("service", "install", "--user", "--dry-run").err


def test_a_dry_run_changes_nothing(run, system_unit):
    done = run("service", "install", "--dry-run")

    assert done.lines[0] == f"Would write {system_unit}"
    assert not system_unit.parent.exists()

    run("service", "install")
    assert run("service", "uninstall", "--dry-run").lines[0] == f"Would remove {system_unit}"
    assert system_unit.exists()


def test_install_again_takes_the_new_options(run, system_unit):
    run("service", "install", "--count", "2")

    assert run("service", "install", "--count", "5").code == 0
    assert "--count 5\n" in system_unit.read_text()


@pytest.mark.parametrize("whose", ["changed by hand", "not written by queuectl"])
def test_a_unit_that_is_not_as_we_wrote_it_is_kept(run, system_unit, whose):
    run("service", "install")
    text = system_unit.read_text()
    text = f"{text}#\n" if whose.startswith("changed") else text.partition("\n")[2]
    system_unit.write_text(text)

    for argv in (("install",), ("install", "--dry-run"), ("uninstall",)):
        done = run("service", *argv)
        assert done.code == 1
        assert whose in done.err
    assert system_unit.read_text() == text

    assert run("service", "install", "--force").code == 0
    assert system_unit.read_text() == run("service", "print").out


def test_uninstall_removes_what_install_wrote(run, system_unit):
    run("service", "install")

    done = run("service", "uninstall")

    assert done.code == 0
    assert "  systemctl daemon-reload" in done.lines
    assert not system_unit.exists()
    assert run("service", "uninstall").code == 4


def test_uninstall_takes_a_changed_one_by_force_but_never_a_foreign_one(run, system_unit):
    run("service", "install")
    system_unit.write_text(system_unit.read_text() + "#\n")
    assert run("service", "uninstall", "--force").code == 0
    system_unit.write_text("[Service]\n")

    assert run("service", "uninstall", "--force").code == 1
    assert system_unit.read_text() == "[Service]\n"


def test_uninstall_wants_the_unit_disabled_first(run, system_unit):
    run("service", "install")
    wants = system_unit.parent / "multi-user.target.wants"
    wants.mkdir()
    (wants / system_unit.name).symlink_to(system_unit)

    done = run("service", "uninstall")

    assert done.code == 1
    assert "systemctl disable --now queuectl.service" in done.err
    assert system_unit.exists()


def test_a_masked_unit_is_somebody_elses(run, system_unit):
    system_unit.parent.mkdir()
    system_unit.symlink_to("/dev/null")

    assert run("service", "install").code == 1
    assert system_unit.is_symlink()


def test_the_answer_as_json(run, user_unit):
    (written,) = run("service", "install", "--user", "--json").records
    (removed,) = run("service", "uninstall", "--user", "--json").records

    assert (written["path"], written["written"]) == (str(user_unit), True)
    assert (removed["path"], removed["removed"]) == (str(user_unit), True)
    assert removed["then"] == ["systemctl --user daemon-reload"]


@pytest.mark.parametrize("name", ["a/b", "../x", "", " "])
def test_a_wrong_name_is_refused(run, name, system_unit):
    assert run("service", "install", "--name", name).code == 64
    assert not system_unit.parent.exists()


def test_a_place_that_can_not_be_written_is_told(run, system_unit):
    system_unit.parent.write_text("a file, no directory")

    done = run("service", "install")

    assert done.code in {74, 77}
    assert str(system_unit) in done.err


def test_a_directory_that_can_not_be_made_is_told_with_a_way_out(run, monkeypatch):
    monkeypatch.setattr(service, "SYSTEM_UNITS", "/proc/no-such-place")
    assert run("service", "install").code in {74, 77}

    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    done = run("service", "install")

    assert done.code in {74, 77}
    assert "/proc/no-such-place/queuectl.service" in done.err
    assert "add --user" in done.err


def test_a_home_that_we_may_not_read_gives_the_usual_time_to_stop(run, monkeypatch):
    def refuse(*_):
        raise NoPermission

    argv = ("service", "print", "--home", "/no/such/home")
    usual = run(*argv).out
    monkeypatch.setattr(service.homes, "read_settings", refuse)

    done = run(*argv)

    assert (done.code, done.out) == (0, usual)
    assert "/no/such/home can't be read" in done.err


def test_what_others_can_run_is_seen_on_the_whole_way(tmp_path):
    assert service._others_can_run("/bin/sh")

    assert not service._others_can_run(str(tmp_path / "nothing"))
    private = tmp_path / "private"
    private.mkdir(mode=0o700)
    (private / "program").write_text("")
    (private / "program").chmod(0o755)
    assert not service._others_can_run(str(private / "program"))


def test_a_user_that_exists_is_not_made_again(run, monkeypatch):
    monkeypatch.setattr(service.units, "USER", "nobody")

    assert "useradd" not in run("service", "install", "--dry-run").out
