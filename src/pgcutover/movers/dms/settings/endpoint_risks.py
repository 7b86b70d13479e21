"""Settings of the PostgreSQL endpoints by which AWS DMS can lose or hide rows.

From the DMS user guide, "Using a PostgreSQL database as an AWS DMS source" and "… as a target".
"""

import re

from pgcutover.movers.dms.settings.risk import (
    SOURCE,
    TARGET,
    Matters,
    Risk,
    Values,
    captures,
    truncates_lobs,
)
from pgcutover.movers.dms.settings.workload import Workload

_SIDES = (SOURCE, TARGET)
_REPLICA = re.compile(r"set session_replication_role\s*(=|to)\s*'?replica'?;?", re.IGNORECASE)


def _runs_other_script(side: str) -> Matters:
    """Return whether a script does more than to keep foreign keys and triggers off on the target.

    These are harmless: the checks find orphans, and rows that a trigger should have changed.
    """

    def matters(workload: Workload, values: Values) -> bool:
        script = str(values.get(f"{side}.AfterConnectScript") or "").strip()
        return not (side == TARGET and _REPLICA.fullmatch(script))

    return matters


ENDPOINT_RISKS = (
    Risk(
        f"{SOURCE}.FailTasksOnLobTruncation",
        False,
        (True,),
        "a value above the LOB limit is truncated and the task goes on",
        truncates_lobs,
    ),
    *(
        Risk(
            f"{side}.MapBooleanAsBoolean",
            False,
            (True,),
            "booleans are moved as varchar(5)",
            lambda workload, values: workload.has_booleans,
        )
        for side in _SIDES
    ),
    *(
        Risk(
            f"{side}.TrimSpaceInChar",
            True,
            (False,),
            "trailing spaces of char(n) are removed",
            lambda workload, values: workload.has_padded_texts,
            is_warning=True,
        )
        for side in _SIDES
    ),
    Risk(
        f"{SOURCE}.CaptureDdls",
        True,
        (False,),
        "DMS creates a table and an event trigger on the source; they stay after the cutover",
        captures,
        is_warning=True,
    ),
    Risk(
        f"{SOURCE}.HeartbeatEnable",
        False,
        (True,),
        "while no mapped table is written, the slot keeps the source's WAL; a slot that the server "
        "removes for that loses every later change",
        captures,
        is_warning=True,
    ),
    Risk(
        f"{SOURCE}.MapUnboundedNumericAsString",
        False,
        (True,),
        "a numeric without precision is moved as numeric(28,6)",
        lambda workload, values: workload.has_unbounded_numerics,
        is_warning=True,
    ),
    Risk(
        f"{SOURCE}.MapJsonbAsClob",
        False,
        (False,),
        "jsonb is moved as a CLOB; AWS does not say which characters that can change",
        is_warning=True,
    ),
    Risk(
        f"{SOURCE}.MapLongVarcharAs",
        "wstring",
        ("wstring",),
        "AWS does not say which long texts that can change",
        is_warning=True,
    ),
    *(
        Risk(
            f"{side}.DatabaseMode",
            "default",
            ("default",),
            "DMS treats the server as Babelfish",
            is_warning=True,
        )
        for side in _SIDES
    ),
    *(
        Risk(
            f"{side}.AfterConnectScript",
            "",
            ("",),
            "DMS runs a script in each of its sessions, which can change what it reads and writes",
            _runs_other_script(side),
            is_warning=True,
            is_private=True,
        )
        for side in _SIDES
    ),
)
