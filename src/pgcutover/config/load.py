"""Loads migration.toml and the files that it names."""

import hashlib
import json
import tomllib
from dataclasses import fields
from functools import cache
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter, ValidationError

from pgcutover.config.errors import explain
from pgcutover.config.settings import MigrationFile, Settings
from pgcutover.errors import ConfigError
from pgcutover.mapping import MappingRules, parse_rules


def load_settings(path: Path) -> Settings:
    """Return the settings in `path`; ConfigError names section, key, expected and found."""
    raw = _read(path)
    try:
        file = _adapter().validate_json(json.dumps(raw, default=_refuse_date))
    except ValidationError as error:
        # not chained: only our sentence is known to hold no value of the file
        raise ConfigError(explain(error, raw, json_schema(), path.name)) from None
    digest = hashlib.sha256(path.read_bytes())
    for linked in _linked_files(file, path.parent):
        digest.update(_bytes_of(linked, path.name))
    keys = {f.name: getattr(file, f.name) for f in fields(MigrationFile)}
    return Settings(**keys, path=path.resolve(), config_sha256=digest.hexdigest())


def json_schema() -> dict[str, Any]:
    """Return the JSON Schema of migration.toml."""
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        **_adapter().json_schema(),
        "title": "migration.toml",
    }


def load_rules(settings: Settings) -> MappingRules:
    """Return the table-mapping rules that the settings name."""
    return parse_rules(
        read_json(settings.resolve(settings.table_mappings)), settings.table_mappings.name
    )


def read_json(path: Path) -> Any:
    """Return the JSON document in `path`; ConfigError names line and column of an error."""
    try:
        return json.loads(path.read_bytes())
    except OSError as error:
        raise ConfigError(f"{path.name} cannot be read: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise ConfigError(f"{path.name} is not UTF-8 text: byte {error.start}") from error
    except json.JSONDecodeError as error:
        raise ConfigError(
            f"{path.name} is not JSON: {error.msg} at line {error.lineno} column {error.colno}"
        ) from error


@cache
def _adapter() -> TypeAdapter[MigrationFile]:
    return TypeAdapter(MigrationFile)


def _refuse_date(value: object) -> None:
    raise ConfigError(f"migration.toml: expected no date or time, found {value}; quote it as text")


def _read(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text("utf-8"))
    except OSError as error:
        raise ConfigError(f"{path} cannot be read: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise ConfigError(f"{path} is not UTF-8 text: byte {error.start}") from error
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(f"{path.name} is not TOML: {error}") from error


def _linked_files(file: MigrationFile, base: Path) -> list[Path]:
    """Return the files that decide what is judged and how; a PASS is valid for these contents."""
    dms, scripts, suites = file.mover.dms, file.schema.scripts, file.expectations
    found = [base / file.table_mappings]
    found += [base / dms.task_settings] if dms else []
    found += sorted((base / scripts).glob("*/*.sql")) if scripts else []
    found += sorted((base / suites).glob("*.json")) if suites else []
    queries = file.cutover.smoke.queries
    found += [base / queries] if queries not in ("", "pg_stat_statements") else []
    found += sorted((base / file.checks.folder).rglob("*.py")) if file.checks.folder else []
    return found


def _bytes_of(path: Path, where: str) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise ConfigError(f"{where} names {path.name}: {error.strerror}") from error
