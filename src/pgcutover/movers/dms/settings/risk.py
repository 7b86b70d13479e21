"""A setting of AWS DMS that can lose or hide rows, and the conditions under which it matters."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from pgcutover.movers.dms.settings.workload import Workload

SOURCE, TARGET = "source endpoint", "target endpoint"
Values = Mapping[str, object]
Matters = Callable[[Workload, Values], bool]
SAFE_POLICIES = ("SUSPEND_TABLE", "STOP_TASK")


@dataclass(frozen=True, slots=True)
class SettingProblem:
    """A setting that loses or hides rows of an object, or a warning that it may."""

    object: str
    message: str
    is_warning: bool = False


@dataclass(frozen=True, slots=True)
class Risk:
    """A setting, the values that are safe, and the consequence of any other.

    `matters` tells for which tables and other settings; `tables` names the ones concerned. The
    value of a private setting is never shown.
    """

    setting: str
    default: object
    safe: tuple[object, ...]
    consequence: str
    matters: Matters = lambda workload, values: True
    is_warning: bool = False
    is_private: bool = False
    tables: Callable[[Workload], tuple[str, ...]] = field(default=lambda workload: ())

    def message(self, value: object, workload: Workload) -> str:
        """Return setting, found, consequence, expected and remedy."""
        expected = " or ".join(shown(each) for each in self.safe)
        tables = self.tables(workload)
        more = f" and {len(tables) - 1} more" if len(tables) > 1 else ""
        about = f" ({tables[0]}{more})" if tables else ""
        found = "set" if self.is_private else shown(value)
        return f"{self.setting} is {found}: {self.consequence}{about}; set it to {expected}"


def shown(value: object) -> str:
    """Return the text for a value, without the contents of lists and objects."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, (list, Mapping)):
        return "set" if value else "empty"
    return "empty" if value in ("", None) else str(value)


def loads(workload: Workload, values: Values) -> bool:
    """Tell if the task loads the tables."""
    return workload.migration_type != "cdc"


def captures(workload: Workload, values: Values) -> bool:
    """Tell if the task captures changes."""
    return workload.migration_type != "full-load"


def loads_and_captures(workload: Workload, values: Values) -> bool:
    """Tell if the task loads the tables and captures changes."""
    return loads(workload, values) and captures(workload, values)


def has_lobs(workload: Workload, values: Values) -> bool:
    """Tell if a table has a LOB column."""
    return workload.largest_lob_bytes is not None


def truncates_lobs(workload: Workload, values: Values) -> bool:
    """Tell if a LOB of a table can be truncated."""
    return has_lobs(workload, values) and not values.get("TargetMetadata.FullLobMode")
