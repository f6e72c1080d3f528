from __future__ import annotations

import errno
import json
import os
import pwd
import stat

import pytest

from queuectl_core import home as homes
from queuectl_core.config import resolve
from queuectl_core.errors import BadConfig, Exhausted, NoPermission, StorageError, StorageFull
from queuectl_core.home import Home


def settings(**flags):
    return resolve({}, {}, flags)


def mode(path):
    return stat.S_IMODE(os.stat(path).st_mode)


@pytest.fixture
def home(tmp_path):
    return Home(str(tmp_path / "home"))


# --- where it is ---


def test_the_flag_beats_the_variable_and_that_the_users_home():
    environ = {"QUEUECTL_HOME": "/variable", "HOME": "/user"}

    assert homes.find("/flag", environ).path == "/flag"
    assert homes.find(None, environ).path == "/variable"
    assert homes.find(None, {"HOME": "/user"}).path == "/user/.queuectl"


@pytest.mark.parametrize("flag", [None, ""])
def test_an_empty_flag_or_variable_is_none(flag):
    assert homes.find(flag, {"QUEUECTL_HOME": "", "HOME": "/user"}).path == "/user/.queuectl"


@pytest.mark.parametrize("empty", [False, True])
def test_without_home_the_passwd_entry_counts(monkeypatch, empty):
    environ = {"HOME": ""} if empty else {}
    monkeypatch.delenv("HOME")
    if empty:
        monkeypatch.setenv("HOME", "")

    found = homes.find(None, environ)

    assert found.path == os.path.join(pwd.getpwuid(os.getuid()).pw_dir, ".queuectl")


def test_a_user_without_any_home_is_told_what_to_do(monkeypatch):
    def unknown(uid):
        raise KeyError(uid)

    monkeypatch.delenv("HOME")
    monkeypatch.setattr(pwd, "getpwuid", unknown)

    with pytest.raises(BadConfig, match="no home directory") as caught:
        homes.find(None, {})

    assert "QUEUECTL_HOME" in caught.value.hint


def test_a_relative_home_is_made_absolute(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)

    assert homes.find("q/../r", {}).path == str(tmp_path / "r")


def test_to_look_for_the_home_makes_nothing(tmp_path):
    homes.find(str(tmp_path / "home"), {})

    assert not (tmp_path / "home").exists()


def test_a_home_has_its_files_inside():
    home = Home("/h")

    assert home.config_path == "/h/config.json"
    assert home.logs_dir("/h/queue.db") == "/h/logs"
    assert home.logs_dir("/h/other.db") == "/h/other.db.logs"


@pytest.mark.parametrize(
    ("setting", "path"),
    [
        ("", "/h/queue.db"),
        ("other.db", "/h/other.db"),
        ("/srv/q.db", "/srv/q.db"),
        ("~/q.db", "/user/q.db"),
    ],
)
def test_the_queue_file_is_where_the_setting_says(monkeypatch, setting, path):
    monkeypatch.setenv("HOME", "/user")

    assert Home("/h").db_path(settings(db_path=setting)) == path


# --- who may write there ---


def test_a_missing_home_is_made_for_its_owner_only(home, umask):
    umask(0)

    homes.prepare(home)

    assert mode(home.path) == 0o700


def test_a_missing_parent_is_made_too(tmp_path):
    homes.prepare(Home(str(tmp_path / "a" / "b")))

    assert mode(tmp_path / "a" / "b") == 0o700


def test_to_prepare_a_home_twice_is_no_harm(home):
    homes.prepare(home)
    homes.prepare(home)


@pytest.mark.parametrize("bits", [0o700, 0o750, 0o755])
def test_a_home_that_others_can_only_read_is_good(home, bits):
    os.mkdir(home.path)
    os.chmod(home.path, bits)

    homes.prepare(home)


@pytest.mark.parametrize("bits", [0o770, 0o702, 0o777])
def test_a_home_that_others_can_write_to_is_refused(home, bits):
    os.mkdir(home.path)
    os.chmod(home.path, bits)

    with pytest.raises(NoPermission, match="can be written by others") as caught:
        homes.prepare(home)

    assert f"chmod go-w {home.path}" in caught.value.hint


def test_a_parent_that_others_can_write_to_is_refused(home, tmp_path):
    (tmp_path / "home").mkdir(mode=0o700)
    tmp_path.chmod(0o777)

    with pytest.raises(NoPermission, match=f"{tmp_path} can be written by others"):
        homes.prepare(home)


def test_a_sticky_parent_is_good_as_tmp_is(home, tmp_path):
    (tmp_path / "home").mkdir(mode=0o700)
    tmp_path.chmod(0o1777)

    homes.prepare(home)


def test_another_users_home_is_refused(home, monkeypatch):
    os.mkdir(home.path, 0o700)
    owner = os.geteuid()
    monkeypatch.setattr(os, "geteuid", lambda: owner + 1)

    with pytest.raises(NoPermission, match=f"belongs to user id {owner}, you are {owner + 1}"):
        homes.prepare(home)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a directory to another user")
