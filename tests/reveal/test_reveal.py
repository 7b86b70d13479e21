"""Test that a finding's key hash can be resolved to its row with secret and databases."""

from reveal.conftest import CHECKS, keys_of

ORDERS = "DATA-ROWS[app.orders]"


def test_shows_a_missing_an_extra_and_a_changed_row(damaged):
    shop, outcome = damaged
    (missing,) = keys_of(outcome, ORDERS, "rows missing")
    found = shop.reveal("result", missing)
    assert found.code == 0, found.stderr
    assert "source: app.orders\n    shop (key)    '1'\n    number (key)  'n7'" in found.shown
    assert "note          'note 7'" in found.shown
    assert "target: app.orders: no row with this key" in found.shown

    (extra,) = keys_of(outcome, ORDERS, "rows extra")
    found = shop.reveal("result", extra)
    assert "source: app.orders: no row with this key" in found.shown
    assert '''number (key)  "x'1"''' in found.shown

    (changed,) = keys_of(outcome, ORDERS, "rows changed")
    found = shop.reveal("result", changed)
    assert "'note 8'" in found.shown
    assert r"'note\x1b[31m 8'" in found.shown
    assert "\x1b" not in found.shown


def test_needs_a_terminal_or_an_explicit_option(damaged):
    shop, outcome = damaged
    (missing,) = keys_of(outcome, ORDERS, "rows missing")
    refused = shop.reveal("result", missing, terminal=False)
    assert (refused.code, refused.shown) == (3, "")
    assert "--allow-redirect" in refused.stderr
    assert "'n7'" in shop.reveal("result", missing, "--allow-redirect", terminal=False).shown


def test_another_secret_names_the_one_that_is_missing(damaged, monkeypatch):
    shop, outcome = damaged
    (missing,) = keys_of(outcome, ORDERS, "rows missing")
    monkeypatch.setitem(shop.environment, "PGCUTOVER_KEY_SECRET", "another secret " * 3)
    refused = shop.reveal("result", missing)
    assert refused.code == 3
    assert f"expected the key secret with id {outcome.document['key_secret_id']}" in refused.stderr
    assert "n7" not in refused.stderr + refused.shown


def test_neither_key_nor_secret_is_in_a_file_of_the_run(damaged):
    shop, outcome = damaged
    secret = (shop.folder / ".pgcutover" / "secret").read_text().strip()
    assert len(secret) == 64
    for path in outcome.out.rglob("*"):
        text = path.read_text() if path.is_file() else ""
        assert secret not in text
        assert "'n7'" not in text
    assert secret not in outcome.text


def test_follows_a_table_that_was_moved_and_renamed(shop):
    shop.on_target("alter table app.orders rename to sales; alter schema app rename to core")
    shop.select("app", "public", app="core", app__orders="sales")
    shop.on_target("delete from core.sales where number = 'n7'")
    outcome = shop.gate("-n", "0", checks=CHECKS)
    (missing,) = keys_of(outcome, "DATA-ROWS[core.sales]", "rows missing")
    found = shop.reveal("result", missing)
    assert "source: app.orders\n" in found.shown
    assert "'n7'" in found.shown
    assert "target: core.sales: no row with this key" in found.shown


def test_shows_a_row_of_a_table_without_key(damaged):
    shop, outcome = damaged
    (missing,) = keys_of(outcome, "DATA-ROWS[app.log]", "rows missing")
    assert "'entry 5'" in shop.reveal("result", missing).shown


def test_shows_an_orphan(shop):
    key = "alter table app.lines add constraint lines_fk foreign key (shop, number) "
    key += "references app.orders not valid"
    shop.on_source(key)
    shop.on_target(key)
    away = "delete from app.orders where number = 'n7'"
    shop.on_target(f"set session_replication_role = replica; {away}")
    outcome = shop.gate("-n", "0", checks=CHECKS)
    (orphan,) = keys_of(outcome, "DATA-ORPHANS[app.lines.lines_fk]", "orphans")
    found = shop.reveal("result", orphan)
    assert found.code == 0, found.stderr
    assert "target: app.lines\n" in found.shown
    assert "'n7'" in found.shown
    assert "source" not in found.shown


def test_a_row_that_is_gone_is_not_found(damaged):
    shop, outcome = damaged
    (extra,) = keys_of(outcome, ORDERS, "rows extra")
    shop.on_target("delete from app.orders where shop = 9")
    found = shop.reveal("result", extra)
    assert found.code == 1
    shop.on_target("insert into app.orders values (9, 'x''1', 5, 'from the target')")
    assert found.shown.count("no row with this key") == 2


def test_unknown_run_and_hash_are_one_sentence(damaged):
    shop, _ = damaged
    assert "expected its id or its folder" in shop.reveal("no-such-run", "0" * 16).stderr
    assert "expected a finding with key hash" in shop.reveal("result", "0" * 16).stderr
    assert "expected 16 hex digits" in shop.reveal("result", "n7").stderr
