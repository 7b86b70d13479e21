"""Reasons why the change ledger cannot begin: no slot or publication can be made on a side."""

from collections.abc import Iterator
from contextlib import closing

from pgcutover.config import Settings
from pgcutover.config.dsn import require_dsn
from pgcutover.ledger.model import Label
from pgcutover.ledger.reading.watch import Watch

# a role that does not exist on this host is no member of anything
_FACTS = """
select current_setting('wal_level'), pg_is_in_recovery(),
       (select count(*) from pg_replication_slots),
       current_setting('max_replication_slots')::int,
       r.rolsuper or r.rolreplication or exists (
           select from pg_roles g where g.rolname = 'rds_replication'
              and pg_has_role(r.oid, g.oid, 'member')),
       has_database_privilege(current_database(), 'create'), r.rolname::text
  from pg_roles r where r.rolname = current_user
"""


def find_obstacles(settings: Settings) -> tuple[str, ...]:
    """Return the reasons why no slot can be made; ServerError if that is not known."""
    source, target = settings.ledger.source_dsn_env, settings.ledger.target_dsn_env
    return (*_obstacles_of("source", source), *_obstacles_of("target", target))


def _obstacles_of(label: Label, variable: str) -> list[str]:
    with closing(Watch(label, require_dsn(variable))) as watch, watch.look() as connection:
        facts = connection.execute(_FACTS).fetchone() or ()
    return [f"{label}: {reason}" for reason in describe_obstacles(*facts)]


def describe_obstacles(
    level: str,
    in_recovery: bool,
    used: int,
    slots: int,
    may_replicate: bool,
    may_create: bool,
    role: str,
) -> Iterator[str]:
    """Yield the reasons why a role cannot make a slot and a publication on a server."""
    if in_recovery:
        yield "it is a standby, whose snapshots prove nothing"
    if level != "logical":
        yield f"wal_level is {level}, expected logical (on RDS rds.logical_replication = 1)"
    elif used >= slots:
        yield f"all {slots} slots of max_replication_slots are in use"
    if not may_replicate:
        yield f"role {role} has no REPLICATION (on RDS rds_replication)"
    if not may_create:
        yield f"role {role} has no CREATE on the database, which a publication needs"
