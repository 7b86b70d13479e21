"""The statements that change one property of an object to its expected value, by kind."""

import re
from collections.abc import Callable, Iterator

from pgcutover.schema.compare import Difference, Property
from pgcutover.schema.fix import tables
from pgcutover.schema.fix.sql_names import (
    CONSTRAINTS,
    MustRecreate,
    as_list,
    impossible,
    literal,
    local_name,
    text_of,
)
from pgcutover.schema.objects import SchemaObject
from pgcutover.schema.severity import version

Change = Callable[[Difference, Property], Iterator[str]]


def changes(difference: Difference) -> list[str]:
    """Return statements for a changed object; MustRecreate if it must be created again."""
    handler = _HANDLERS.get(difference.object.kind)
    if handler is None:
        raise MustRecreate
    if difference.found is not None and difference.found.kind != difference.object.kind:
        return [tables.attachment(difference)]
    made: list[str] = []
    for prop in difference.properties:
        made += handler(difference, prop)
    return list(dict.fromkeys(made))


def _routine(difference: Difference, prop: Property) -> Iterator[str]:
    if prop.name in ("result", "arguments") or difference.object.kind == "aggregate":
        raise MustRecreate
    yield difference.object.definition


def _or_replace(difference: Difference, prop: Property) -> Iterator[str]:
    if prop.name == "columns":  # CREATE OR REPLACE VIEW can only add columns at the end
        raise MustRecreate
    yield difference.object.definition


def _enabled(difference: Difference, prop: Property) -> Iterator[str]:
    thing = difference.object
    if prop.name != "enabled":
        raise MustRecreate
    yield enable_statement(thing)


def enable_statement(thing: SchemaObject) -> str:
    """Return the statement that enables or disables a trigger, rule or event trigger."""
    states = {
        **dict.fromkeys(("no", "disabled"), "disable"),
        **dict.fromkeys(("on replicas only", "replica"), "enable replica"),
        "always": "enable always",
    }
    state = states.get(text_of(thing.facts.get("enabled")), "enable")
    if thing.kind == "event_trigger":
        verb, _, how = state.partition(" ")
        return f"alter event trigger {thing.name} {verb}{' ' + how if how else ''}"
    verb, _, how = state.partition(" ")
    trigger = f"{thing.kind} {local_name(thing)}"
    return f"alter table {thing.table} {verb} {how + ' ' if how else ''}{trigger}"


def _sequence(difference: Difference, prop: Property) -> Iterator[str]:
    thing = difference.object
    alter, facts = f"alter sequence {thing.name}", thing.facts
    match prop.name:
        case "type" | "increment" | "minimum" | "maximum" | "start" | "cache" | "cycle":
            # in one statement, because bounds must fit the type
            yield (
                f"{alter} as {facts['type']} increment by {facts['increment']}"
                f" minvalue {facts['minimum']} maxvalue {facts['maximum']} start {facts['start']}"
                f" cache {facts['cache']} {'' if facts['cycle'] else 'no '}cycle"
            )
        case "owned_by" | "table" if facts.get("identity"):
            yield impossible(
                difference, "belongs to another identity column, which must be created again"
            )
        case "owned_by" | "table":
            yield f"{alter} owned by {facts.get('owned_by') or 'none'}"
        case "persistence":
            yield f"{alter} set {'unlogged' if prop.expected == 'unlogged' else 'logged'}"
        case _:
            yield impossible(difference, f"{prop.name} needs its column created again")


def _enum(difference: Difference, prop: Property) -> Iterator[str]:
    wanted, found = as_list(prop.expected), as_list(prop.found)
    common = [label for label in wanted if label in found]
    if [label for label in found if label in wanted] != common or set(found) - set(wanted):
        yield impossible(difference, "labels can be neither removed nor put into another order")
        return
    for n, label in enumerate(wanted):
        if label not in found:
            first = f" before {literal(common[0])}" if common else ""
            place = f" after {literal(wanted[n - 1])}" if n else first
            yield f"alter type {difference.object.name} add value {literal(label)}{place}"


