"""The evidence of a run's schema checks as files, so that commands excuse what the run excused."""

from dataclasses import fields
from pathlib import Path

from pydantic import BaseModel, ConfigDict, ValidationError

from pgcutover.config.differences import DeclaredDifference
from pgcutover.errors import ConfigError
from pgcutover.schema.evidence import SchemaEvidence
from pgcutover.schema.snapshot_file import load

FILE = "excused.json"


class _Excused(BaseModel):
    """The evidence without its snapshots, which have files of their own."""

    model_config = ConfigDict(extra="forbid", hide_input_in_errors=True)

    moved: dict[str, str]
    trouble: str
    own_roles: tuple[str, ...]
    compared: tuple[str, ...]
    left_behind: tuple[str, ...]
    removed_columns: tuple[str, ...]
    undecided: tuple[str, ...]
    invalid: tuple[str, ...]
    declared: tuple[DeclaredDifference, ...]


def save_evidence(evidence: SchemaEvidence, folder: Path) -> None:
    """Write what explains differences beside the snapshots."""
    names = {field.name for field in fields(evidence)} & _Excused.model_fields.keys()
    excused = _Excused(**{name: getattr(evidence, name) for name in sorted(names)})
    (folder / FILE).write_text(excused.model_dump_json(indent=1) + "\n", "utf-8")


def load_evidence(expected: Path, target: Path) -> SchemaEvidence | None:
    """Return the evidence of the run that wrote both files; None if they are of no run."""
    folder = expected.parent
    is_of_run = (expected.name, target.name) == ("expected.json", "target.json")
    if not is_of_run or target.parent != folder or not (folder / FILE).is_file():
        return None
    excused = _load_excused(folder)
    return SchemaEvidence(
        source=load(folder / "source.json"),
        target=load(target),
        expected=load(expected),
        **{name: getattr(excused, name) for name in _Excused.model_fields},
    )


def load_moved(run: Path) -> dict[str, str]:
    """Return the target's name of each relation of the source, as a run found them."""
    return _load_excused(run / "schema").moved


def _load_excused(folder: Path) -> _Excused:
    try:
        return _Excused.model_validate_json((folder / FILE).read_bytes())
    except (OSError, ValidationError) as error:
        raise ConfigError(
            f"{folder / FILE}: expected the file that a gate writes beside its snapshots, found "
            "another; compare copies of the two snapshots in another folder, or run the gate again"
        ) from error
