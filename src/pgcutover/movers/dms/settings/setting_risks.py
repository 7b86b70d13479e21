"""Finds the settings of a task and its endpoints by which AWS DMS can lose or hide rows."""

from collections.abc import Iterator, Mapping

from pgcutover.movers.dms.settings.endpoint_risks import ENDPOINT_RISKS
from pgcutover.movers.dms.settings.harmless_settings import HARMLESS
from pgcutover.movers.dms.settings.risk import SOURCE, TARGET, Risk, Values
from pgcutover.movers.dms.settings.task_risks import TASK_RISKS
from pgcutover.movers.dms.settings.workload import Workload

RISKS = (*TASK_RISKS, *ENDPOINT_RISKS)
_JUDGED = {risk.setting for risk in RISKS}


def find_risks(values: Values, workload: Workload) -> Iterator[tuple[Risk, object]]:
    """Yield each risk that matters, with the value found; DMS's default where none is set."""
    for risk in RISKS:
        value = values.get(risk.setting)
        value = risk.default if value is None else value
        if value not in risk.safe and risk.matters(workload, values):
            yield risk, value


def endpoint_setting_names() -> set[str]:
    """Return the endpoint settings that are judged or known to be harmless."""
    names = (name.rpartition(".") for name in (*_JUDGED, *HARMLESS))
    return {key for section, _, key in names if section.endswith("endpoint")}


def find_unknown(values: Values) -> list[str]:
    """Return the settings that are neither judged nor known to be harmless."""
    return sorted(name for name, value in values.items() if _is_unknown(name, value))


def _is_unknown(name: str, value: object) -> bool:
    section, _, key = name.partition(".")
    if value is None or isinstance(value, Mapping) or section in _JUDGED:
        return False
    general = f"endpoint.{key}" if section in (SOURCE, TARGET) else name
    return not {name, general, section} & (_JUDGED | HARMLESS.keys())
