"""The statements that change a property of a table, column, constraint or index."""

import re
from collections.abc import Iterator, Mapping

from pgcutover.schema.compare import Difference, Property
from pgcutover.schema.fix.sql_names import (
    MustRecreate,
    as_list,
    impossible,
    last_part,
    literal,
    local_name,
    text_of,
)
from pgcutover.schema.objects import Value


def column(difference: Difference, prop: Property) -> Iterator[str]:
    """Change a property of a column."""
    thing, expected = difference.object, prop.expected
    name = local_name(thing)
    alter = f"alter table {thing.table} alter column {name}"
    match prop.name:
        case "type" | "collation" | "position" if not thing.definition:
            yield impossible(difference, "comes with its view, which must be created again")
        case "type" | "collation":
            wanted = thing.facts
            collate = f" collate {wanted['collation']}" if wanted.get("collation") else ""
            # PostgreSQL refuses USING for a foreign table, which has no rows to convert
            is_foreign = wanted.get("foreign_options") is not None
            using = "" if is_foreign else f" using {name}::{_type_without_limits(wanted)}"
            yield f"{alter} type {wanted['type']}{collate}{using}"
        case "default":
            yield f"{alter} drop default" if expected is None else f"{alter} set default {expected}"
        case "not_null":
            yield f"{alter} {'set' if expected else 'drop'} not null"
        case "identity" if expected is None:
            yield f"{alter} drop identity"
        case "identity":
            verb = "add" if prop.found is None else "set"
            yield f"{alter} {verb} generated {expected}{' as identity' if verb == 'add' else ''}"
        case "generated" if expected is None:
            yield f"{alter} drop expression"
        case "generated" if str(expected).partition(" ")[0] == str(prop.found).partition(" ")[0]:
            yield f"{alter} set expression as ({str(expected).partition(' ')[2]})"
        case "statistics_target":
            yield f"{alter} set statistics {-1 if expected is None else expected}"
        case "storage":
            yield f"{alter} set storage {expected or 'default'}"
        case "compression":
            yield f"{alter} set compression {expected or 'default'}"
        case "options":
            yield from options(alter, prop)
        case "foreign_options":
            yield f"{alter} options ({foreign_options(prop)})"
        case "position":
            yield impossible(difference, "the order of columns cannot be changed")
        case "inherited":
            yield impossible(difference, "its table must inherit it when it is created")
        case _:
            yield impossible(
                difference, f"{prop.name.replace('_', ' ')} needs the table created again"
            )


def _type_without_limits(facts: Mapping[str, Value]) -> str:
    """Return the type without its limits, because a cast to a limited type cuts values off."""
    name = re.sub(r"\(\d+(?:,-?\d+)?\)(?=\Z|\[| with)", "", str(facts["type"]))
    bare = {"character": "bpchar", "bit": "bit varying"}
    kind, array, _ = name.partition("[]")
    return bare.get(kind, kind) + array


def options(alter: str, prop: Property) -> Iterator[str]:
    """Yield the RESET and SET clauses of storage parameters."""
    wanted, found = as_list(prop.expected), as_list(prop.found)
    gone = {o.partition("=")[0] for o in found} - {o.partition("=")[0] for o in wanted}
    if gone:
        yield f"{alter} reset ({', '.join(sorted(gone))})"
    if changed := [o for o in wanted if o not in found]:
        yield f"{alter} set ({', '.join(changed)})"


def foreign_options(prop: Property) -> str:
    """Return the ADD, SET and DROP options of a foreign table's column."""
    wanted, found = (
        dict(_split_option(o) for o in as_list(v)) for v in (prop.expected, prop.found)
    )
    words = [f"drop {name}" for name in sorted(found.keys() - wanted.keys())]
    words += [
        f"{'set' if name in found else 'add'} {name} {literal(value)}"
        for name, value in sorted(wanted.items())
        if found.get(name) != value
    ]
    return ", ".join(words)


def _split_option(option: str) -> tuple[str, str]:
    name, _, value = option.partition("=")
    return name, value


def constraint(difference: Difference, prop: Property) -> Iterator[str]:
    """Validate a constraint; MustRecreate for any other change."""
    thing = difference.object
    if {p.name for p in difference.properties} <= {"validated", "definition"} and (
        _only_validation(difference)
    ):
        yield f"alter table {thing.table} validate constraint {local_name(thing)}"
    else:
        raise MustRecreate


