"""Test types that use another type's output function, as refcursor uses textout(text)."""

from compare.lab import Lab, rule, rules, run


def test_a_type_with_another_types_output_function_is_readable(fresh_database) -> None:
    everything = rules([rule(1, "selection", "include", "app", "%")])
    lab = Lab(fresh_database("source"), fresh_database("target"), rules=everything, recent={})
    for dsn in (lab.source, lab.target):
        run(
            dsn,
            "create schema app",
            "create table app.t (id int primary key, v refcursor)",
            "insert into app.t values (1, 'a'), (2, null)",
        )
    table = lab.table("app.t")
    with lab.comparer() as comparer:
        assert not comparer.rows(table)
    run(lab.target, "update app.t set v = 'b' where id = 1")
    with lab.comparer() as comparer:
        assert "1 row changed" in comparer.rows(table).report()
