"""Checks that the target can take over: it accepts writes, and nothing else writes to it."""

import re
from collections.abc import Collection, Iterator

from pgcutover.catalog import Manifest
from pgcutover.connect import Connection, ServerFacts
from pgcutover.diff import finding
from pgcutover.verdict import Finding

# settings of single roles may be on purpose, as for reports, and are compared with the source's
_READ_ONLY = """
select 'the server', 'alter system reset default_transaction_read_only'
from pg_settings
where name = 'default_transaction_read_only' and reset_val = 'on'
  and source not in ('database', 'user', 'database user', 'client', 'session')
union all
select case when setdatabase = 0 then 'all databases' else format('database %I', datname) end,
       case when setdatabase = 0 then 'alter role all' else format('alter database %I', datname) end
           || ' reset default_transaction_read_only'
from pg_db_role_setting cross join pg_database d
cross join lateral unnest(setconfig) as c (setting)
where d.datname = current_database() and setdatabase in (0, d.oid) and setrole = 0
  and setting like 'default_transaction_read_only=%' and split_part(setting, '=', 2)::boolean
"""
_SUBSCRIPTIONS = """
select quote_ident(subname) from pg_subscription s
join pg_database d on d.oid = s.subdbid and d.datname = current_database()
where subenabled order by 1
"""
# DMS captures DDL in awsdms_ddl_audit, which belongs to a source
_CONTROL_TABLE = re.compile("awsdms_(?!ddl_audit)")
_HAS_JOURNAL = "select to_regclass('pgcutover.journal') is not null"


def read_only_problems(facts: ServerFacts, target: Connection) -> Iterator[Finding]:
    """Yield a finding for each reason why new sessions of the target cannot write."""
    if facts.in_recovery:
        yield finding(
            "*",
            "target is read only",
            "the target is in recovery, so it refuses every write; name the primary in the "
            "target's DSN, or promote the server",
        )
    for place, remedy in target.execute(_READ_ONLY.encode()):
        yield finding(
            "*",
            "target is read only",
            f"default_transaction_read_only is on for {place} of the target, so the application "
            f"could not write after the cutover; run: {remedy}",
        )


def subscription_problems(target: Connection, declared: Collection[str]) -> Iterator[Finding]:
    """Yield a finding for each enabled subscription that migration.toml does not declare."""
    for (name,) in target.execute(_SUBSCRIPTIONS):
        if name not in declared:
            yield finding(
                name,
                "subscription writes the target",
                f"subscription {name} of the target is enabled, so another server writes rows "
                f"there; run: alter subscription {name} disable. If it is this migration's mover, "
                'declare it: [[differences]] kind = "subscription"',
            )


def swapped_problems(source: Connection, target: Connection) -> Iterator[Finding]:
    """Yield a finding where only the source was provisioned as a target."""
    provisioned = [c.execute(_HAS_JOURNAL).fetchone() == (True,) for c in (source, target)]
    if provisioned == [True, False]:
        yield finding(
            "*",
            "source and target are swapped",
            "the source has table pgcutover.journal, which provisioning creates on a target, and "
            "the target does not; swap the two DSNs",
        )


def direction_warnings(manifest: Manifest) -> list[str]:
    """Return what makes it likely, but not certain, that source and target are swapped."""
    return [*_downgrade(manifest), *_control_tables(manifest)]


def _control_tables(manifest: Manifest) -> list[str]:
    """Return a warning where only the source has tables that DMS creates on its target.

    They may be left over from an earlier migration to this source, so that they prove nothing.
    """
    of_source, of_target = (
        [str(r.name) for r in catalog.relations if _CONTROL_TABLE.match(r.name.name)]
        for catalog in (manifest.source_catalog, manifest.target_catalog)
    )
    if of_target or not of_source:
        return []
    return [
        f"the source has {', '.join(of_source)}, which DMS creates on a target, and the target "
        "has no such table; check that the DSNs are not swapped, or drop them on the source"
    ]


def _downgrade(manifest: Manifest) -> list[str]:
    source, target = (
        facts.server_version_num // 10_000 for facts in (manifest.source, manifest.target)
    )
    if source <= target:
        return []
    return [
        f"the source is PostgreSQL {source}, newer than the target, which is {target}; check that "
        "the DSNs are not swapped, and that the application needs nothing of the newer version"
    ]
