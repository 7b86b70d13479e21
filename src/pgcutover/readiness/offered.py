"""Checks that the target offers what the source uses, and names what it treats otherwise."""

import re

from pgcutover.connect import Connection
from pgcutover.readiness.situation import Situation

_USED = """
select extname, extversion from pg_extension where extname <> 'plpgsql' order by 1
"""
# of versions only the default one is known to be the newest; they have no order of their own. The
# version is NULL where the extension is installed, since SCHEMA-EXTENSIONS compares that one
_OFFERED = """
select name, case when installed_version is null then default_version end
from pg_available_extensions
union
select extname, null from pg_extension
"""
_EVENT_TRIGGERS = """
select e.evtname from pg_event_trigger e
where e.evtenabled <> 'D' and e.evtname !~ '^awsdms_'
  and not exists (select from pg_depend d where d.classid = 'pg_event_trigger'::regclass
                  and d.objid = e.oid and d.deptype = 'e')
order by 1
"""
_NOT_VALID = """
select format('%I.%I', n.nspname, c.relname), quote_ident(o.conname), o.contype
from pg_constraint o join pg_class c on c.oid = o.conrelid
join pg_namespace n on n.oid = c.relnamespace
where not o.convalidated and o.contype in ('f', 'c') and n.nspname !~ '^pg_'
order by 1, 2
"""
_MAY_READ_PASSWORDS = "select has_table_privilege('pg_authid', 'select')"
_MD5 = """
select quote_ident(rolname) from pg_authid where rolcanlogin and rolpassword ~ '^md5' order by 1
"""


def judge_offered(source: Connection, target: Connection) -> Situation:
    """Check that the target offers the source's extensions; warn of what needs a decision."""
    found = Situation()
    offered: dict[str, str | None] = dict(target.execute(_OFFERED.encode()).fetchall())
    for name, version in source.execute(_USED):
        if name not in offered:
            found.add(
                name,
                "extension not offered",
                f"extension {name} {version} of the source is not among those that the target "
                "offers (pg_available_extensions); install it on the target's server, or remove "
                "what uses it from the source",
            )
        elif (newest := offered[name]) and _numbers(newest) < _numbers(version):
            found.warnings.append(
                f"extension {name} is {version} on the source, and the target offers only "
                f"{newest}; check that the application needs nothing newer"
            )
    for (name,) in source.execute(_EVENT_TRIGGERS.encode()):
        found.warnings.append(
            f"event trigger {name} runs on DDL of the source, so also on that of a mover; on RDS "
            "it needs rds_superuser; decide on which side it is to run"
        )
    for table, name, kind in source.execute(_NOT_VALID.encode()):
        what = "foreign key" if kind == "f" else "check constraint"
        found.warnings.append(
            f"{what} {name} of {table} is NOT VALID on the source, so rows may break it; run "
            f"there: alter table {table} validate constraint {name}"
        )
    _judge_passwords(found, source)
    return found


def _numbers(version: str) -> tuple[int, ...]:
    """Return the numbers of a version, which compare as versions do."""
    return tuple(map(int, re.findall(r"\d+", version)))


def _judge_passwords(found: Situation, source: Connection) -> None:
    readable = source.execute(_MAY_READ_PASSWORDS).fetchone() == (True,)
    found.facts["passwords_read"] = readable
    if readable:
        for (role,) in source.execute(_MD5.encode()):
            found.warnings.append(
                f"role {role} of the source has an md5 password, which a server with "
                "scram-sha-256 rules refuses; set it anew before clients use the target"
            )
