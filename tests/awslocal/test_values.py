"""Values arrive byte for byte, except where AWS documents that DMS changes them."""

from awslocal.rig import Task, Workshop, both

ZOO = {
    "smallint": ["-32768", "32767"],
    "bigint": ["-9223372036854775808", "9223372036854775807"],
    "numeric(20,5)": ["1.00000", "-99999999999999.99999", "NaN"],
    "numeric": ["1", "1.0", "1.00", "123456.123456", "-0.5"],
    "real": ["3.4028235e+38", "1e-45", "NaN", "-Infinity", "-0"],
    "double precision": ["0.30000000000000004", "5e-324", "1.7976931348623157e+308"],
    "boolean": ["t", "f"],
    "text": ["", " ", "\t\n\r\b\f\v\\", "\\N", "\\.", "é漢字🦉", "NULL", "'quoted\"'", "a,b"],
    "varchar(12)": ["", "trailing  "],
    "char(6)": ["ab", ""],
    "bytea": ["\\x", "\\x00ff5c0a09"],
    "date": ["0044-03-15 BC", "5874897-12-31", "2024-02-29"],
    "timestamp": ["2024-10-27 02:30:00.000001", "4000-01-01 00:00:00 BC"],
    "timestamptz": ["2024-03-31 01:59:59.999999+00", "1900-01-01 00:00:00+00:19:32"],
    "time": ["24:00:00", "00:00:00.000001"],
    "timetz": ["12:00:00+14", "12:00:00-00:30"],
    "interval": ["1 mon", "30 days", "-1 years -2 mons +3 days -04:05:06.000007"],
    "uuid": ["00000000-0000-0000-0000-000000000001"],
    "json": ['{"b": 1,  "a": [1.50, null], "a": "\\u00e9"}'],
    "jsonb": ['{"a": 1.50, "b": {"c": []}}', "null", '"\\t"'],
    "xml": ["<a>1 &lt; 2</a>"],
    "inet": ["10.0.0.1/24", "::1"],
    "macaddr": ["08:00:2b:01:02:03"],
    "bit(5)": ["10101"],
    "varbit": ["", "1"],
    "money": ["-1234.56"],
    "point": ["(1.5,-2)"],
    "polygon": ["((0,0),(1,1),(1,0))"],
    "tsvector": ["'fat':2A 'rat':3"],
    "int4range": ["empty", "[1,5)"],
    "int[]": ["{}", "{1,NULL,3}", "[0:1]={1,2}", "{{1,2},{3,4}}"],
    "text[]": ['{NULL,"NULL","a,b","\\"q\\"","\\\\"}'],
    "public.mood": ["so so"],
    "public.positive": ["7"],
    "public.pair": ['(1,"a b")', "(,)"],
}
UNLIMITED = {
    "TargetMetadata": {"LimitedSizeLobMode": True, "LobMaxSize": 1024},
}


def zoo_sql() -> str:
    columns = ", ".join(f"c{n} {kind}" for n, kind in enumerate(ZOO))
    return (
        "create type public.mood as enum ('so so', 'fine');"
        "create domain public.positive as int check (value > 0);"
        "create type public.pair as (n int, t text);"
        f"create table public.zoo (id int primary key, {columns})"
    )


def fill_zoo(task: Task, first_id: int) -> None:
    depth = max(len(values) for values in ZOO.values())
    for row in range(depth):
        values = [v[row] if row < len(v) else None for v in ZOO.values()]
        marks = ", ".join(["%s"] * len(values))
        task.source(f"insert into public.zoo values (%s, {marks})", first_id + row, *values)


def test_every_type_arrives_as_it_left_by_load_and_by_change(workshop: Workshop) -> None:
    both(workshop.databases, zoo_sql())
    task = workshop.task(**UNLIMITED)
    fill_zoo(task, 0)
    task.start()
    task.loaded()
    fill_zoo(task, 100)
    task.source("update public.zoo set c7 = c7 || 'x' where id = 0")
    task.arrives("select c7 from public.zoo where id = 0", "x")
    text = "select z::text from public.zoo as z order by id"
    assert task.target(text) == task.source(text)
    assert task.target("select count(*) from public.awsdms_apply_exceptions") == [(0,)]


def test_null_and_empty_and_missing_stay_apart(workshop: Workshop) -> None:
    both(workshop.databases, "create table public.t (id int primary key, b text)")
    task = workshop.task()
    task.source("insert into public.t values (1, null), (2, ''), (3, '\\N')")
    task.start()
    task.loaded()
    task.source("insert into public.t values (4, null), (5, ''), (6, '\\N')")
    task.arrives("select count(*) from public.t", 6)
    query = "select id, b is null, b from public.t order by id"
    assert task.target(query) == task.source(query)


def test_unchanged_toast_is_left_alone(workshop: Workshop) -> None:
    both(
        workshop.databases,
        "create table public.t (id int primary key, n int, big text, doc jsonb);"
        "alter table public.t alter big set storage external",
    )
    task = workshop.task(TargetMetadata={"LobMaxSize": 1024})
    task.source("insert into public.t values (1, 0, repeat('x', 9000), '{\"a\": 1}')")
    task.start()
    task.loaded()
    task.source("update public.t set n = 1")
    task.source("update public.t set doc = '{}', n = 2")
    task.arrives("select n from public.t", 2)
    assert task.target("select length(big), doc::text from public.t") == [(9000, "{}")]


