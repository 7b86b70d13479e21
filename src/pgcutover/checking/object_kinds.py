"""Kinds of objects that checks ask for beside those of the manifest.

A folder of checks, or of one stage, declares them in `object_kinds.py`, as `KINDS`: by the name of
a check's argument, the function that finds the objects, and the reason where there is none. The
controller finds them and sends them to the workers, so that both expect the same results.
"""

from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path

from pgcutover.catalog import Manifest
from pgcutover.config import Settings
from pgcutover.errors import PgCutoverError

FILE = "object_kinds.py"


@dataclass(frozen=True, slots=True)
class ObjectKind:
    """A kind of object: the name of a check's argument, and a function that returns all of them.

    The objects are texts, or mapped tables, whose checks then share a worker. `absence` is the
    reason that reports give where there is none.
    """

    name: str
    find: Callable[[Settings, Manifest], Sequence[object]]
    absence: str


def load_kinds(folders: Iterable[Path], known: Collection[str]) -> tuple[ObjectKind, ...]:
    """Return the kinds that these folders of checks declare; PgCutoverError for a wrong file."""
    found: dict[str, ObjectKind] = {}
    for folder in folders:
        for path in sorted([*folder.glob(FILE), *folder.glob(f"*/{FILE}")]):
            for kind in _read(path):
                if kind.name in found or kind.name in known:
                    raise PgCutoverError(
                        f"{path}: kind {kind.name!r} exists already; give it another name"
                    )
                found[kind.name] = kind
    return tuple(found.values())


def find_objects(
    kinds: Iterable[ObjectKind], settings: Settings, manifest: Manifest
) -> dict[str, tuple[object, ...]]:
    """Return the objects of each kind."""
    return {kind.name: tuple(kind.find(settings, manifest)) for kind in kinds}


def _read(path: Path) -> Iterator[ObjectKind]:
    spec = spec_from_file_location(f"_pgcutover_{path.parent.name}_kinds", path)
    if spec is None or spec.loader is None:
        raise PgCutoverError(f"{path} cannot be imported")
    module = module_from_spec(spec)
    try:
        spec.loader.exec_module(module)
    except Exception as error:
        raise PgCutoverError(f"{path}: {type(error).__name__} when it is imported") from error
    kinds = getattr(module, "KINDS", None)
    try:
        for name, (find, absence) in dict(kinds or ()).items():
            yield ObjectKind(str(name), find, str(absence))
    except (TypeError, ValueError):
        kinds = None
    if not kinds:
        raise PgCutoverError(f'{path}: expected KINDS = {{"name": (function, "reason"), ...}}')
