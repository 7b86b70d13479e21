"""Generated input texts of every type: many close to each other, some of them equal."""

from compare.exact.examples import EXAMPLES
from hypothesis import strategies as st


def whole(bits: int, signed: bool = True) -> st.SearchStrategy[str]:
    """Integers, most of them near powers of two, where folding or a sign may be lost."""
    low, high = (-(1 << bits - 1), (1 << bits - 1) - 1) if signed else (0, (1 << bits) - 1)
    near = st.builds(
        lambda sign, power, step: sign * (1 << power) + step,
        st.sampled_from([1, -1]), st.integers(0, bits), st.integers(-2, 2),
    )  # fmt: skip
    return (near.filter(lambda n: low <= n <= high) | st.integers(low, high)).map(str)


def joined(template: str, *parts: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    return st.tuples(*parts).map(lambda found: template.format(*found))


def of(*texts: str) -> st.SearchStrategy[str]:
    return st.sampled_from(texts)


def listed(part: st.SearchStrategy[str], most: int, least: int = 0) -> st.SearchStrategy[str]:
    return st.lists(part, min_size=least, max_size=most).map(",".join)


def ranges(part: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    """Ranges whose upper bound is not below the lower: two bounds that depend on one number."""
    pieces = st.tuples(of("[", "("), part, of("]", ")"))
    return of("empty", "(,)") | pieces.flatmap(
        lambda p: of(f"{p[0]}{p[1]},{p[2]}", f"{p[0]},{p[1]}{p[2]}", f"[{p[1]},{p[1]}{p[2]}")
    )


def multi(part: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    return listed(ranges(part), 2).map("{{{}}}".format)


LETTERS = st.text(
    st.sampled_from("aA0 |,;:'\"\\(){}[]ée\u0301\u200b\u00a0ß\u0130\u0131\u01c6\U0001f600\n\t"),
    max_size=6,
)
WORD = st.text(st.sampled_from("aAbB01"), min_size=1, max_size=3)
DIGITS = st.text(st.sampled_from("01"), max_size=9)
HEX = st.sampled_from([f"{n:02x}" for n in (0, 1, 0x7F, 0x80, 0xFF)])
TINY = of("0", "0.0", "0.00", "-1", "1", "1.0", "1.00", "10", "0.1", "0.10", "1e-20", "1e20")
NUMERIC = TINY | of("NaN", "1e-100", "1e100", "5", "-5") | st.decimals(
    allow_nan=False, allow_infinity=False, places=None, min_value=-9999, max_value=9999
).map(lambda d: format(d, "f")[:300])  # fmt: skip
DOUBLE = of("NaN", "Infinity", "-Infinity", "0", "-0", "5e-324", "0.1", "0.3") | st.floats(
    allow_nan=False
).map(repr)
SINGLE = of("NaN", "Infinity", "-Infinity", "0", "-0", "1e-45", "0.1") | st.floats(
    allow_nan=False, width=32, allow_infinity=False
).map(repr)
FINITE = of("0", "-0", "1", "-1", "0.1") | st.floats(-1e9, 1e9, allow_subnormal=False).map(repr)
DATE = of("infinity", "-infinity", "4713-01-01 BC", "0001-12-31 BC", "5874897-12-31") | (
    st.dates().map(str)
)
STAMP = of("infinity", "-infinity", "0044-03-15 BC", "294276-12-31 23:59:59.999999") | (
    st.datetimes().map(lambda d: d.isoformat(" "))
)
ZONE = of("+00", "+02", "-11:30", "+05:45")
CLOCK = of("24:00:00", "00:00:00") | st.times().map(str)
POINT = joined("({},{})", FINITE, FINITE)
JSON = st.recursive(
    of("null", "true", "1", "1.0", "1.00", "-0", "1e2", "100", '""', '"a"', '"1"', '"\u00e9"'),
    lambda inner: (
        listed(inner, 3).map("[{}]".format)
        | listed(joined('"{}": {}', of("a", "b", "", "\u00e9"), inner), 3).map("{{{}}}".format)
    ),
    max_leaves=4,
)
QUAD = st.integers(0, 255).map(str)
ADDRESS = joined("{}.{}.{}.{}", QUAD, QUAD, QUAD, QUAD)
LABELS = st.lists(WORD, max_size=3).map(".".join)
SNAPSHOT = st.tuples(*(st.integers(0, 3),) * 2).map(
    lambda n: f"{10 + n[0]}:{20 + n[1]}:" + ",".join(str(14 + i) for i in range(n[1]))
)

VALUES: dict[str, st.SearchStrategy[str]] = {
    "bool": of("t", "f"),
    "int2": whole(16),
    "int4": whole(32),
    "int8": whole(64),
    "oid": whole(32, signed=False),
    "xid": whole(32, signed=False),
    "cid": whole(32, signed=False),
    "xid8": whole(64, signed=False),
    "regclass": of("pg_class", "pg_type", "-", "4294967295"),
    "regtype": of("int4", "int8", "text", "-"),
    "tid": joined("({},{})", whole(32, signed=False), whole(16, signed=False)),
    "pg_lsn": st.integers(0, 2**64 - 1).map(lambda n: f"{n >> 32:X}/{n & 0xFFFFFFFF:X}"),
    "money": st.integers(-(2**60), 2**60).map(lambda n: f"{n // 100}.{n % 100:02}")
    | of("0", "-0.01", "0.01"),
    "numeric": NUMERIC,
    "numeric(30,4)": TINY | of("NaN"),
    "float4": SINGLE,
    "float8": DOUBLE,
    "text": LETTERS,
    "varchar": LETTERS,
    "bpchar": LETTERS,
    "char(9)": LETTERS,
    "name": LETTERS,
    '"char"': st.sampled_from("aAzé|~ 0").filter(str.isascii),
    "citext": LETTERS,
    "app.folded": LETTERS,
    "bytea": st.lists(HEX, max_size=14).map(lambda found: "\\x" + "".join(found)),
    "bit(8)": st.text(st.sampled_from("01"), min_size=8, max_size=8),
    "varbit": DIGITS,
    "uuid": st.uuids().map(str) | of("0" * 32, "0" * 31 + "1"),
    "date": DATE,
    "time": CLOCK,
    "timetz": joined("{}{}", CLOCK, ZONE),
    "timestamp": STAMP,
    "timestamptz": joined("{}{}", st.datetimes().map(str), ZONE) | of("infinity", "-infinity"),
    "interval": joined(
        "{} mons {} days {}:{}:00.{}",
        *(of("-1", "0", "1", "12", "30"),) * 2,
        of("-1", "0", "24", "720"),
        of("0", "30"),
        of("0", "000001", "5"),
    ),
    "json": joined("{}{}{}", of("", " "), JSON, of("", "\n")),
    "jsonb": JSON,
    "jsonpath": joined('{} $."{}"[*] ? (@ > {})', of("lax", "strict"), WORD, of("1", "1.0", "2")),
    "xml": joined("<a{}>{}</a>", of("", " b='1'", ' b="1"'), of("", "<b/>", "<b></b>", " ", "x")),
    "inet": joined("{}/{}", ADDRESS, of("8", "24", "32")) | of("::", "::1/64", "::ffff:1.2.3.4"),
    "cidr": joined("{}.{}.0.0/{}", QUAD, QUAD, of("16", "24", "32")) | of("::/0", "::/64"),
    "macaddr": joined("{}:{}:{}:{}:{}:{}", *(HEX,) * 6),
    "macaddr8": joined("{}:{}:{}:{}:{}:{}:{}:{}", *(HEX,) * 8),
    "point": POINT,
    "lseg": joined("[{},{}]", POINT, POINT),
    "box": joined("{},{}", POINT, POINT),
    "line": joined("{{{},{},{}}}", of("1", "-1"), FINITE, FINITE),
    "path": joined("[{}]", listed(POINT, 3, 1)) | joined("({})", listed(POINT, 3, 1)),
    "polygon": joined("({})", listed(POINT, 3, 1)),
    "circle": joined("<{},{}>", POINT, of("0", "1", "0.1", "1e-9")),
    "tsvector": st.lists(joined("{}:{}{}", WORD, of("1", "2"), of("", "A", "B"))).map(" ".join),
    "tsquery": joined("{}{} {} !{}", WORD, of("", ":*", ":A"), of("&", "|", "<->", "<2>"), WORD),
    "pg_snapshot": SNAPSHOT,
    "txid_snapshot": SNAPSHOT,
    "int2vector": st.lists(whole(16), max_size=4).map(" ".join),
    "oidvector": st.lists(whole(32, signed=False), max_size=4).map(" ".join),
    "int4range": ranges(of("1", "2", "-1")),
    "int8range": ranges(of("1", "4294967297", "-1")),
    "numrange": ranges(TINY),
    "daterange": ranges(of("2026-01-01", "infinity", "0044-03-15 BC")),
    "tsrange": ranges(of("2026-01-01", "infinity", "0044-03-15 BC")),
    "tstzrange": ranges(of("2026-01-01 00:00+00", "2026-01-01 00:00+02", "-infinity")),
    "app.textrange": ranges(WORD),
    "int4multirange": multi(of("1", "2", "-1")),
    "nummultirange": multi(TINY),
    "datemultirange": multi(of("2026-01-01", "0044-03-15 BC")),
    "tstzmultirange": multi(of("2026-01-01 00:00+00", "2026-01-01 00:00+02")),
    "int4[]": of("{1,2}", "[0:1]={1,2}", "{{1},{2}}", "{}", "{NULL}", "{1,2,NULL}", "{12}"),
    "text[]": of("{}", '{""}', "{NULL}", '{"NULL"}', '{"a,b"}', "{a,b}", '{"a","b"}', '{" a"}'),
    "float8[]": listed(of("0", "-0", "NaN", "NULL"), 3).map("{{{}}}".format),
    "app.mood": of("sad", "glad", "Glad"),
    "app.price": of("1", "1.0", "1.00", "2"),
    "app.two": joined("({},{})", of("", '""', "a", '"a,b"', '"("'), of("", "0", "-0", "NaN")),
    "app.two_domain": joined("({},{})", of("", '""', "a"), of("", "0", "-0")),
    "hstore": listed(joined("{}=>{}", WORD, of("NULL", '"NULL"', '""', "a")), 3),
    "ltree": LABELS,
    "lquery": joined("{}.*{}", WORD, of("", "{1}", "{1,}", "{,2}")),
    "cube": joined("({},{})", FINITE, FINITE) | of("(1)", "(1),(1)", "(1),(2)", "(0)", "(-0)"),
    "seg": of("1", "1.0", "1.00", "~1", "<1", ">1", "1 .. 2", "1.0 .. 2", "1 .. 2.00", "-1"),
    "query_int": joined("{}{}{}", whole(16, signed=False), of("&", "|", "&!"), of("1", "2")),
    "isbn13": of(EXAMPLES["isbn13"], "978-0-11-000222-4"),
    "earth": of("(0,0,6378168)", "(6378168,0,0)", "(-6378168,0,0)"),
}