CUTS = {
    "ascii": ("text", "repeat('x', 600)", "repeat('x', 512)"),
    "two_bytes": ("text", "repeat('é', 600)", "repeat('é', 512)"),
    "outside_the_plane": ("text", "repeat('🦉', 600)", "repeat('🦉', 256)"),
    "just_fits": ("text", "repeat('x', 512)", "repeat('x', 512)"),
    "unbounded": ("varchar", "repeat('x', 600)", "repeat('x', 512)"),
    "bounded": ("varchar(700)", "repeat('x', 600)", "repeat('x', 600)"),
    "bytes": ("bytea", "convert_to(repeat('\\x', 600), 'UTF8')", "'\\x' || repeat('5c78', 512)"),
}


def test_limited_lob_mode_cuts_at_the_limit_and_warns(workshop: Workshop) -> None:
    for name, (kind, _, _) in CUTS.items():
        both(workshop.databases, f"create table public.{name} (id int primary key, v {kind})")
    task = workshop.task(TargetMetadata={"LobMaxSize": 1}, Logging={"EnableLogging": True})
    for name, (_, value, _) in CUTS.items():
        task.source(f"insert into public.{name} values (1, {value})")
    task.start()
    task.loaded()
    for name, (_, value, _) in CUTS.items():
        task.source(f"insert into public.{name} values (2, {value})")
    task.arrives(f"select count(*) from public.{list(CUTS)[-1]}", 2)
    changed = []
    for name, (kind, _, expected) in CUTS.items():
        wanted = task.target(f"select ({expected})::{kind}")
        assert task.target(f"select v from public.{name} order by id") == wanted * 2, name
        changed += [name] * (task.source(f"select v from public.{name} limit 1") != wanted)
    assert set(CUTS) - set(changed) == {"just_fits", "bounded"}
    task.stop()
    warned = [line for line in workshop.task_log(task) if "truncated" in line]
    for name in CUTS:
        lines = [line for line in warned if f"public.{name}:" in line and "]W:" in line]
        assert len(lines) == (2 if name in changed else 0), name


def test_a_lob_that_is_cut_fails_the_task_where_that_is_asked_for(workshop: Workshop) -> None:
    both(workshop.databases, "create table public.t (id int primary key, v text)")
    task = workshop.task(
        source_settings={"FailTasksOnLobTruncation": True}, TargetMetadata={"LobMaxSize": 1}
    )
    task.source("insert into public.t values (1, repeat('x', 2000))")
    task.start()
    assert "was truncated" in task.ended("failed")["LastFailureMessage"]


def test_documented_changes_of_numeric_and_infinity(workshop: Workshop) -> None:
    both(
        workshop.databases,
        "create table public.t (id int primary key, n numeric, p numeric(30,10), d date,"
        " t timestamp, z timestamptz)",
    )
    task = workshop.task()
    values = (
        "values (%s, 0.611111104488373, 0.6111111044, 'infinity', '-infinity', 'infinity'),"
        " (%s, -2.0000005, 1.5, '-infinity', 'infinity', '-infinity')"
    )
    task.source(f"insert into public.t {values}", 1, 2)
    task.start()
    task.loaded()
    task.source(f"insert into public.t {values}", 3, 4)
    task.arrives("select count(*) from public.t", 4)
    found = task.target(
        "select n::text, p::text, d::text, t::text, z::text from public.t order by id"
    )
    expected = [
        (
            "0.611111",
            "0.6111111044",
            "9999-12-31",
            "4713-01-01 00:00:00 BC",
            "9999-12-31 23:59:59+00",
        ),
        (
            "-2.000001",
            "1.5000000000",
            "4713-01-01 BC",
            "9999-12-31 23:59:59",
            "4713-01-01 00:00:00+00 BC",
        ),
    ]
    assert found == expected * 2


def test_sequences_and_large_objects_stay_behind(workshop: Workshop) -> None:
    both(workshop.databases, "create table public.t (id serial primary key, doc oid)")
    task = workshop.task()
    task.source(
        "insert into public.t (doc) select lo_from_bytea(0, 'x') from generate_series(1, 3)"
    )
    task.start()
    task.loaded()
    assert task.target("select count(*), count(doc) from public.t") == [(3, 0)]
    task.source("insert into public.t (doc) values (1)")
    task.arrives("select count(*) from public.t where doc is null", 4)
    assert task.target("select last_value, is_called from public.t_id_seq") == [(1, False)]
    assert task.target("select count(*) from pg_largeobject_metadata") == [(0,)]


def test_full_lob_mode_moves_any_size_and_wants_nullable_columns(workshop: Workshop) -> None:
    workshop.databases_run(
        source="create table public.t (id int primary key, v text not null);"
        "create table public.u (id int primary key, v text not null);"
        "insert into public.t values (1, repeat('x', 90000)); insert into public.u values (1, 'x')",
        target="create table public.t (id int primary key, v text);"
        "create table public.u (id int primary key, v text not null)",
    )
    task = workshop.task(TargetMetadata={"FullLobMode": True, "LimitedSizeLobMode": False})
    task.start()
    task.loaded()
    task.source("insert into public.t values (2, repeat('y', 90000))")
    task.arrives("select count(*) from public.t where length(v) = 90000", 2)
    assert task.statistics("u")["TableState"] == "Table error"
