"""Generators of the rows of KGC's tables, one per table."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from itertools import islice

from pgcutover.setup.demo.people import (
    SYSTEM_USER,
    any_doctor,
    any_patient,
    doctor,
    patients,
    role_of,
)
from pgcutover.setup.demo.values import Values

Row = tuple[object, ...]
LARGEST_IMAGE_BYTES = 1_572_864
"""No row the demo ever writes is larger, so a LOB limit computed from the data always fits."""


@dataclass(frozen=True, slots=True)
class Counts:
    """The number of rows of each table, a multiple of `scale`."""

    scale: int

    def of(self, table: str) -> int:
        return ROWS_AT_SCALE_1[table] * self.scale


ROWS_AT_SCALE_1 = {
    "users": 2000,
    "user_roles": 2400,
    "userDevices": 1500,
    "user_content_preferences": 1500,
    "health_metrics": 20000,
    "care_plan_directives": 1500,
    "doctor_patients": 1800,
    "patient_progress_reports": 800,
    "progress_milestones": 2000,
    "emergency_events": 300,
    "motivational_images": 120,
    "user_favorites": 2000,
    "content_interactions": 3000,
    "chat_memory": 2000,
    "recommendations": 2500,
    "feature_usage": 6000,
    "patient_invitations": 600,
    "admin_activity_log": 2000,
}

_METRICS = (
    # metric, unit, low, high, decimals as each device reports them
    ("heart_rate", "bpm", 48, 140, (0,)),
    ("systolic", "mmHg", 95, 180, (0,)),
    ("diastolic", "mmHg", 55, 110, (0,)),
    ("weight", "kg", 45, 140, (1, 2)),
    ("glucose", "mmol/L", 3, 15, (1, 2)),
    ("steps", "count", 0, 25000, (0,)),
    ("sleep", "h", 3, 11, (2, 4)),
    ("spo2", "%", 88, 100, (0, 1)),
    ("temperature", "°C", 35, 40, (1, 2)),
)
_CATEGORIES = ("nutrition", "sleep", "exercise", "mindfulness", "medication")
_PLATFORMS = ("ios", "android", "web")
_FEATURES = ("dashboard", "chat", "metrics.add", "images.feed", "report.export", "café/日記")


def users(v: Values, counts: Counts) -> Iterator[Row]:
    for user_id in range(1, counts.of("users") + 1):
        referrer = v.below(user_id - 1) + 1 if user_id > 2 and v.chance(0.3) else None
        born = None if v.chance(0.05) else f"{1930 + v.below(80)}-{1 + v.below(12):02d}-28"
        moment = v.moment()
        yield (
            user_id,
            v.uuid(),
            f"{v.pick(('user', 'User'))}.{user_id}@{v.pick(('mail', 'kgc'))}.example",
            v.name(),
            v.family(),
            None if v.chance(0.3) else f"+61 4{v.below(10**8):08d}",
            born,
            v.pick(("en-AU", "fr-FR", "zh-Hant-TW", "ar")),
            v.pick(("Australia/Sydney", "Europe/London", "America/New_York")),
            v.chance(0.9),
            v.document() if v.chance(0.3) else "{}",
            v.text(),
            referrer,
            moment,
            moment + timedelta(seconds=v.below(10**6)) if v.chance(0.5) else moment,
        )


def user_roles(v: Values, counts: Counts) -> Iterator[Row]:
    population = counts.of("users")
    for number in range(counts.of("user_roles")):
        extra = number - population
        user_id = number + 1 if extra < 0 else extra * 5 + 1
        granted_by = SYSTEM_USER if v.chance(0.8) else None
        yield (user_id, role_of(user_id) if extra < 0 else "nurse", granted_by, v.moment())


def user_devices(v: Values, counts: Counts) -> Iterator[Row]:
    for number in range(1, counts.of("userDevices") + 1):
        seen = v.moment().replace(tzinfo=None)
        yield (
            number,
            v.below(counts.of("users")) + 1,
            v.family(),
            v.pick(_PLATFORMS),
            f"{v.hex(32)}{number:08x}",
            None if v.chance(0.1) else f"{1 + v.below(9)}.{v.below(20)}.{v.below(10)}",
            seen.replace(microsecond=seen.microsecond // 1000 * 1000) if v.chance(0.9) else None,
        )


def user_content_preferences(v: Values, counts: Counts) -> Iterator[Row]:
    for number in range(counts.of("user_content_preferences")):
        tags = '{"plain","with space","comma,","quo\\"te",""}' if v.chance(0.3) else "{}"
        yield (
            number // 3 + 1,
            _CATEGORIES[number % 3],
            f"{v.rng.random():.6f}",
            v.chance(0.1),
            tags,
            v.moment(),
        )


def health_metrics(v: Values, counts: Counts) -> Iterator[Row]:
    total, population = counts.of("health_metrics"), counts.of("users")
    for number in range(1, total + 1):
        metric, unit, low, high, scales = _METRICS[v.below(len(_METRICS))]
        recorded = v.moment() if v.chance(0.2) else v.moment_at(number / (total + 1))
        yield (
            number,
            any_patient(v, population),
            metric,
            v.decimal(low, high, scales[v.below(len(scales))]),
            unit,
            None if v.chance(0.05) else v.device(),
            v.rng.random() if v.chance(0.5) else None,
            v.sentence() if v.chance(0.03) else "" if v.chance(0.05) else None,
            recorded,
            recorded + timedelta(microseconds=1 + v.below(10**8)),
        )


def care_plan_directives(v: Values, counts: Counts) -> Iterator[Row]:
    population = counts.of("users")
    for _ in range(counts.of("care_plan_directives")):
        starts = v.day()
        yield (
            v.uuid(),
            any_patient(v, population),
            any_doctor(v, population),
            any_doctor(v, population) if v.chance(0.7) else SYSTEM_USER,
            v.sentence()[:200],
            v.text(20) or v.sentence(),
            v.pick(("draft", "active", "completed", "withdrawn")),
            1 + v.below(5),
            starts,
            starts + timedelta(days=v.below(120)) if v.chance(0.6) else None,
            v.moment(),
        )


def doctor_patients(v: Values, counts: Counts) -> Iterator[Row]:
    population = counts.of("users")
    chosen = islice(patients(population), counts.of("doctor_patients"))
    for number, patient in enumerate(chosen, 1):
        since = v.day()
        until = since + timedelta(days=v.below(300)) if v.chance(0.2) else None
        yield (number, doctor(number, population), patient, since, until, v.text(3))


def patient_progress_reports(v: Values, counts: Counts) -> Iterator[Row]:
    population = counts.of("users")
    for number in range(1, counts.of("patient_progress_reports") + 1):
        start = v.day().replace(day=1)
        end = (start + timedelta(days=32)).replace(day=1) if v.chance(0.9) else ""
        yield (
            number,
            any_patient(v, population),
            any_doctor(v, population),
            f"[{start},{end})",
            v.text(30),
            None if v.chance(0.1) else v.decimal(17, 45, 2),
            None if v.chance(0.1) else v.decimal(0, 100, 2),
            v.decimal(-50, 25000, 4),
            v.document(),
            v.moment() if v.chance(0.7) else None,
        )


def progress_milestones(v: Values, counts: Counts) -> Iterator[Row]:
    for number in range(1, counts.of("progress_milestones") + 1):
        achieved = v.chance(0.5)
        yield (
            v.uuid(),
            v.below(counts.of("users")) + 1,
            f"{v.pick(_CATEGORIES)}-{number}",
            v.text(),
            v.decimal(1, 10000, 4),
            v.decimal(0, 10000, 4) if achieved else None,
            v.day() if v.chance(0.8) else None,
            v.moment() if achieved else None,
        )


def emergency_events(v: Values, counts: Counts) -> Iterator[Row]:
    population = counts.of("users")
    for number in range(1, counts.of("emergency_events") + 1):
        occurred = v.moment()
        local = (occurred + timedelta(hours=10)).replace(tzinfo=None)
        yield (
            number,
            any_patient(v, population),
            any_doctor(v, population) if v.chance(0.8) else None,
            1 + v.below(5),
            occurred,
            local,
            -33.8 + v.rng.random() if v.chance(0.9) else None,
            151.2 - v.rng.random() if v.chance(0.9) else None,
            v.document() if v.chance(0.8) else None,
            v.text(12),
            occurred + timedelta(seconds=v.below(7200), microseconds=1) if v.chance(0.9) else None,
        )


def motivational_images(v: Values, counts: Counts) -> Iterator[Row]:
    for number in range(1, counts.of("motivational_images") + 1):
        yield (
            number,
            v.sentence()[:200],
            v.pick(("image/png", "image/webp")),
            v.picture(_image_bytes(v, number)),
            v.picture(200 + v.below(2000)) if v.chance(0.8) else None,
            v.below(counts.of("users")) + 1 if v.chance(0.9) else None,
            v.moment(),
        )


def _image_bytes(v: Values, number: int) -> int:
    if number == 17:
        return LARGEST_IMAGE_BYTES
    if number % 40 == 17:
        return 1_048_577 + v.below(200_000)
    return 32_769 + v.below(90_000) if number % 8 == 3 else 900 + v.below(20_000)


def user_favorites(v: Values, counts: Counts) -> Iterator[Row]:
    images = counts.of("motivational_images")
    for number in range(1, counts.of("user_favorites") + 1):
        place = v.below(20) if v.chance(0.9) else None
        yield (number, number, v.below(images) + 1, place, v.moment())


def content_interactions(v: Values, counts: Counts) -> Iterator[Row]:
    for number in range(1, counts.of("content_interactions") + 1):
        commented = v.chance(0.1)
        yield (
            number,
            v.below(counts.of("users")) + 1,
            v.below(counts.of("motivational_images")) + 1 if v.chance(0.97) else None,
            v.below(counts.of("userDevices")) + 1 if v.chance(0.8) else None,
            "comment" if commented else v.pick(("view", "share", "like", "skip")),
            v.rng.random() * 300 if v.chance(0.9) else None,
            1 + v.below(5) if v.chance(0.3) else None,
            v.text(2) if commented else None,
            v.moment(),
        )


def chat_memory(v: Values, counts: Counts) -> Iterator[Row]:
    conversation = v.uuid()
    for number in range(1, counts.of("chat_memory") + 1):
        if v.chance(0.2):
            conversation = v.uuid()
        content = v.text(15)
        yield (
            number,
            v.below(counts.of("users")) + 1,
            conversation,
            ("user", "assistant", "system")[number % 3],
            v.sentence() if content is None else content,
            v.document() if v.chance(0.6) else None,
            v.real_array(64) if v.chance(0.9) else None,
            v.below(4096),
            v.moment(),
        )


def recommendations(v: Values, counts: Counts) -> Iterator[Row]:
    for number in range(1, counts.of("recommendations") + 1):
        yield (
            number,
            v.below(counts.of("users")) + 1,
            v.below(counts.of("chat_memory")) + 1 if v.chance(0.7) else None,
            v.sentence()[:200],
            v.text(10),
            v.rng.random(),
            v.decimal(0, 100, 2) if v.chance(0.9) else None,
            v.document() if v.chance(0.5) else None,
            v.chance(0.3),
            v.moment() if v.chance(0.6) else None,
        )


def feature_usage(v: Values, counts: Counts) -> Iterator[Row]:
    row: Row = ()
    for number in range(counts.of("feature_usage")):
        if number % 50 != 49:  # every fiftieth row repeats its predecessor: the table has no key
            row = (
                v.below(counts.of("users")) + 1,
                v.pick(_FEATURES),
                v.below(90_000) if v.chance(0.9) else None,
                "" if v.chance(0.05) else f"{1 + v.below(9)}.{v.below(20)}",
                v.chance(0.05),
                v.moment(),
            )
        yield row


def patient_invitations(v: Values, counts: Counts) -> Iterator[Row]:
    population = counts.of("users")
    for number in range(1, counts.of("patient_invitations") + 1):
        sent = v.moment()
        status = v.pick(("pending", "accepted", "expired", "revoked"))
        yield (
            v.uuid(),
            1000 + number,
            any_doctor(v, population),
            any_patient(v, population) if status == "accepted" else None,
            f"invitee.{number}@mail.example",
            v.hex(32),
            status,
            v.text(4),
            sent,
            sent + timedelta(days=14),
        )


def admin_activity_log(v: Values, counts: Counts) -> Iterator[Row]:
    for number in range(1, counts.of("admin_activity_log") + 1):
        yield (
            number,
            v.below(counts.of("users") // 100) * 100 + 3 if v.chance(0.9) else None,
            v.uuid(),
            v.pick(("user.deactivate", "role.grant", "report.export", "image.remove")),
            v.pick(("public.users", "public.user_roles", '"userDevices"', "")),
            v.document() if v.chance(0.5) else None,
            v.moment(),
        )
