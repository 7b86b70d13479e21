"""KGC's repository functions over dual-write: they write to the source, and read from it.

The outbox captures each write, and a relay carries it to the target, where the table may have
another schema, partitions or columns. Neither ids nor times are made twice.
"""

from datetime import date
from decimal import Decimal
from typing import Any
from uuid import UUID

from pgcutover.dualwrite import DualWrite

Row = dict[str, Any]


class HealthMetrics:
    """The health metrics of users."""

    table = "public.health_metrics"

    def __init__(self, dual: DualWrite) -> None:
        """Use the application's pool."""
        self._dual = dual

    def create(self, user_id: int, metric: str, value: Decimal, unit: str) -> Row | None:
        """Record a measurement; its id and time are the source's."""
        query = (
            f"insert into {self.table} (user_id, metric, value, unit, recorded_at)"  # noqa: S608
            " values (%s, %s, %s, %s, now()) returning *"
        )
        with self._dual.transaction() as writes:
            # now() runs once: the relay copies the row, not the statement
            return writes.execute(query, [user_id, metric, value, unit]).fetchone()

    def update(self, metric_id: int, **changes: object) -> list[Row]:
        """Correct a measurement."""
        with self._dual.transaction() as writes:
            return writes.update(self.table, changes, {"id": metric_id}, ["id", "value", "unit"])

    def delete(self, metric_id: int) -> bool:
        """Remove a measurement; return whether there was one."""
        with self._dual.transaction() as writes:
            return bool(writes.delete(self.table, {"id": metric_id}, ["id"]))

    def of_user(self, user_id: int) -> list[Row]:
        """Return a user's measurements, from the source."""
        query = f"select * from {self.table} where user_id = %s order by id"  # noqa: S608
        with self._dual.transaction() as writes:
            return writes.execute(query, [user_id]).fetchall()


class CarePlanDirectives:
    """The directives of care plans."""

    table = "public.care_plan_directives"

    def __init__(self, dual: DualWrite) -> None:
        """Use the application's pool."""
        self._dual = dual

    def create(self, patient_id: int, doctor_id: int, title: str, text: str, on: date) -> UUID:
        """Write a directive; its uuid is the source's."""
        row = {
            "patient_id": patient_id,
            "doctor_id": doctor_id,
            "title": title,
            "directive": text,
            "starts_on": on,
        }
        with self._dual.transaction() as writes:
            made = writes.insert(self.table, row, ["id"])
        if made is None:
            raise LookupError("a trigger of the table left the directive out")
        found: UUID = made["id"]
        return found

    def update(self, directive_id: UUID, *, wait_seconds: float = 2.0, **changes: object) -> None:
        """Change a directive, and wait until the target has it, as an export there needs it."""
        with self._dual.transaction(applied_within=wait_seconds) as writes:
            writes.update(self.table, changes, {"id": directive_id})

    def delete(self, directive_id: UUID) -> None:
        """Remove a directive."""
        with self._dual.transaction() as writes:
            writes.delete(self.table, {"id": directive_id})

    def of_patient(self, patient_id: int) -> list[Row]:
        """Return a patient's directives, from the source."""
        query = f"select * from {self.table} where patient_id = %s order by starts_on"  # noqa: S608
        with self._dual.transaction() as writes:
            return writes.execute(query, [patient_id]).fetchall()