def _composite(difference: Difference, prop: Property) -> Iterator[str]:
    alter = f"alter type {difference.object.name}"
    wanted, found = ({_leading_name(a): a for a in as_list(v)} for v in (prop.expected, prop.found))
    for name in found.keys() - wanted.keys():
        yield f"{alter} drop attribute {name}"
    for name, attribute in wanted.items():
        if name not in found:
            yield f"{alter} add attribute {attribute}"
        elif attribute != found[name]:
            yield f"{alter} alter attribute {name} type {attribute.removeprefix(name).strip()}"


def _leading_name(text: str) -> str:
    """Return the quoted name at the start of a text."""
    match = re.match(r'"(?:[^"]|"")+"|[^ ]+', text)
    return match[0] if match else text


def _domain(difference: Difference, prop: Property) -> Iterator[str]:
    alter, expected = f"alter domain {difference.object.name}", prop.expected
    match prop.name:
        case "default":
            yield f"{alter} drop default" if expected is None else f"{alter} set default {expected}"
        case "not_null":
            yield f"{alter} {'set' if expected else 'drop'} not null"
        case "constraints":
            for each in as_list(prop.found):
                if each not in as_list(expected):
                    yield f"{alter} drop constraint {_leading_name(each)}"
            for each in as_list(expected):
                if each not in as_list(prop.found):
                    yield f"{alter} add constraint {each}"
        case _:
            yield impossible(difference, f"its {prop.name} cannot be changed")


def _publication(difference: Difference, prop: Property) -> Iterator[str]:
    if prop.name not in (*_OPERATIONS, "via_root"):
        raise MustRecreate
    yield publication_options(difference.object)


_OPERATIONS = ("insert", "update", "delete", "truncate")


def publication_options(thing: SchemaObject) -> str:
    """Return the statement that sets a publication's options."""
    kept = ", ".join(name for name in _OPERATIONS if thing.facts[name])
    root = str(bool(thing.facts["via_root"])).lower()
    options = f"publish = '{kept}', publish_via_partition_root = {root}"
    return f"alter publication {thing.name} set ({options})"


def _role(difference: Difference, prop: Property) -> Iterator[str]:
    name = difference.object.name
    words = {"canlogin": "login"}
    match prop.name:
        case "member_of":
            for each in as_list(prop.found):
                if each not in as_list(prop.expected):
                    yield f"revoke {each.partition(' with')[0]} from {name}"
            for each in as_list(prop.expected):
                if each not in as_list(prop.found):
                    group, _, options = each.partition(" with")
                    with_admin = " with admin option" if "admin option" in options else ""
                    yield f"grant {group} to {name}{with_admin}"
        case "connection_limit":
            yield f"alter role {name} connection limit {text_of(prop.expected) or -1}"
        case "valid_until":
            yield f"alter role {name} valid until {literal(text_of(prop.expected) or 'infinity')}"
        case attribute:
            attribute = words.get(attribute, attribute)
            yield f"alter role {name} {'' if prop.expected else 'no'}{attribute}"


def _extension(difference: Difference, prop: Property) -> Iterator[str]:
    name = difference.object.name
    if prop.name == "schema":
        yield f"alter extension {name} set schema {prop.expected}"
    elif version(prop.found) < version(prop.expected):
        yield f"alter extension {name} update"


def _configuration(difference: Difference, prop: Property) -> Iterator[str]:
    if prop.name != "mappings":
        raise MustRecreate
    yield from mapping_statements(
        difference.object.name, as_list(prop.expected), as_list(prop.found)
    )


def mapping_statements(name: str, expected: list[str], found: list[str]) -> Iterator[str]:
    """Yield statements that change the mappings of a text search configuration."""
    alter = f"alter text search configuration {name}"
    known = {each.partition(": ")[0] for each in found}
    for token in sorted(known - {each.partition(": ")[0] for each in expected}):
        yield f"{alter} drop mapping for {token}"
    for each in expected:
        token, _, dictionaries = each.partition(": ")
        if each not in found:
            verb = "alter" if token in known else "add"
            yield f"{alter} {verb} mapping for {token} with {dictionaries}"


