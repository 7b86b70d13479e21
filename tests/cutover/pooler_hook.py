"""The hooks `pause` and `resume` of a source behind PgBouncer, by its admin console."""

import os
from contextlib import suppress

import psycopg

STEP = os.environ["PGCUTOVER_STEP"]
if os.environ["PGCUTOVER_SIDE"] == "source":
    with (
        psycopg.connect(os.environ["PGCUTOVER_POOLER_DSN"], autocommit=True) as console,
        suppress(psycopg.errors.ProtocolViolation),  # it is not paused
    ):
        console.execute(STEP.upper())
        print(f"{STEP}d")
