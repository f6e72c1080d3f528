"""docs/benchmarks.md says what the kept results say, and no more."""

from __future__ import annotations

import json
from pathlib import Path
from xml.etree import ElementTree

import bench_page
import bench_results
import pytest
from bench_rounds import Row

PAGE = bench_page.PAGE.read_text(encoding="utf-8")
KEPT = json.loads(bench_results.KEPT.read_text(encoding="utf-8"))
ROW = Row(
    "4 at a time", "queuectl", "FULL", "jobs/s", [90.0, 110.0, 100.0], "xargs -P4", [0.9, 1.1, 1]
)


def test_the_tables_are_what_the_kept_results_make():
    assert bench_page.with_tables(PAGE, KEPT) == PAGE


def test_the_pictures_are_what_the_kept_results_make():
    folder = Path(bench_page.PAGE).parent / "images"

    drawn = bench_page.pictures(KEPT)

    assert len(drawn) == len(bench_page.PICTURES)
    assert {name: (folder / name).read_text(encoding="utf-8") for name in drawn} == drawn


def test_the_kept_results_are_full_ones_at_full_durability():
    rows = [row for part in KEPT.values() for row in bench_results.rows_of(part)]
    ours = [row for row in rows if row.what.startswith("queuectl") and row.durability]

    assert not any(part["facts"]["quick"] for part in KEPT.values())
    assert ours
    assert {row.durability for row in ours} == {"FULL"}


def test_a_row_tells_median_range_ratio_and_goal():
    table = bench_page.table([ROW._replace(goal=">= 0.95", cpu_ms=[0.5])])

    assert table.splitlines()[2] == (
        "| 4 at a time | queuectl | FULL | 100 (90.00-110) jobs/s"
        " | 1.00 (0.900-1.10) of xargs -P4 | 0.500 | >= 0.95 | yes |"
    )


def test_columns_in_which_nothing_stands_are_left_out():
    heads = bench_page.table([Row("", "size", "", "MB", [14.5])]).splitlines()[0]

    assert heads == "| what | figure |"


def test_a_result_without_a_place_on_the_page_is_refused():
    with pytest.raises(SystemExit, match="elsewhere"):
        bench_page.with_tables(PAGE, KEPT | {"elsewhere": {}})


def test_results_come_back_as_they_were_kept(tmp_path):
    kept = tmp_path / "kept.json"
    bench_results.keep("jobs", [ROW], {"seed": 7}, tmp_path / "results")

    parts = bench_results.merge(kept, tmp_path / "results")

    assert json.loads(kept.read_text(encoding="utf-8")) == parts
    assert bench_results.rows_of(parts["jobs"]) == [ROW]


def test_a_part_measured_again_takes_the_place_of_what_was_kept(tmp_path):
    kept = tmp_path / "kept.json"
    kept.write_text('{"jobs": {"facts": {}, "rows": []}, "cold": {"facts": {}, "rows": []}}')
    bench_results.keep("jobs", [ROW], {"seed": 7}, tmp_path / "results")

    parts = bench_results.merge(kept, tmp_path / "results")

    assert parts["cold"]["rows"] == []
    assert parts["jobs"]["facts"] == {"seed": 7}


def test_a_picture_is_sound_xml_with_a_bar_for_each_row():
    rows = [ROW, ROW._replace(what="<others> & more"), ROW._replace(unit="ms")]

    picture = ElementTree.fromstring(bench_page.bench_chart.chart("Jobs", rows))

    bars = picture.findall("{http://www.w3.org/2000/svg}rect")
    assert [bar.get("class") for bar in bars] == ["ours", "bar"]
