from __future__ import annotations

from queuectl_core.storage.migrate import migrations


def test_scripts_come_in_the_order_of_their_numbers(tmp_path):
    for name in ("0010_ten.sql", "0002_two_words.sql", "0001_initial.sql"):
        (tmp_path / name).write_text(f"-- {name}")

    found = migrations(str(tmp_path))

    assert [(one.number, one.name) for one in found] == [
        (1, "initial"), (2, "two_words"), (10, "ten"),
    ]  # fmt: skip


def test_a_script_is_read_as_it_was_written(tmp_path):
    (tmp_path / "0001_initial.sql").write_text("-- größer\n", encoding="utf-8")

    (found,) = migrations(str(tmp_path))

    assert found.script() == "-- größer\n"


def test_other_files_are_no_scripts(tmp_path):
    (tmp_path / "README.md").write_text("words")
    (tmp_path / "__init__.py").write_text("")

    assert migrations(str(tmp_path)) == []
