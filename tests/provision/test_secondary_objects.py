"""Test that objects dropped for the load are recreated unchanged, or reported with a reason."""

import pytest
from support.kgc import quiet

from pgcutover.connect import Connection
from pgcutover.errors import ProvisionError
from pgcutover.provision.secondary_objects import drop_for_load, recreate

_SCHEMA = """
create schema "Odd Schema";
create table parent (id int primary key, code text, during tsrange,
    constraint parent_code_key unique (code) with (fillfactor = 70),
    constraint parent_excl exclude using gist (during with &&));
create table child (id int primary key, parent_id int);
create index "Child; Index" on child (parent_id, (id * 2)) where id > 0;
alter index "Child; Index" alter column 2 set statistics 77;
comment on index "Child; Index" is 'it''s odd';
alter table child add constraint child_fk foreign key (parent_id) references parent (id)
    on delete cascade deferrable initially deferred;
comment on constraint child_fk on child is 'belongs';
alter table child add constraint child_unchecked foreign key (id) references parent (id) not valid;
create table "Odd Schema"."Log" (i int unique, j int);
create index on "Odd Schema"."Log" (j);
create table parted (id int, at date, primary key (id, at)) partition by range (at);
create table parted_1 partition of parted for values from ('2025-01-01') to ('2026-01-01');
create index parted_at on parted (at);
create index only_here on parted_1 (id);
alter table parted add constraint parted_fk foreign key (id) references parent (id);
create table clustered (id int primary key, k int);
create index clustered_k on clustered (k);
alter table clustered cluster on clustered_k;
create table identified (id int not null, k int);
create unique index identified_key on identified (id);
alter table identified replica identity using index identified_key;
create function f() returns trigger language plpgsql as $$ begin return new; end $$;
create trigger t_plain before update on child for each row execute function f();
create trigger t_off before update on child for each row execute function f();
alter table child disable trigger t_off;
create trigger t_always after insert on parted for each row execute function f();
alter table parted enable always trigger t_always;
comment on trigger t_plain on child is 'touch';
create constraint trigger t_late after insert on child deferrable
    for each row execute function f();
"""

_STATE = """
select 'index', indexrelid::regclass::text, pg_get_indexdef(indexrelid), indisvalid::text,
       obj_description(indexrelid, 'pg_class'), indisclustered::text
from pg_index where indrelid::regclass::text !~ '^(pg_|information_schema|pgcutover)'
union all
select 'index column', attrelid::regclass::text, attnum::text, attstattarget::text, null, null
from pg_attribute join pg_class c on c.oid = attrelid and c.relkind = 'i'
where attstattarget > 0
union all
select 'options', oid::regclass::text, reloptions::text, null, null, null
from pg_class where relkind = 'i' and reloptions is not null
union all
select 'constraint', conrelid::regclass::text || ' ' || conname, pg_get_constraintdef(oid),
       convalidated::text, obj_description(oid, 'pg_constraint'), null
from pg_constraint where conrelid <> 0 and contype <> 't'
union all
select 'trigger', tgrelid::regclass::text, pg_get_triggerdef(oid), tgenabled::text,
       obj_description(oid, 'pg_trigger'), null
from pg_trigger where not tgisinternal
order by 1, 2, 3
"""


@pytest.fixture
def conn(target: Connection) -> Connection:
    target.execute(_SCHEMA)
    return target


def names(conn: Connection, query: str) -> set[str]:
    return {str(row[0]) for row in conn.execute(query.encode()).fetchall()}


def test_everything_comes_back_as_it_was(conn: Connection) -> None:
    before = conn.execute(_STATE).fetchall()
    drop_for_load(conn, quiet)
    assert conn.execute(_STATE).fetchall() != before
    recreate(conn, quiet)
    after = [row for row in conn.execute(_STATE).fetchall() if "pgcutover" not in str(row[1])]
    assert after == before


def test_only_keys_stay_for_the_load(conn: Connection) -> None:
    drop_for_load(conn, quiet)
    indexes = """
        select indexrelid::regclass::text from pg_index
        where indrelid::regclass::text !~ '^(pg_|information_schema|pgcutover)'
    """
    assert names(conn, indexes) == {
        "parent_pkey",
        "child_pkey",
        "parted_pkey",
        "parted_1_pkey",
        "clustered_pkey",
        # the only way for a mover to identify these rows
        "identified_key",
        '"Odd Schema"."Log_i_key"',
    }
    assert names(conn, "select conname from pg_constraint where contype = 'f'") == set()
    assert names(conn, "select tgname from pg_trigger where not tgisinternal") == set()


def test_both_steps_happen_once(conn: Connection) -> None:
    assert drop_for_load(conn, quiet) is not None
    assert drop_for_load(conn, quiet) is None
    assert recreate(conn, quiet) is not None
    assert recreate(conn, quiet) is None


def test_rows_that_a_foreign_key_refuses_are_reported_and_can_be_mended(conn: Connection) -> None:
    drop_for_load(conn, quiet)
    conn.execute("insert into child values (1, 404)")
    message = r"foreign key child_fk of public\.child could not be created .*SQLSTATE 23503"
    with pytest.raises(ProvisionError, match=message):
        recreate(conn, quiet)
    assert "child_fk" not in names(conn, "select conname from pg_constraint")
    assert "public.parted_at" in names(
        conn,
        "select n.nspname || '.' || relname from pg_class c, pg_namespace n"
        " where n.oid = relnamespace",
    )
    conn.execute("delete from child")
    recreate(conn, quiet)
    assert "child_fk" in names(conn, "select conname from pg_constraint")


def test_a_target_that_was_never_prepared_is_refused(conn: Connection) -> None:
    with pytest.raises(ProvisionError, match="provision the target first"):
        recreate(conn, quiet)
