from __future__ import annotations

import sys

from queuectl_core.run import Claim
from queuectl_core.worker import environment
from tests.builders import job

LOADER = {
    "_PYI_APPLICATION_HOME_DIR": "/tmp/_MEI1",
    "_PYI_ARCHIVE_FILE": "/usr/bin/queuectl",
    "_PYI_PARENT_PROCESS_LEVEL": "1",
    "_MEIPASS2": "/tmp/_MEI1",
    "LD_LIBRARY_PATH": "/tmp/_MEI1",
}


def test_what_the_loader_of_the_frozen_executable_set_is_dropped(monkeypatch):
    monkeypatch.setattr(sys, "frozen", True, raising=False)

    assert environment.clean(LOADER | {"HOME": "/root"}) == {"HOME": "/root"}


def test_the_users_own_library_path_comes_back(monkeypatch):
    monkeypatch.setattr(sys, "frozen", True, raising=False)

    cleaned = environment.clean(LOADER | {"LD_LIBRARY_PATH_ORIG": "/opt/foo"})

    assert cleaned == {"LD_LIBRARY_PATH": "/opt/foo"}


def test_outside_the_frozen_executable_the_library_path_is_the_users():
    assert environment.clean({"LD_LIBRARY_PATH": "/opt/foo"}) == {"LD_LIBRARY_PATH": "/opt/foo"}


def test_a_job_may_change_the_workers_variables_but_not_ours():
    claim = Claim(job(env={"A": "job", "QUEUECTL_TOKEN": "0"}, id="x", starts=4, queue="mail"), -7)

    env = environment.of_job(claim, 2, "2030-01-01T00:00:00Z")

    assert env == {
        "A": "job",
        "QUEUECTL_JOB_ID": "x",
        "QUEUECTL_ATTEMPT": "4",
        "QUEUECTL_QUEUE": "mail",
        "QUEUECTL_SLOT": "2",
        "QUEUECTL_SCHEDULED_AT": "2030-01-01T00:00:00Z",
        "QUEUECTL_TOKEN": "-7",
    }
