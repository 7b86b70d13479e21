"""Changed values of types that need more than one fault."""

from faultlist.model import RECENT, ROWS, Fault, every, of
from faultlist.values import typed

NUMBERS = [
    typed(
        "numeric-scale",
        "numbers",
        "1.50 became 1.5, equal under =",
        "num = 1.5 where id = 54",
        "num (number scale differs)",
    ),
    typed(
        "numeric-to-six",
        "numbers",
        "decimals cut to six",
        "num = round(num, 6) where id = 55",
        "num (number rounded to 6 decimals)",
    ),
    typed(
        "DAT-24",
        "numbers",
        "-0 became 0, equal under =",
        "f8 = 0, f4 = 0 where id = 54",
        "f4 (sign of zero lost)",
        "f8 (sign of zero lost)",
    ),
    typed(
        "DAT-25",
        "numbers",
        "NaN became NULL",
        "f8 = null, num = null where id = 53",
        "f8 (NaN became NULL)",
    ),
    typed(
        "DAT-26",
        "numbers",
        "infinity became the largest float",
        "f4 = 3.4028235e38 where id = 53",
        "f4 (infinity clamped)",
    ),
    typed(
        "DAT-28",
        "numbers",
        "a long numeric went through float8",
        "num = num::float8::numeric where id = 55",
    ),
    typed(
        "DMS-53",
        "numbers",
        "floats went through decimal text",
        "f8 = round(f8::numeric, 6)::float8, f4 = round(f4::numeric, 3)::real where id = 1",
        "f4 (number rounded to 3 decimals)",
    ),
    typed("float8-last-bit", "numbers", "the last bit of a float8", "f8 = 0.3 where id = 55"),
    typed("int8-by-32-bits", "numbers", "an int8 off by 2^32", "i8 = i8 + 4294967296 where id = 9"),
    typed(
        "DAT-59", "numbers", "money read under another currency", "mny = mny * 100 where id = 14"
    ),
    typed("DAT-32", "numbers", "a boolean flipped", "b = not b where id = 10"),
    typed("domain-value", "numbers", "a value of a domain", "dom = dom + 1 where id = 10"),
]
TIMES = [
    Fault(
        "DAT-17",
        "times",
        "microseconds cut to milliseconds",
        "update core.customers set created_at = date_trunc('milliseconds', created_at)",
        red=of("core.customers", ROWS, RECENT),
        says=("created_at (fraction of a second cut)",),
    ),
    Fault(
        "DAT-18",
        "times",
        "all times shifted by a time zone",
        "update sales.purchases set ordered_at = ordered_at - interval '5 hours'",
        red=of("sales.purchases", ROWS),
        says=("ordered_at (constant time shift of -18000 s)", "1000 rows"),
    ),
    typed(
        "last-microsecond",
        "times",
        "the last microsecond of one value",
        "tstz = tstz - interval '1 microsecond' where id = 55",
    ),
    typed(
        "DAT-20",
        "times",
        "a timetz at the same instant with another offset",
        "tmtz = '10:34:56.789012+00' where id <= 3",
    ),
    typed("DAT-21", "times", "24:00:00 became 00:00:00", "tm = '00:00:00' where id = 53"),
    typed(
        "DMS-18",
        "times",
        "infinite times clamped",
        "tstz = '9999-12-31 23:59:59+00', ts = '4713-01-01 00:00:00 BC', d = "
        "'9999-12-31' where id = 53",
        "d (infinity clamped)",
        "ts (infinity clamped)",
        "tstz (infinity clamped)",
    ),
    typed(
        "DMS-19",
        "times",
        "BC lost",
        "d = '0044-03-15', ts = '0044-03-15 00:00:00' where id = 54",
        "d (BC lost)",
        "ts (BC lost)",
    ),
    typed(
        "interval-month",
        "times",
        "a month became 30 days, equal under =",
        "iv = '33 days 4.5 seconds' where id = 1",
    ),
    typed(
        "interval-day",
        "times",
        "days became hours, equal under =",
        "iv = '1 mon 72:00:04.5' where id = 1",
    ),
    typed("date-by-a-day", "times", "a date moved by a day", "d = d - 1 where id = 20"),
]
STRUCTURES = [
    typed(
        "DAT-39",
        "structures",
        "a jsonb number lost its scale, equal under =",
        "jb = jsonb_set(jb, '{n}', '1.1') where id <= 5",
        "jb (JSON rewritten with the same value)",
    ),
    typed(
        "DAT-40", "structures", "json text rewritten", "j = (j::jsonb)::text::json where id <= 5"
    ),
    typed(
        "jsonb-null",
        "structures",
        "a JSON null became a missing key",
        "jb = jsonb_set(jb, '{nested,x}', '[1]') where id = 6",
    ),
    typed(
        "DAT-42", "structures", "an array's lower bound moved", "ia = '[0:2]={3,1,7}' where id = 7"
    ),
    typed(
        "array-flattened",
        "structures",
        "an array's dimensions changed",
        "ia = '{{3,1,8}}' where id = 8",
    ),
    typed(
        "DMS-56",
        "structures",
        "a NULL element became the text NULL",
        "ta = array_replace(ta, null, 'NULL') where id <= 50",
    ),
    typed(
        "array-numeric-scale",
        "structures",
        "the scale of an element, equal under =",
        "na = '{1.0,1.0}' where id = 7",
    ),
    typed(
        "array-bytea",
        "structures",
        "an empty element became NULL",
        r"ba = array['\x01'::bytea, null] where id = 7",
    ),
    typed(
        "DAT-44",
        "structures",
        "a range's upper bound became inclusive",
        "rts = tstzrange(lower(rts), upper(rts), '[]') where id = 9",
    ),
    typed(
        "numrange-scale",
        "structures",
        "the scale of a bound, equal under =",
        "numr = numrange(1.00, 2.00) where id = 9",
    ),
    typed("multirange", "structures", "a multirange lost its gap", "mr = '{[1,7)}' where id = 9"),
    typed("enum-label", "structures", "another label of an enum", "en = 'sent' where id = 11"),
    Fault(
        "enum-label-renamed",
        "structures",
        "an enum's label renamed under the rows",
        "alter type lib.order_status rename value 'paid' to 'PAID'",
        red=every(of("core.typed", ROWS), of("sales.purchases", ROWS)),
        says=("status (letter case differs)",),
        alone=True,
    ),
    typed(
        "composite", "structures", "a field of a composite", "comp.street = 'Main 1 ' where id = 1"
    ),
    typed(
        "xml-blank", "structures", "a blank inside a tag", "x = '<a  b=\"3\">x</a>' where id = 3"
    ),
    typed(
        "tsvector",
        "structures",
        "positions stripped from a tsvector",
        "tsv = strip(tsv) where id = 3",
    ),
]
OTHERS = [
    typed(
        "DAT-36",
        "other types",
        "one bit of a bytea",
        "by = set_bit(by, 9, 1 - get_bit(by, 9)) where id = 4",
    ),
    typed(
        "DAT-37",
        "other types",
        "bytes stored as their own hex text",
        "by = convert_to(by::text, 'UTF8') where id = 5",
        "by (bytes stored as their own hex text)",
    ),
    typed("DAT-54", "other types", "an inet's host bits lost", "ip = network(ip) where id = 12"),
    typed("inet-mask", "other types", "an inet's mask lost", "ip = host(ip)::inet where id = 12"),
    typed(
        "uuid", "other types", "a uuid", "u = '00000000-0000-4000-8000-000000000000' where id = 12"
    ),
    typed("bit", "other types", "the last bit of a bit(8)", "bt = b'10101011' where id = 12"),
    typed(
        "varbit-length", "other types", "a bit string grew by a zero", "vb = b'1010' where id = 12"
    ),
    typed(
        "macaddr", "other types", "a hardware address", "mac = '08:00:2b:01:02:04' where id = 12"
    ),
    typed(
        "point",
        "other types",
        "a coordinate moved a little",
        "pt = point(12, 1.5000000000000002) where id = 12",
    ),
    typed(
        "polygon",
        "other types",
        "a polygon turned",
        "poly = polygon(box(point(0, 0), point(1, 12))) where id = 12",
    ),
    typed("lsn", "other types", "a log position", "lsn = '0/16B3749' where id = 12"),
]
TYPE_FAULTS = [*NUMBERS, *TIMES, *STRUCTURES, *OTHERS]