def _dictionary(difference: Difference, prop: Property) -> Iterator[str]:
    if prop.name != "options":
        raise MustRecreate
    known = re.findall(r"(\w+) = ", text_of(prop.found))
    kept = re.findall(r"(\w+) = ", text_of(prop.expected))
    options = ", ".join(
        filter(None, [text_of(prop.expected), *(n for n in known if n not in kept)])
    )
    yield f"alter text search dictionary {difference.object.name} ({options})"


def _server(difference: Difference, prop: Property) -> Iterator[str]:
    if prop.name not in ("option_names", "option_values"):
        raise MustRecreate
    yield impossible(difference, secret_options(difference.object))


def secret_options(thing: SchemaObject) -> str:
    """Return the reason why option values cannot be printed."""
    names = ", ".join(as_list(thing.facts.get("option_names"))) or "none"
    return f"the values of its options may be secrets and are not read; expected options: {names}"


def _run_definition(difference: Difference, _: Property) -> Iterator[str]:
    yield difference.object.definition


def _grant(difference: Difference, prop: Property) -> Iterator[str]:
    """Yield only the differing privileges: revoking one on a table also revokes it on columns."""
    thing, wanted, found = difference.object, as_list(prop.expected), as_list(prop.found)
    start, _, end = thing.definition.partition("; grant ")[0].partition(" on ")
    on, _, role = end.removesuffix(" with grant option").rpartition(" to ")
    before, _, first = start.partition("grant ")
    column = first.partition(" (")[2].partition("), ")[0].removesuffix(")")
    columns = f" ({column})" if column else ""
    plain = {right.rstrip("*") for right in wanted}
    for right in found:
        word = f"{right.rstrip('*').lower()}{columns}"
        if right.rstrip("*") not in plain:
            yield f"{before}revoke {word} on {on} from {role}"
        elif right not in wanted and right.endswith("*"):
            yield f"{before}revoke grant option for {word} on {on} from {role}"
    for right in wanted:
        if right not in found:
            word = f"{right.rstrip('*').lower()}{columns}"
            passed = " with grant option" if right.endswith("*") else ""
            yield f"{before}grant {word} on {on} to {role}{passed}"


def _tablespace(difference: Difference, prop: Property) -> Iterator[str]:
    yield from tables.options(f"alter tablespace {difference.object.name}", prop)


def _manual_change(difference: Difference, prop: Property) -> Iterator[str]:
    wanted = prop.expected
    where = {
        "server_setting": f"set it in the server's parameter group: expected {prop.expected}",
        "database": f"{prop.name.replace('_', ' ')} is fixed when a database is created",
        "database_collation_version": "reindex first, then refresh the version",
        "collation_version": "reindex first, then refresh the version",
        "large_object": "copy large objects by hand",
        "database_grant": f"grant them on the database by name: {', '.join(as_list(wanted))}",
    }
    yield impossible(difference, where[difference.object.kind])


_HANDLERS: dict[str, Change] = {
    "column": tables.column,
    **dict.fromkeys(CONSTRAINTS, tables.constraint),
    "index": tables.index,
    **dict.fromkeys(("function", "procedure", "aggregate", "window_function"), _routine),
    "view": _or_replace,
    **dict.fromkeys(("trigger", "rule", "event_trigger"), _enabled),
    "sequence": _sequence,
    "enum": _enum,
    "domain": _domain,
    **dict.fromkeys(("table", "partition"), tables.table),
    "storage": tables.storage,
    "statistics": tables.statistics,
    "publication": _publication,
    "role": _role,
    "tablespace": _tablespace,
    "extension": _extension,
    "text_search_configuration": _configuration,
    "text_search_dictionary": _dictionary,
    "composite": _composite,
    **dict.fromkeys(("foreign_data_wrapper", "foreign_server", "user_mapping"), _server),
    **dict.fromkeys(
        ("comment", "security_label", "owner", "database_setting", "role_setting"), _run_definition
    ),
    **dict.fromkeys(("grant", "default_privilege"), _grant),
    **dict.fromkeys(
        ("server_setting", "database", "database_collation_version", "collation_version",
         "large_object", "database_grant"),
        _manual_change,
    ),
}  # fmt: skip
