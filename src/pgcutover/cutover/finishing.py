"""Ends a cutover for good: removes what it created, and names what is left to do or costs money."""

from collections.abc import Iterator
from contextlib import closing

import psycopg
from psycopg.conninfo import conninfo_to_dict

from pgcutover.config import Settings
from pgcutover.config.dsn import read_dsn
from pgcutover.connect import open_owner
from pgcutover.cutover.errors import StepError
from pgcutover.cutover.resolver import Side
from pgcutover.cutover.world import World
from pgcutover.error_texts.database_errors import describe_error, quote_name
from pgcutover.errors import PgCutoverError
from pgcutover.ledger.reading import slot

_SLOT = "which is in use and retains WAL: end what reads it, and run this command again"


def finish_cutover(world: World, settings: Settings, writer: Side) -> list[str]:
    """Remove movers, slots and labels; return what is left, one sentence each.

    What cannot be removed does not keep the rest from being removed.
    """
    return [
        *world.mover.finish(writer),
        *_drop_slots(world),
        *_drop_ledger(settings),
        *_tidy_pointers(world, writer),
        *_leftover_roles(settings),
        *_leftover_objects(settings),
        "the source costs money until it is deleted: its tables stay fenced; back it up first",
    ]


def _drop_slots(world: World) -> Iterator[str]:
    """Drop the slots of both sides; yield those that are still in use."""
    for side in Side:
        name = world.slot(side)
        try:
            world.slots.drop(side, name)
        except StepError:
            yield f"the slot {name} on the {side}, {_SLOT}"


def _drop_ledger(settings: Settings) -> Iterator[str]:
    """Drop slot and publication of the ledger on both sides; yield those that are in use."""
    ledger = settings.ledger
    if not ledger.is_on:
        return
    for side, variable in (("source", ledger.source_dsn_env), ("target", ledger.target_dsn_env)):
        try:
            with closing(open_owner(read_dsn(variable) or "")) as connection:
                slot.drop(connection, ledger.slot)
        except (PgCutoverError, psycopg.Error) as error:
            reason = describe_error(error) if isinstance(error, psycopg.Error) else str(error)
            yield f"the ledger's slot {ledger.slot} on the {side} ({reason}), {_SLOT}"


def _tidy_pointers(world: World, writer: Side) -> Iterator[str]:
    for pointer in world.pointers:
        try:
            pointer.tidy(writer)
        except StepError as error:
            yield f"labels of pgcutover in a secret: {error}"


def _leftover_roles(settings: Settings) -> Iterator[str]:
    """Yield the roles that were made for the migration; none is dropped: others may use it."""
    freeze, ledger = settings.freeze, settings.ledger
    variables = {
        "source": (settings.source.dsn_env, freeze.dsn_env, ledger.source_dsn_env),
        "target": (settings.target.dsn_env, freeze.target_dsn_env, ledger.target_dsn_env),
    }
    for side, names in variables.items():
        users = {_user(read_dsn(name)) for name in names if name}
        if side == "target":
            users |= {freeze.mover_role, settings.mover.target_role}
        if found := ", ".join(quote_name(user) for user in sorted(users - {""})):
            yield f"the roles {found} on the {side}: drop those that only the migration needed"


def _leftover_objects(settings: Settings) -> Iterator[str]:
    yield f"the table {settings.schema.marker_table} on both sides: drop it, unless it is needed"
    if settings.outbox.source_dsn_env:
        yield 'the outbox on the source: remove it with "pgcutover outbox uninstall"'
    if settings.cutover.secret is not None:
        yield (
            f"the secret {settings.cutover.secret.id}: an older version holds the password of the "
            "source; change that password, or rotate the secret twice"
        )


def _user(dsn: str | None) -> str:
    return str(conninfo_to_dict(dsn or "").get("user") or "")