def _only_validation(difference: Difference) -> bool:
    one, other = difference.expected, difference.found
    if one is None or other is None or one.facts.get("validated") is not True:
        return False
    return other.facts.get("definition") == f"{one.facts.get('definition')} NOT VALID"


def index(difference: Difference, prop: Property) -> Iterator[str]:
    """Rebuild or configure an index; MustRecreate if its definition differs."""
    thing, names = difference.object, {p.name for p in difference.properties}
    match prop.name:
        case _ if names - {"usable", "clustered", "statistics_targets", "replica_identity"}:
            raise MustRecreate
        case "usable":
            yield f"reindex index {thing.name}"
        case "clustered":
            on = f"cluster on {last_part(thing.name)}" if prop.expected else "set without cluster"
            yield f"alter table {thing.table} {on}"
        case "statistics_targets":
            yield from _targets(thing.name, prop)


def _targets(index: str, prop: Property) -> Iterator[str]:
    wanted, found = (dict(o.split(": ") for o in as_list(v)) for v in (prop.expected, prop.found))
    for number in sorted(wanted.keys() | found.keys()):
        if wanted.get(number) != found.get(number):
            target = wanted.get(number, "-1")
            yield f"alter index {index} alter column {number} set statistics {target}"


def table(difference: Difference, prop: Property) -> Iterator[str]:
    """Change a property of a table or partition."""
    alter, expected = f"alter table {difference.object.name}", text_of(prop.expected)
    match prop.name:
        case "row_security":
            yield f"{alter} {'enable' if prop.expected else 'disable'} row level security"
        case "row_security_forced":
            yield f"{alter} {'' if prop.expected else 'no '}force row level security"
        case "persistence":
            yield f"{alter} set {'unlogged' if expected == 'unlogged' else 'logged'}"
        case "replica_identity":
            using = expected.removeprefix("index ")
            identity = f"using index {using}" if expected != using else expected
            yield f"{alter} replica identity {identity}"
        case "access_method" if "partition_key" not in {p.name for p in difference.properties}:
            yield f"{alter} set access method {expected or 'default'}"
        case "inherits" if difference.object.kind == "foreign_table":
            raise MustRecreate
        case "inherits":
            for parent in sorted(set(as_list(prop.found)) - set(as_list(prop.expected))):
                yield f"{alter} no inherit {parent}"
            for parent in as_list(prop.expected):
                if parent not in as_list(prop.found):
                    yield f"{alter} inherit {parent}"
        case "detaching" if not prop.expected:
            parent, name = difference.object.table, difference.object.name
            yield f"alter table {parent} detach partition {name} finalize"
            yield f"alter table {parent} attach partition {name} {difference.object.facts['bound']}"
        case "bound":
            parent, name = difference.object.table, difference.object.name
            yield f"alter table {parent} detach partition {name}"
            yield f"alter table {parent} attach partition {name} {expected}"
        case _:
            yield impossible(
                difference, f"{prop.name.replace('_', ' ')} needs the table created again"
            )


def attachment(difference: Difference) -> str:
    """Return the statement that attaches or detaches a partition."""
    thing, found = difference.object, difference.found
    if thing.kind == "partition":
        bound = thing.facts["bound"]
        return f"alter table {thing.table} attach partition {thing.name} {bound}"
    return f"alter table {found.table if found else ''} detach partition {thing.name}"


def storage(difference: Difference, prop: Property) -> Iterator[str]:
    """Change storage parameters or the tablespace."""
    alter = f"alter table {difference.object.name}"
    if prop.name == "tablespace":
        yield f"{alter} set tablespace {prop.expected or 'pg_default'}"
    else:
        prefix = "toast." if prop.name == "toast_options" else ""
        wanted = [prefix + o for o in as_list(prop.expected)]
        yield from options(alter, Property("", wanted, [prefix + o for o in as_list(prop.found)]))


def statistics(difference: Difference, prop: Property) -> Iterator[str]:
    """Change the target of extended statistics."""
    if prop.name != "target":
        raise MustRecreate
    yield f"alter statistics {difference.object.name} set statistics {prop.expected or -1}"