def test_a_parent_of_a_third_user_is_refused(home, tmp_path):
    (tmp_path / "home").mkdir(mode=0o700)
    os.chown(tmp_path, 12_345, -1)

    with pytest.raises(NoPermission, match="owner 12345"):
        homes.prepare(home)


def test_a_file_in_its_place_is_refused(home):
    with open(home.path, "x", encoding="utf-8"):
        pass

    with pytest.raises(NoPermission, match="is not a directory"):
        homes.prepare(home)


def test_a_home_behind_a_link_is_judged_by_what_it_leads_to(tmp_path):
    (tmp_path / "open").mkdir()
    (tmp_path / "open").chmod(0o777)
    (tmp_path / "link").symlink_to(tmp_path / "open")

    with pytest.raises(NoPermission, match="open can be written by others"):
        homes.prepare(Home(str(tmp_path / "link")))


def test_a_home_that_its_owner_can_not_write_to_is_refused(home, monkeypatch):
    os.mkdir(home.path, 0o700)
    monkeypatch.setattr(os, "access", lambda _path, _wanted: False)

    with pytest.raises(NoPermission, match="not writable") as caught:
        homes.prepare(home)

    assert "chmod u+rwx" in caught.value.hint


def test_a_home_below_a_file_is_an_error_of_ours(tmp_path):
    (tmp_path / "file").write_text("")

    with pytest.raises(NoPermission, match="file"):
        homes.prepare(Home(str(tmp_path / "file" / "home")))


@pytest.mark.parametrize(
    ("number", "kind"),
    [
        (errno.ENOSPC, StorageFull),
        (errno.EDQUOT, StorageFull),
        (errno.EACCES, NoPermission),
        (errno.EPERM, NoPermission),
        (errno.EROFS, NoPermission),
        (errno.ELOOP, NoPermission),
        (errno.EIO, StorageError),
        (errno.EMFILE, Exhausted),
        (errno.ENOMEM, Exhausted),
    ],
)
def test_a_refusal_of_the_kernel_becomes_an_error_of_ours(number, kind):
    ours = homes.access_error(OSError(number, "words"), "/h/q")

    assert type(ours) is kind
    assert str(ours) == f"/h/q: {os.strerror(number)}"


# --- its settings ---


def test_without_a_file_the_defaults_are_in_force(home):
    assert homes.read_settings(home, {}) == settings()


def test_what_was_written_is_read(home):
    homes.write_config_file(home, {"max_retries": 7, "db_path": "/ä"})

    found = homes.read_settings(home, {"QUEUECTL_KILL_GRACE": "1"}, {"job_timeout": 9.0})

    assert (found.max_retries, found.db_path, found.kill_grace, found.job_timeout) == (
        7, "/ä", 1.0, 9.0,
    )  # fmt: skip


def test_the_settings_file_is_for_its_owner_only_and_ends_with_a_line(home, umask):
    umask(0)

    homes.write_config_file(home, {"max_retries": 7})

    with open(home.config_path, encoding="utf-8") as file:
        text = file.read()
    assert mode(home.config_path) == 0o600
    assert json.loads(text) == {"max_retries": 7}
    assert text.endswith("}\n")
    assert os.listdir(home.path) == ["config.json"]


def test_a_write_that_fails_leaves_the_old_settings(home, monkeypatch):
    homes.write_config_file(home, {"max_retries": 7})

    def no_space(fd):
        raise OSError(errno.ENOSPC, "full")

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(os, "fsync", no_space)
        with pytest.raises(StorageFull):
            homes.write_config_file(home, {"max_retries": 8})

    assert homes.read_config_file(home) == {"max_retries": 7}
    assert os.listdir(home.path) == ["config.json"]


def test_a_planted_link_is_not_written_through(home, tmp_path):
    homes.prepare(home)
    (tmp_path / "victim").write_text("precious")
    os.symlink(tmp_path / "victim", f"{home.config_path}.{os.getpid()}.new")

    with pytest.raises(NoPermission):
        homes.write_config_file(home, {"max_retries": 8})

    assert (tmp_path / "victim").read_text() == "precious"


def test_settings_that_are_no_utf8_are_refused_with_the_place(home):
    homes.prepare(home)
    with open(home.config_path, "wb") as file:
        file.write(b'{"db_path": "\xff"}')

    with pytest.raises(BadConfig, match="UTF-8 at byte 13"):
        homes.read_config_file(home)


def test_settings_that_are_half_written_are_refused_with_the_line(home):
    homes.prepare(home)
    with open(home.config_path, "w", encoding="utf-8") as file:
        file.write('{\n"max_retries": ')

    with pytest.raises(BadConfig, match=r"config\.json, line 2"):
        homes.read_settings(home, {})


def test_settings_that_are_a_directory_are_an_error_of_ours(home):
    homes.prepare(home)
    os.mkdir(home.config_path)

    with pytest.raises(StorageError, match=r"config\.json"):
        homes.read_settings(home, {})
