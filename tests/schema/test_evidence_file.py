"""Test that `schema fix` on a run's snapshots excuses exactly what the run excused."""

from collections.abc import Callable
from pathlib import Path

import pytest
from compare.lab import Lab, rule, rules, run

from pgcutover import cli
from pgcutover.config.differences import DeclaredDifference
from pgcutover.errors import ConfigError
from pgcutover.schema.evidence_file import FILE, load_evidence
from pgcutover.schema.fix.fixable import list_fixable

TABLES = "create table o (id int primary key, total int); create index o_total on o (total)"
EXCLUDED = "create table tmp_x (id int primary key)"
ADDED = "create index o_extra on o (total, id)"
DECLARED = DeclaredDifference("index", "public.o_extra", "added", "for a report")


@pytest.fixture
def save(databases, tmp_path) -> Callable[..., Path]:
    """Return a function that saves a run's evidence after statements on the target."""

    def saved(*damage: str) -> Path:
        lab = Lab(
            databases.source,
            databases.target,
            declared=(DECLARED,),
            rules=rules(
                [
                    rule(1, "selection", "include", "public", "%"),
                    rule(2, "selection", "exclude", "public", "tmp[_]%"),
                ]
            ),
            recent={},
        )
        run(lab.source, TABLES, EXCLUDED)
        run(lab.target, TABLES, ADDED, *damage)
        lab.schema(lab.manifest()).save(tmp_path / "schema")
        return tmp_path / "schema"

    return saved


def _fix(folder: Path, capsys) -> list[str]:
    """Return the printed lines about the schema; other tests leave roles on the servers."""
    sides = [str(folder / name) for name in ("expected.json", "target.json")]
    cli.main(["schema", "fix", *sides])
    return [line for line in capsys.readouterr().out.splitlines() if "public." in line]


def _list_fixable(folder: Path) -> set[str]:
    fixable = list_fixable(folder / "expected.json", folder / "target.json")
    return {name for name in fixable if name.startswith("public.")}


def test_excluded_tables_and_declared_differences_need_no_sql(save, capsys) -> None:
    folder = save()
    assert _fix(folder, capsys) == []
    assert _list_fixable(folder) == set()


def test_other_differences_are_printed(save, capsys) -> None:
    folder = save("drop index o_total")
    printed = "\n".join(_fix(folder, capsys))
    assert "CREATE INDEX o_total ON public.o" in printed
    assert "tmp_x" not in printed
    assert "o_extra" not in printed
    assert _list_fixable(folder) == {"public.o_total"}


def test_without_the_file_every_difference_is_printed(save, capsys) -> None:
    folder = save()
    (folder / FILE).unlink()
    assert load_evidence(folder / "expected.json", folder / "target.json") is None
    printed = "\n".join(_fix(folder, capsys))
    assert "CREATE TABLE public.tmp_x" in printed.replace("create table", "CREATE TABLE")


def test_another_file_of_that_name_is_refused(save) -> None:
    folder = save()
    (folder / FILE).write_text('{"moved": 1}')
    with pytest.raises(ConfigError, match="expected the file that a gate writes"):
        load_evidence(folder / "expected.json", folder / "target.json")
