"""A secret in AWS Secrets Manager as a pointer.

Each side's version has a label of ours, which also keeps Secrets Manager from deleting it. The
other side's version waits as AWSPENDING; a switch moves AWSCURRENT from exactly the version that
was read (`RemoveFromVersionId`), so a change by somebody else is never overwritten.

A call that was given up may be applied later. So no version is ever left and used again: each
attempt stores a new version of the other side, and the way back stores a new one of the writer's,
even where AWSCURRENT has not moved. A late call then names a version that is not current any more,
and Secrets Manager refuses it.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

from psycopg.conninfo import make_conninfo

from pgcutover.cutover.errors import ChangedError, StepError
from pgcutover.cutover.resolver import Side
from pgcutover.cutover.switching.pointer import FIVE_KEYS, conninfo_of
from pgcutover.errors import MoverError

_SERVICE = "secretsmanager"
_CURRENT, _PENDING = "AWSCURRENT", "AWSPENDING"
_URL = "DATABASE_URL"


class AwsCaller(Protocol):
    """Calls AWS; `pgcutover.movers.dms.client.Api` does."""

    def call(self, service: str, operation: str, **parameters: Any) -> dict[str, Any]:
        """Return the result of one operation; MoverError says why there is none."""


@dataclass(frozen=True, slots=True)
class SecretPointer:
    """The secret `secret_id`; `target_url` is the application's DSN of the target."""

    aws: AwsCaller
    secret_id: str
    target_variable: str
    target_url: str = field(repr=False)

    @property
    def name(self) -> str:
        """The name of the place in messages."""
        return f"secret {self.secret_id}"

    def prepare(self, writer: Side) -> None:
        """Label the current version as the writer's, and store the other side's as AWSPENDING."""
        stages = self._stages()
        current = self._holder(stages, _CURRENT)
        labelled = self._holder(stages, _label(writer))
        if current == self._holder(stages, _label(writer.other)):
            raise StepError(f"{self.name}: expected {_CURRENT} to be the {writer}'s version")
        self._move(_label(writer), current, labelled)
        if writer is Side.SOURCE:
            self._store(Side.TARGET, self._with_target(self._value(current)), stages)
            return
        stored = self._holder(stages, _label(Side.SOURCE))
        if stored is None:
            raise StepError(f"{self.name}: the version of the source is gone; restore it")
        self._store(Side.SOURCE, self._value(stored), stages)

    def side(self) -> Side:
        """Return the side whose version is current."""
        return self._side(self._stages())

    def client_dsn(self) -> str:
        """Return the DSN in the current version, made of the five keys where it has no URL."""
        value = self._value(self._holder(self._stages(), _CURRENT))
        if _URL in value:
            return str(value[_URL])
        return make_conninfo(**{libpq: str(value[key]) for key, libpq in FIVE_KEYS.items()})

    def switch(self, to: Side) -> None:
        """Move AWSCURRENT to a side's version, from the version that was read."""
        stages = self._stages()
        if self._side(stages) is to:
            return
        wanted = self._holder(stages, _label(to))
        if wanted is None:
            raise StepError(f"{self.name}: no version of the {to} is stored; prepare it first")
        self._move(_CURRENT, wanted, self._holder(stages, _CURRENT))

    def tidy(self, writer: Side) -> None:
        """Remove our labels but the writer's; Secrets Manager then deletes the other versions.

        The writer's label stays, so that `status` still knows the version.
        """
        stages = self._stages()
        ours = {_label(writer.other), *map(_next, Side)}
        current = self._holder(stages, _CURRENT)
        if _label(writer) in stages.get(current or "", ()):
            ours.add(_PENDING)  # the current version was stored under it
        for version, held in stages.items():
            for stage in ours.intersection(held):
                if stage != _PENDING or version == current:
                    self._call(
                        "update_secret_version_stage",
                        VersionStage=stage,
                        RemoveFromVersionId=version,
                    )

    def restore(self, to: Side) -> None:
        """Make a new version of this side current, so that no switch can be applied later."""
        stages = self._stages()
        self._side(stages)  # what somebody else changed stays as it is
        stored = self._holder(stages, _label(to))
        renewed = self._put(self._value(stored))
        self._move(_next(to), renewed, self._holder(stages, _next(to)))
        self._make_current(renewed)
        self._move(_label(to), renewed, stored)

    def _make_current(self, version: str) -> None:
        """Move AWSCURRENT, also where a late switch comes between reading and moving."""
        held_by = self._holder(self._stages(), _CURRENT)
        try:
            self._move(_CURRENT, version, held_by)
        except StepError:
            stages = self._stages()
            if (now := self._holder(stages, _CURRENT)) == held_by:
                raise
            self._side(stages)
            self._move(_CURRENT, version, now)

    def _side(self, stages: Mapping[str, list[str]]) -> Side:
        current = self._holder(stages, _CURRENT)
        for side in Side:
            if current in (self._holder(stages, _label(side)), self._holder(stages, _next(side))):
                return side
        if not any(_label(side) in held for side in Side for held in stages.values()):
            return Side.SOURCE  # nothing was prepared yet
        raise ChangedError(
            f"{self.name}: its current version is neither side's: somebody changed the secret; "
            "nothing was overwritten. Look at the versions, then run the command again"
        )

    def _store(self, side: Side, value: Mapping[str, Any], stages: Mapping[str, list[str]]) -> None:
        """Store a new version of a side."""
        self._move(_label(side), self._put(value), self._holder(stages, _label(side)))

    def _put(self, value: Mapping[str, Any]) -> str:
        """Store a version as AWSPENDING, and return it."""
        # its own label comes later: put_secret_value refuses one that another version holds on
        # some hosts
        answer = self._call(
            "put_secret_value", SecretString=json.dumps(value), VersionStages=[_PENDING]
        )
        return str(answer["VersionId"])

    def _with_target(self, value: Mapping[str, Any]) -> dict[str, Any]:
        """Return the secret with the target's connection; all other keys stay as they are."""
        parts = conninfo_of(self.target_url, self.target_variable)
        changed = dict(value)
        if _URL in value:
            changed[_URL] = self.target_url
        if value.keys() >= FIVE_KEYS.keys():
            found = {key: parts.get(libpq, "") for key, libpq in FIVE_KEYS.items()}
            is_number = isinstance(value["port"], int)
            port = found["port"] or "5432"
            changed |= {**found, "port": int(port) if is_number else port}
        return changed

    def _value(self, version: str | None) -> dict[str, Any]:
        if version is None:
            raise StepError(f"{self.name} has no version {_CURRENT}; expected the source's")
        answer = self._call("get_secret_value", VersionId=version)
        try:
            value = json.loads(answer.get("SecretString", ""))
        except ValueError:
            value = None
        if not isinstance(value, dict):
            raise StepError(f"{self.name} is not JSON: expected an object with {_URL} or five keys")
        if _URL not in value and not value.keys() >= FIVE_KEYS.keys():
            raise StepError(
                f"{self.name}: expected the key {_URL}, or {', '.join(FIVE_KEYS)}; found neither"
            )
        return value

    def _stages(self) -> dict[str, list[str]]:
        answer = self._call("describe_secret")
        return {str(k): list(v) for k, v in answer.get("VersionIdsToStages", {}).items()}

    def _holder(self, stages: Mapping[str, list[str]], stage: str) -> str | None:
        return next((version for version, held in stages.items() if stage in held), None)

    def _move(self, stage: str, to: str | None, held_by: str | None) -> None:
        """Move a label from exactly the version that was seen to hold it."""
        if to == held_by:
            return
        removed = {"RemoveFromVersionId": held_by} if held_by else {}
        self._call("update_secret_version_stage", VersionStage=stage, MoveToVersionId=to, **removed)

    def _call(self, operation: str, **parameters: Any) -> dict[str, Any]:
        try:
            return self.aws.call(_SERVICE, operation, SecretId=self.secret_id, **parameters)
        except MoverError as error:
            raise StepError(f"{self.name}: {error}") from error


def _label(side: Side) -> str:
    return f"PGCUTOVER_{side.name}"


def _next(side: Side) -> str:
    """Return the label of a version that becomes the side's while clients are switched back."""
    return f"{_label(side)}_NEXT"
