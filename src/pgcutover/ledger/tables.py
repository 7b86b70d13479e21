"""The tables that the ledger follows, and the reasons why it cannot follow others."""

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from pgcutover.catalog import Manifest
from pgcutover.compare.options import TableOptions
from pgcutover.compare.plan.spec import resolve_tables
from pgcutover.connect import Connection
from pgcutover.errors import PgCutoverError
from pgcutover.mapping import MappedTable, RelationName
from pgcutover.sides import LABELS, Sides


@dataclass(frozen=True, slots=True)
class Member:
    """A table or partition on one side, with the columns that identify rows in its WAL."""

    root: RelationName
    oid: int
    name: RelationName
    kind: str
    persistence: str
    identity: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class FollowedTable:
    """A table by its name on the target, its name on both sides, and the key on both sides."""

    name: str
    relations: Sides[RelationName]
    keys: Sides[tuple[str, ...]]


@dataclass(frozen=True, slots=True)
class FollowPlan:
    """The tables that are followed, and the others with the reason."""

    tables: Mapping[str, FollowedTable]
    unfollowed: Mapping[str, str]


def plan_tables(
    manifest: Manifest,
    options: Mapping[str, TableOptions],
    members: Sides[Sequence[Member]],
    tables: Sequence[MappedTable],
) -> FollowPlan:
    """Return the tables whose changes name the key that both sides share."""
    followed: dict[str, FollowedTable] = {}
    unfollowed: dict[str, str] = {}
    for table in tables:
        name = str(table)
        try:
            sides = resolve_tables(manifest, table, options.get(name, TableOptions()))
        except PgCutoverError as error:
            unfollowed[name] = str(error)
            continue
        if reasons := _storage_reasons(table, members):
            unfollowed[name] = "; ".join(reasons)
        elif not sides.source.key:
            unfollowed[name] = "it has no key"
        elif sides.source.key_may_be_null:
            unfollowed[name] = "its key may be NULL"
        elif reasons := _identity_reasons(sides.map(lambda side: side.key), table, members):
            unfollowed[name] = "; ".join(reasons)
        else:
            relations = Sides(table.source, table.target)
            followed[name] = FollowedTable(name, relations, sides.map(lambda side: side.key))
    return FollowPlan(followed, unfollowed)


def _storage_reasons(table: MappedTable, members: Sides[Sequence[Member]]) -> list[str]:
    """Return why the WAL of a side holds no changes of the table."""
    reasons = []
    for label, own in _members_of(table, members):
        if not own:
            reasons.append(f"the {label} has no such table")
        elif foreign := next((m for m in own if m.kind == "f"), None):
            reasons.append(f"{foreign.name} on the {label} is a foreign table")
        elif unlogged := next((m for m in own if m.persistence != "p"), None):
            reasons.append(
                f"{unlogged.name} on the {label} is unlogged, so the WAL holds none of its changes"
            )
    return reasons


def _identity_reasons(
    keys: Sides[tuple[str, ...]], table: MappedTable, members: Sides[Sequence[Member]]
) -> list[str]:
    """Return why the WAL of a side does not name each changed row by its key."""
    reasons = []
    for key, (label, own) in zip(keys, _members_of(table, members), strict=True):
        for member in own:
            if member.kind == "r" and (lacking := sorted({*key} - {*member.identity})):
                reasons.append(
                    f"{member.name} on the {label} has a replica identity without "
                    f"{', '.join(lacking)}, so a deleted row cannot be named"
                )
                break
    return reasons


def _members_of(
    table: MappedTable, members: Sides[Sequence[Member]]
) -> Iterator[tuple[str, list[Member]]]:
    """Yield each side with the table and its partitions there."""
    for label, root, found in zip(LABELS, (table.source, table.target), members, strict=True):
        yield label, [m for m in found if m.root == root]


def read_members(connection: Connection, roots: Sequence[RelationName]) -> list[Member]:
    """Return the tables of these names and all of their partitions."""
    rows = connection.execute(_MEMBERS, [[r.schema for r in roots], [r.name for r in roots]])
    return [
        Member(
            RelationName(r[0], r[1]), r[2], RelationName(r[3], r[4]), r[5], r[6], tuple(r[7] or ())
        )
        for r in rows
    ]


def read_fingerprint(connection: Connection, root: RelationName, publication: str) -> str:
    """Return a digest of all that decides which changes of a table the WAL and its slot hold.

    That is each partition, its storage, columns, replica identity, place in the table, and the
    membership of the publication. TRUNCATE and rewrites change the storage. The transaction's
    snapshot decides which definition is read.
    """
    rows = connection.execute(_FINGERPRINT, [[root.schema], [root.name], publication]).fetchall()
    text = "\n".join(row[0] for row in rows)
    return hashlib.sha256(text.encode()).hexdigest() if rows else ""


_TREE = """
with recursive tree (root, oid) as (
    select c.oid, c.oid from pg_class c join pg_namespace n on n.oid = c.relnamespace
      join unnest(%s::text[], %s::text[]) w (schema, name)
        on n.nspname = w.schema and c.relname = w.name
     where c.relkind in ('r', 'p', 'f')
    union all
    select t.root, i.inhrelid from tree t
      join pg_class p on p.oid = t.oid and p.relkind = 'p'
      join pg_inherits i on i.inhparent = t.oid
)
"""
_MEMBERS = f"""{_TREE}
select rn.nspname::text, r.relname::text, c.oid::int8, n.nspname::text, c.relname::text,
       c.relkind::text, c.relpersistence::text,
       case when c.relreplident = 'f' then
           (select array_agg(a.attname::text) from pg_attribute a
             where a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped)
       else (select array_agg(a.attname::text) from pg_index x
               join pg_attribute a on a.attrelid = c.oid
                and a.attnum = any ((x.indkey::int2[])[0:x.indnkeyatts - 1])
              where x.indrelid = c.oid and x.indisvalid
                and (c.relreplident = 'd' and x.indisprimary
                     or c.relreplident = 'i' and x.indisreplident))
       end
  from tree t join pg_class c on c.oid = t.oid join pg_namespace n on n.oid = c.relnamespace
  join pg_class r on r.oid = t.root join pg_namespace rn on rn.oid = r.relnamespace
 order by 1, 2, 4, 5
"""  # noqa: S608 - a constant
_FINGERPRINT = f"""{_TREE}
select format('relation %%s %%s.%%s %%s %%s %%s %%s', c.oid, c.relnamespace, c.relname,
              c.relkind, c.relpersistence, c.relfilenode, c.relreplident)
  from tree t join pg_class c on c.oid = t.oid
union all
select format('column %%s %%s %%s %%s %%s', a.attrelid, a.attnum, a.attname, a.atttypid,
              a.atttypmod)
  from tree t join pg_attribute a on a.attrelid = t.oid and a.attnum > 0 and not a.attisdropped
union all
select format('identity %%s %%s %%s', x.indrelid, x.indexrelid, x.indkey)
  from tree t join pg_class c on c.oid = t.oid join pg_index x on x.indrelid = t.oid
   and (c.relreplident = 'd' and x.indisprimary or c.relreplident = 'i' and x.indisreplident)
union all
select format('partition %%s %%s %%s', i.inhrelid, i.inhparent, i.xmin)
  from tree t join pg_inherits i on i.inhrelid = t.oid
union all
select format('published %%s %%s %%s %%s', p.oid, p.xmin, r.prrelid, r.xmin)
  from pg_publication p join pg_publication_rel r on r.prpubid = p.oid
  join tree t on t.oid = r.prrelid
 where p.pubname = %s
order by 1
"""  # noqa: S608 - a constant
