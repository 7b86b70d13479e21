"""A verdict opens the cutover only with the ledgers that it was made with."""

import shutil
from contextlib import closing
from pathlib import Path

from ledger.rig import Rig

from pgcutover.config import Settings
from pgcutover.cutover.gates.verdict_ledger import ExpectedLedgers, find_ledger_reasons
from pgcutover.ledger.identity import find_faults, read_identity
from pgcutover.ledger.store import FILE, Store
from pgcutover.plugin.ledger_entry import describe_ledgers
from pgcutover.verdict_json.document import ChangeLedger


def test_other_ledgers_than_the_verdicts_are_refused(
    migration: tuple[Rig, Settings], tmp_path: Path
) -> None:
    rig, settings = migration

    def entry() -> ChangeLedger | None:
        plain = describe_ledgers(read_identity(settings))
        return ChangeLedger.model_validate(plain) if plain else None

    def reasons(made_with: ChangeLedger | None) -> str:
        now = ExpectedLedgers(read_identity(settings), tuple(find_faults(settings)))
        return "; ".join(find_ledger_reasons(made_with, now))

    assert reasons(entry()) == (
        'the change ledgers have not begun; expected "pgcutover ledger run" before the gate'
    )
    rig.begin()
    then = entry()
    assert then is not None
    assert [each.table for each in then.comparisons] == ["app.a", "app.b"]
    assert reasons(then) == ""
    assert rig.compare("app.a") == {}  # a later comparison continues from the verdict's
    assert reasons(then) == ""
    assert reasons(None) == "it was made without the change ledgers; start them before the gate"

    rig.close()
    shutil.copy(rig.folder / FILE, tmp_path / "older")
    rig.open()
    rig.run("source", "insert into app.a values (500, 'v')")
    rig.prove()
    later = entry()
    rig.close()
    current = (rig.folder / FILE).read_bytes()
    shutil.copy(tmp_path / "older", rig.folder / FILE)
    assert "source: expected the ledger at" in reasons(later)
    assert "its file is an older copy" in reasons(later)
    (rig.folder / FILE).write_bytes(current)
    with closing(Store(rig.folder / FILE)) as store, store.transaction() as database:
        database.execute("delete from compared where name = 'app.b'")
    assert reasons(later) == "comparisons that the ledgers do not hold any more: app.b"

    rig.run(
        "target",
        f"select pg_drop_replication_slot('{rig.slot}')",
        f"select pg_create_logical_replication_slot('{rig.slot}', 'pgoutput')",
    )
    assert "the slot was created again or read by somebody else" in reasons(then)
    rig.begin()
    assert "they were begun anew, or the file is another one" in reasons(then)
    assert reasons(entry()) == ""
