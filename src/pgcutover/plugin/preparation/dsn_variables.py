"""Environment variables that hold DSNs; migration.toml names them, and no file has their values."""

import difflib
import os
from collections.abc import Iterator

from pgcutover.config import Settings
from pgcutover.config.dsn import read_dsn
from pgcutover.errors import ConfigError

_PASSED_ON = "PGCUTOVER_"  # by tox.ini, which bootstrap.py runs


def require_dsns(settings: Settings, *, provision: bool) -> None:
    """ConfigError that names every variable which the run needs and which is not set."""
    if provision and not settings.target.provision_dsn_env:
        raise ConfigError(
            "--provision writes to the target as its owner: name the variable that holds the "
            "owner's DSN in target.provision_dsn_env of migration.toml"
        )
    missing = [
        _describe_missing(key, variable)
        for key, variable in _named_variables(settings, provision)
        if read_dsn(variable) is None
    ]
    if missing:
        raise ConfigError(
            f"{'; '.join(missing)}; a gate needs every DSN that {settings.path.name} names. "
            'To run the demo migration on embedded servers, use "rehearse" instead of "gate" '
            "(or add --rehearse)"
        )


def list_set_variables(settings: Settings) -> list[str]:
    """Return the variables of the two sides that are set."""
    sides = (settings.source.dsn_env, settings.target.dsn_env)
    return [variable for variable in sides if read_dsn(variable) is not None]


def _named_variables(settings: Settings, provision: bool) -> Iterator[tuple[str, str]]:
    """Yield each key of migration.toml that names a variable of this run, and the variable."""
    source, target = settings.source, settings.target
    keys = {
        "source.dsn_env": source.dsn_env,
        "target.dsn_env": target.dsn_env,
        "source.marker_dsn_env": source.marker_dsn_env,
        "schema.scratch_dsn_env": settings.schema.scratch_dsn_env,
        "target.provision_dsn_env": target.provision_dsn_env if provision else "",
    }
    for key, variable in keys.items():
        if variable:
            yield key, variable


def _describe_missing(key: str, variable: str) -> str:
    said = f"{variable} is not set ({key})"
    if "TOX_ENV_NAME" in os.environ and not variable.startswith(_PASSED_ON):
        return (
            f"{said}: bootstrap.py passes on only variables whose names begin with {_PASSED_ON}, "
            f"so rename it, for example to {_PASSED_ON}{variable}"
        )
    ours = [name for name in os.environ if name.startswith(_PASSED_ON) or name.endswith("DSN")]
    close = difflib.get_close_matches(variable, ours, n=1, cutoff=0.85)
    return f"{said}, but {close[0]} is" if close else said
