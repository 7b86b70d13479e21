"""Rows on the target whose foreign key points nowhere, whatever the constraint claims."""

from collections.abc import Sequence

from psycopg import sql

from pgcutover.catalog.model import ForeignKey
from pgcutover.compare.diffs import Diff, finding
from pgcutover.compare.rowtext import digest_of, text_of
from pgcutover.compare.sessions import Connection, saying
from pgcutover.redact import keyed_hash

_SAMPLE_LIMIT = 20


def orphan_diff(connection: Connection, name: str, key: ForeignKey, salt: str) -> Diff:
    """Counts orphans exactly, and rows that MATCH FULL forbids; samples their keys, hashed."""
    with saying("target", name):
        (count,) = connection.execute(_query("count(*)", key)).fetchone() or (0,)
        if not count:
            return Diff(name, (), {"orphans": 0})
        sample = connection.execute(_query("sample", key)).fetchall()
    keys = [keyed_hash(salt, digest.hex()) for (digest,) in sample]
    message = (
        f"{name}: {count} rows of {key.table} point at rows that {key.referenced} does not have, "
        f"key hashes {' '.join(keys[:3])}"
    )
    return Diff(name, (finding(name, "orphans", message, count=count, key_hashes=keys),))


def _query(what: str, key: ForeignKey) -> sql.Composed:
    if what == "sample":
        head = sql.SQL("select distinct {} as k from").format(digest_of(text_of(key.columns)))
        tail = sql.SQL(" order by k limit {}").format(sql.Literal(_SAMPLE_LIMIT))
    else:
        head, tail = sql.SQL("select count(*) from"), sql.SQL("")
    return sql.SQL("{head} {child} r where {broken}{tail}").format(
        head=head, child=_table(key, "child"), broken=_broken(key), tail=tail
    )


def _broken(key: ForeignKey) -> sql.Composed:
    lost = sql.SQL("({} and not exists (select from {} p where {}))").format(
        _all_set(key.columns), _table(key, "parent"), _joined(key)
    )
    if key.match != "f":
        return lost
    some = sql.SQL(" or ").join([_is_set(c) for c in key.columns])
    return sql.SQL("({} or (({}) and not ({})))").format(lost, some, _all_set(key.columns))


def _all_set(columns: Sequence[str]) -> sql.Composed:
    return sql.SQL(" and ").join([_is_set(c) for c in columns])


def _is_set(column: str) -> sql.Composed:
    return sql.SQL("r.{} is distinct from null").format(sql.Identifier(column))


def _joined(key: ForeignKey) -> sql.Composed:
    pairs = zip(key.columns, key.referenced_columns, strict=True)
    return sql.SQL(" and ").join(
        [
            sql.SQL("p.{} = r.{}").format(sql.Identifier(parent), sql.Identifier(child))
            for child, parent in pairs
        ]
    )


def _table(key: ForeignKey, which: str) -> sql.Identifier:
    name = key.table if which == "child" else key.referenced
    return sql.Identifier(name.schema, name.name)
