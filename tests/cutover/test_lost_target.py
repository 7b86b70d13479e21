"""Test the documented way on where the target is lost after the opening."""

import re
from pathlib import Path

import psycopg
import pytest
from cutover.rig import Night
from cutover.subscriptions import execute

import pgcutover.setup
from pgcutover.cutover.resolver import Side

DOCUMENT = Path(pgcutover.setup.__path__[0]).parent / "docs" / "cutover.md"
BLOCK = r"```sql\n(do \$\$.*?cascade;\n)```"


@pytest.fixture
def night(tmp_path, databases, monkeypatch):
    made = Night(tmp_path, databases, monkeypatch)
    yield made
    made.close()


def test_the_source_accepts_writes_again_by_the_documented_statements(night):
    with night.client():
        night.lead(Side.TARGET)
        night.wait_for_writes(20)
    source = night.dsns[Side.SOURCE]
    wanted = set(night.acknowledged())
    arrived = "select token::text from orders"
    night.world().mover.drain(Side.TARGET, 30)  # what the way back has carried is there
    assert {token for (token,) in execute(source, arrived)} == wanted
    insert = "insert into orders (token, note) values (gen_random_uuid(), 'later') returning id"
    with pytest.raises(psycopg.errors.ReadOnlySqlTransaction):
        execute(source, insert)
    ((highest,),) = execute(source, "select max(id) from orders")
    (block,) = re.findall(BLOCK, DOCUMENT.read_text("utf-8"), re.DOTALL)
    with psycopg.connect(source) as connection:
        connection.execute(block)
    ((given,),) = execute(source, insert)
    assert given > highest + 9_999
