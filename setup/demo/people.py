"""Roles of KGC's users, computed from the id."""

from collections.abc import Iterator

from pgcutover.setup.demo.values import Values

SYSTEM_USER = 1


def role_of(user_id: int) -> str:
    """Return the role: one in 20 is a doctor, one in 100 an administrator, the rest patients."""
    if user_id == SYSTEM_USER or user_id % 100 == 3:
        return "admin"
    return "doctor" if user_id % 20 == 2 else "patient"


def doctor(number: int, users: int) -> int:
    """Return the id of a doctor; numbers beyond the last doctor start again."""
    doctors = (users - 2) // 20 + 1
    return 2 + 20 * (number % doctors)


def any_doctor(values: Values, users: int) -> int:
    return doctor(values.below(users), users)


def any_patient(values: Values, users: int) -> int:
    while True:
        user_id = 2 + values.below(users - 1)
        if role_of(user_id) == "patient":
            return user_id


def patients(users: int) -> Iterator[int]:
    """Return all patients' ids, ascending."""
    return (user_id for user_id in range(1, users + 1) if role_of(user_id) == "patient")
