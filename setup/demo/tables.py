"""KGC's tables in an order that satisfies their foreign keys."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from pgcutover.setup.demo import rows
from pgcutover.setup.demo.rows import Counts, Row
from pgcutover.setup.demo.values import Values


@dataclass(frozen=True, slots=True)
class DemoTable:
    """A table of schema public, its generated columns, and its rows."""

    name: str
    columns: tuple[str, ...]
    rows: Callable[[Values, Counts], Iterator[Row]]


def _table(name: str, columns: str, make: Callable[[Values, Counts], Iterator[Row]]) -> DemoTable:
    return DemoTable(name, tuple(columns.split()), make)


TABLES = (
    _table(
        "users",
        "id public_id email display_name family_name phone date_of_birth locale time_zone"
        " is_active preferences bio referred_by created_at updated_at",
        rows.users,
    ),
    _table("user_roles", "user_id role granted_by granted_at", rows.user_roles),
    _table(
        "userDevices",
        "id userId deviceName platform pushToken appVersion lastSeenAt",
        rows.user_devices,
    ),
    _table(
        "user_content_preferences",
        "user_id category weight is_muted tags updated_at",
        rows.user_content_preferences,
    ),
    _table(
        "health_metrics",
        "id user_id metric value unit source quality note recorded_at received_at",
        rows.health_metrics,
    ),
    _table(
        "care_plan_directives",
        "id patient_id doctor_id created_by title directive status priority starts_on ends_on"
        " updated_at",
        rows.care_plan_directives,
    ),
    _table("doctor_patients", "id doctor_id patient_id since until note", rows.doctor_patients),
    _table(
        "patient_progress_reports",
        "id patient_id doctor_id period summary bmi adherence total_cost metrics signed_at",
        rows.patient_progress_reports,
    ),
    _table(
        "progress_milestones",
        "id user_id slug description target_value achieved_value due_on achieved_at",
        rows.progress_milestones,
    ),
    _table(
        "emergency_events",
        "id user_id handled_by severity occurred_at local_time latitude longitude vitals notes"
        " resolved_at",
        rows.emergency_events,
    ),
    _table(
        "motivational_images",
        "id title mime_type image thumbnail uploaded_by created_at",
        rows.motivational_images,
    ),
    _table("user_favorites", "id user_id image_id position created_at", rows.user_favorites),
    _table(
        "content_interactions",
        "id user_id image_id device_id kind dwell_seconds rating comment happened_at",
        rows.content_interactions,
    ),
    _table(
        "chat_memory",
        "id user_id conversation_id speaker content metadata embedding token_count created_at",
        rows.chat_memory,
    ),
    _table(
        "recommendations",
        "id user_id chat_id title body score confidence payload is_dismissed expires_at",
        rows.recommendations,
    ),
    _table(
        "feature_usage",
        "user_id feature duration_ms client_version was_offline used_at",
        rows.feature_usage,
    ),
    _table(
        "patient_invitations",
        "id invitation_number invited_by accepted_by email token status message sent_at expires_at",
        rows.patient_invitations,
    ),
    _table(
        "admin_activity_log",
        "id admin_id request_id action object_name detail occurred_at",
        rows.admin_activity_log,
    ),
)
