"""Test that the transactions of all processes of a run are counted together."""

import subprocess
import sys
from types import SimpleNamespace

from pgcutover.connect import open_session
from pgcutover.connect.transaction_counts import COUNTS, TransactionCounts

ANOTHER_PROCESS = """
import sys
from pathlib import Path
from types import SimpleNamespace
from pgcutover.connect.transaction_counts import TransactionCounts
counts = TransactionCounts()
counts.share(Path(sys.argv[1]))
for _ in range(300):
    counts.add(SimpleNamespace(host="db", port=5432))
"""


def test_each_transaction_of_a_connection_is_counted_once(databases):
    with open_session(databases.source) as session:
        before = COUNTS.total(session.info)
        session.execute("select 1")
        session.execute("select 1")
        with session.transaction():
            session.execute("select 1")
        session.rollback()
        with session.transaction():
            session.execute("select 1")
        assert COUNTS.total(session.info) == before + 2


def test_processes_that_share_a_folder_know_the_counts_of_all(tmp_path):
    command = [sys.executable, "-c", ANOTHER_PROCESS, str(tmp_path)]
    subprocess.run(command, check=True, timeout=60)
    counts = TransactionCounts()
    server, another = (SimpleNamespace(host=host, port=5432) for host in ("db", "replica"))
    counts.add(server)
    assert counts.total(server) == 1
    counts.share(tmp_path)
    for _ in range(2):
        counts.add(server)
        assert counts.total(server) in (302, 303)
    assert counts.total(server) == 303
    assert counts.total(another) == 0
