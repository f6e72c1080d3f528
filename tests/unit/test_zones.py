from __future__ import annotations

import os
from datetime import datetime
from importlib import resources

import pytest

from queuectl_core import zones, zones_packed
from queuectl_core.errors import BadData


def test_a_zone_that_the_system_lacks_comes_from_those_built_in(monkeypatch):
    rules = (resources.files("tzdata") / "zoneinfo" / "Europe" / "Berlin").read_bytes()
    monkeypatch.setattr(zones_packed, "RULES", b"xx" + rules)
    monkeypatch.setattr(zones_packed, "PLACES", {"Mars/Base": (2, 2 + len(rules))})

    found = zones.zone("Mars/Base")

    assert datetime(2026, 7, 1, tzinfo=found).utcoffset().total_seconds() == 7_200


@pytest.mark.parametrize(
    "name", ["", "Nowhere", "../../etc/passwd", "/etc/localtime", "a\0b", "\udcff"]
)
def test_what_is_no_zone_is_refused(name):
    with pytest.raises(BadData) as refusal:
        zones.zone(name)

    assert refusal.value.hint


def test_the_zone_of_the_caller_is_that_of_tz(monkeypatch):
    monkeypatch.setenv("TZ", ":Asia/Kathmandu")
    assert zones.local_name() == "Asia/Kathmandu"
    monkeypatch.setenv("TZ", "CET-1CEST")
    with pytest.raises(BadData):
        zones.local_name()


@pytest.mark.parametrize(
    ("target", "name"),
    [("/usr/share/zoneinfo/Europe/Paris", "Europe/Paris"), ("/usr/share/zoneinfo/Etc/UTC", "UTC"),
     ("/usr/share/zoneinfo/posix/Asia/Tokyo", "Asia/Tokyo"), ("/somewhere", "UTC")],
)  # fmt: skip
def test_without_tz_it_is_that_of_the_system(monkeypatch, tmp_path, target, name):
    monkeypatch.delenv("TZ", raising=False)
    link = tmp_path / "localtime"
    os.symlink(target, link)
    monkeypatch.setattr(zones, "LOCALTIME", str(link))

    assert zones.local_name() == name
