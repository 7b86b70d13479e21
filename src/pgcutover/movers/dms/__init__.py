"""AWS DMS, driven through boto3."""

from pgcutover.movers.dms.checks import MoverDiff
from pgcutover.movers.dms.control_tables import ControlTables
from pgcutover.movers.dms.drain import DrainResult, Lag
from pgcutover.movers.dms.load import LoadSummary
from pgcutover.movers.dms.mover import Dms, DmsReport
from pgcutover.movers.dms.resources.provision import PlannedStep
from pgcutover.movers.dms.resources.teardown import TeardownResult
from pgcutover.movers.dms.settings.lob_size import LobColumn, largest_lob, lob_limit_kb
from pgcutover.movers.dms.settings.task_settings import with_lob_limit
from pgcutover.movers.dms.task_status import TableStatistics, TaskStatus

__all__ = [
    "ControlTables",
    "Dms",
    "DmsReport",
    "DrainResult",
    "Lag",
    "LoadSummary",
    "LobColumn",
    "MoverDiff",
    "PlannedStep",
    "TableStatistics",
    "TaskStatus",
    "TeardownResult",
    "largest_lob",
    "lob_limit_kb",
    "with_lob_limit",
]
