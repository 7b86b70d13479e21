"""Changed values, one column at a time."""

from faultlist.model import RECENT, ROWS, Fault, of


def kv(name: str, kind: str, what: str, statement: str, *says: str) -> Fault:
    return Fault(
        name, kind, what, f"update core.kv set {statement}", red=of("core.kv", ROWS), says=says
    )


def typed(name: str, kind: str, what: str, statement: str, *says: str) -> Fault:
    target = f"update core.typed set {statement}"
    return Fault(name, kind, what, target, red=of("core.typed", ROWS), says=says)


TEXT = [
    kv(
        "DAT-07",
        "text",
        "trailing blanks lost",
        "v = 'abc' where k = 'trail'",
        "v (trailing blanks differ)",
    ),
    kv(
        "DAT-12",
        "text",
        "UTF-8 read as Latin-1",
        "v = convert_from(convert_to(v, 'UTF8'), 'LATIN1') where k = 'cafe'",
        "v (text decoded in the wrong encoding)",
    ),
    kv(
        "DAT-13",
        "text",
        "a character replaced by ?",
        "v = 'ok ?' where k = 'emoji'",
        "v (characters replaced by U+FFFD or ?)",
    ),
    kv(
        "replacement-character",
        "text",
        "a character replaced by U+FFFD",
        r"v = U&'ok \fffd' where k = 'emoji'",
        "v (characters replaced by U+FFFD or ?)",
    ),
    kv(
        "DAT-15",
        "text",
        "no-break space became a space, zero-width space lost",
        r"v = translate(v, U&'\00a0\200b', ' ') where k in ('nbsp', 'zwsp')",
        "v (blanks or invisible characters differ)",
    ),
    kv(
        "normal-form",
        "text",
        "letters and accents taken apart",
        "v = normalize(v, nfd) where k = 'cafe'",
    ),
    kv(
        "letter-case",
        "text",
        "letter case changed",
        "v = upper(v) where k like 'key-1%'",
        "v (letter case differs)",
    ),
    kv("backslash", "text", "a backslash doubled", r"v = replace(v, '\', '\\') where k = 'quote'"),
    kv(
        "huge-value-end",
        "text",
        "the last character of 100,000",
        "v = left(v, 99999) || 'x' where k = 'big'",
        "v (values differ)",
    ),
    kv(
        "huge-value-cut",
        "text",
        "a huge value cut",
        "v = left(v, 65535) where k = 'big'",
        "v (truncated at 65535 characters)",
    ),
    typed(
        "citext-case",
        "text",
        "citext in another case, equal under =",
        "ci = lower(ci::text) where id = 5",
        "ci (letter case differs)",
    ),
    typed(
        "bpchar-blanks",
        "text",
        "blanks after a bpchar without a length, equal under =",
        "bp = (bp::text || '  ')::bpchar where id = 5",
        "bp (trailing blanks differ)",
    ),
    typed(
        "DAT-61",
        "text",
        "a name cut",
        "nm = left(nm::text, 3)::name where id = 16",
        "nm (truncated at 3 characters)",
    ),
    typed(
        "DMS-01",
        "text",
        "LOBs cut at the mover's limit",
        "t = left(t, 32768), by = substring(by from 1 for 32768) where octet_length(t) > 32768",
        "t (truncated at 32768 characters)",
        "by (truncated at 32768 bytes)",
    ),
]
NULLS = [
    kv("DAT-30", "NULL", "NULL became ''", "v = '' where k = 'null'", "v (NULL became '')"),
    kv(
        "empty-became-null",
        "NULL",
        "'' became NULL",
        "v = null where k = 'empty'",
        "v ('' became NULL)",
    ),
    kv(
        "null-became-text",
        "NULL",
        "NULL became the text NULL",
        "v = 'NULL' where k = 'null'",
        "v (NULL became the text NULL)",
    ),
    kv(
        "null-mark",
        "NULL",
        "NULL became the text that stands for NULL inside a row's text",
        "v = 'n;' where k = 'null'",
        "v (NULL became a value)",
    ),
    kv(
        "text-became-null",
        "NULL",
        "the text NULL became NULL",
        "v = null where k = 'text null'",
        "v (the text NULL became NULL)",
    ),
    typed(
        "null-became-zero", "NULL", "NULL became 0", "i4 = 0 where id = 51", "i4 (NULL became 0)"
    ),
    typed(
        "null-became-false",
        "NULL",
        "NULL became false",
        "b = false where id = 51",
        "b (NULL became false)",
    ),
    typed(
        "empty-array-became-null",
        "NULL",
        "{} became NULL",
        "ta = null where id = 52",
        "ta ({} became NULL)",
    ),
    typed(
        "null-composite",
        "NULL",
        "a composite of NULLs became NULL",
        "comp = null where id = 52",
        "comp (a value became NULL)",
    ),
    typed(
        "composite-field",
        "NULL",
        "a NULL inside a composite became ''",
        "comp.street = '' where id = 52",
    ),
    typed(
        "all-null-row",
        "NULL",
        "a row of NULLs filled",
        "t = '', r = '' where id = 51",
        "r (NULL became '')",
        "t (NULL became '')",
    ),
    typed(
        "bytea-empty",
        "NULL",
        "empty bytes became NULL",
        "by = null where id = 52",
        "by (empty bytes became NULL)",
    ),
]
TRADED = [
    kv(
        "values-traded",
        "values traded",
        "values swapped between rows",
        "v = case k when 'key-1' then 'v2' else 'v1' end where k in ('key-1', 'key-2')",
        "v (values swapped between rows)",
    ),
    Fault(
        "DAT-33",
        "values traded",
        "two columns swapped on one row",
        "update core.order_items set sku = qty::text, qty = 1 where order_id = 5 and line = 1",
        red=of("core.order_items", ROWS),
    ),
    Fault(
        "DAT-34",
        "values traded",
        "two columns of a type swapped everywhere",
        "update core.customers set created_at = updated_at, updated_at = created_at",
        red=of("core.customers", ROWS, RECENT),
        says=("created_at (values swapped with updated_at)",),
    ),
    typed(
        "DAT-35",
        "values traded",
        "a character moved across the boundary of neighbours",
        "t = 'text 3r', r = '3' where id = 3",
    ),
    typed(
        "null-moved",
        "values traded",
        "a value moved into its neighbour's NULL",
        "r = 'x', k = null where id = 3",
    ),
    typed(
        "careless-aliases",
        "values traded",
        "a column that hasty SQL takes for an alias",
        "typed = 'another' where id = 3",
        "typed (values differ)",
    ),
    kv(
        "separator",
        "values traded",
        "a value that looks like the next one's frame",
        "v = 'v9;1:x' where k = 'key-9'",
    ),
]
VALUE_FAULTS = [*TEXT, *NULLS, *TRADED]
