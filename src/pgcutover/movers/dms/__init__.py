"""AWS DMS, driven through boto3."""

from pgcutover.movers.dms.drain import Drained, Lag
from pgcutover.movers.dms.load import LoadSummary
from pgcutover.movers.dms.lob import LobColumn, largest_lob, lob_limit_kb
from pgcutover.movers.dms.mover import Dms, DmsReport
from pgcutover.movers.dms.provision import PlannedStep
from pgcutover.movers.dms.task import TableStatistics, TaskStatus
from pgcutover.movers.dms.tasksettings import with_lob_limit
from pgcutover.movers.dms.teardown import TornDown
from pgcutover.movers.dms.verdicts import MoverDiff

__all__ = [
    "Dms",
    "DmsReport",
    "Drained",
    "Lag",
    "LoadSummary",
    "LobColumn",
    "MoverDiff",
    "PlannedStep",
    "TableStatistics",
    "TaskStatus",
    "TornDown",
    "largest_lob",
    "lob_limit_kb",
    "with_lob_limit",
]
