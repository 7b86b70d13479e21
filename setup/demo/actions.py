"""Transactions of KGC's application; none updates a key or truncates a table.

Names are unqualified, as in the application: on the source all tables are in public, on the target
the role's search_path finds the schemas. No doctor is deleted: the source has no foreign key that
would refuse it, but the target has fk_cpd_doctor.
"""

from collections import deque
from collections.abc import Callable, Sequence

import psycopg

from pgcutover.setup.demo.people import any_doctor, any_patient
from pgcutover.setup.demo.values import Values

Action = Callable[["Hand"], int]


class Hand:
    """The state of the actions: a connection, seeded values, and the existing ids."""

    def __init__(self, conn: psycopg.Connection[tuple[object, ...]], seed: int) -> None:
        self.conn = conn
        # a number of the application's sequence, so that no two runs make the same values
        run = self.number("select nextval('invitation_number_seq')")
        self.values = Values(seed, f"workload/{run}")
        # ids from people.py are those of generated users; later ones are in `registered`
        self.users = self.number("select count(*) from users where email not like 'w.%'")
        self.metrics = self.number("select max(id) from health_metrics")
        self.images = self.number("select max(id) from motivational_images")
        self.registered: deque[int] = deque(maxlen=500)
        self.uploads = 0
        self.uploaded: deque[int] = deque(maxlen=100)

    def run(self, statement: str, parameters: Sequence[object] | None = None) -> int:
        """Run a statement and return the number of affected rows."""
        return self.conn.execute(statement.encode(), parameters).rowcount

    def number(self, statement: str, parameters: Sequence[object] | None = None) -> int:
        """Run a statement and return its single number."""
        row = self.conn.execute(statement.encode(), parameters).fetchone()
        if row is None or not isinstance(row[0], int):
            raise LookupError("the workload needs the rows that generate() makes; none are there")
        return row[0]

    def patient(self) -> int:
        return any_patient(self.values, self.users)

    def doctor(self) -> int:
        return any_doctor(self.values, self.users)

    def metric(self) -> int:
        return self.values.below(self.metrics) + 1


def measure(hand: Hand) -> int:
    """Insert rows at the end of the key."""
    v = hand.values
    rows = [
        (hand.patient(), "glucose", v.decimal(3, 15, 1 + n % 2), "mmol/L", v.device(), "")
        for n in range(1 + v.below(5))
    ]
    hand.conn.cursor().executemany(
        "insert into health_metrics (user_id, metric, value, unit, source, note, recorded_at)"
        " values (%s, %s, %s, %s, %s, %s, clock_timestamp())",
        rows,
    )
    return len(rows)


def correct_one_metric(hand: Hand) -> int:
    """Update a row anywhere in the key."""
    value = hand.values.decimal(36, 40, 2)
    return hand.run("update health_metrics set value = %s where id = %s", (value, hand.metric()))


def annotate_metrics_in_order(hand: Hand) -> int:
    first = hand.metric()
    return hand.run(
        "update health_metrics set note = %s where id between %s and %s",
        (hand.values.sentence(), first, first + 19),
    )


def delete_metrics(hand: Hand) -> int:
    first = hand.metric()
    return hand.run("delete from health_metrics where id in (%s, %s)", (first, first + 7))


def use_features(hand: Hand) -> int:
    """Insert rows without a key; the second repeats the first."""
    row = (hand.patient(), hand.values.pick(("chat", "dashboard")), hand.values.below(9000), "9.1")
    return sum(
        hand.run(
            "insert into feature_usage (user_id, feature, duration_ms, client_version)"
            " values (%s, %s, %s, %s)",
            row,
        )
        for _ in range(2)
    )


def chat(hand: Hand) -> int:
    v, user, conversation = hand.values, hand.patient(), hand.values.uuid()
    last = 0
    for speaker in ("user", "assistant"):
        last = hand.number(
            "insert into chat_memory (user_id, conversation_id, speaker, content, metadata,"
            " embedding, token_count) values (%s, %s, %s, %s, %s, %s, %s) returning id",
            (
                user,
                conversation,
                speaker,
                v.text(9) or "",
                v.document(),
                v.real_array(64),
                v.below(999),
            ),
        )
    return 2 + hand.run(
        "insert into recommendations (user_id, chat_id, title, body, score, confidence)"
        " values (%s, %s, %s, %s, %s, %s)",
        (user, last, v.sentence()[:200], v.text(4), v.rng.random(), v.decimal(0, 100, 2)),
    )


def forget_chat(hand: Hand) -> int:
    oldest = hand.number("select min(id) from chat_memory")
    return hand.run("delete from chat_memory where id = %s", (oldest + hand.values.below(50),))


def dismiss_recommendation(hand: Hand) -> int:
    return hand.run(
        "update recommendations set is_dismissed = true, payload = %s"
        " where id = (select min(id) from recommendations where not is_dismissed and user_id > %s)",
        (hand.values.document(), hand.patient()),
    )


def register(hand: Hand) -> int:
    """Insert a user with all dependent rows in one transaction."""
    v = hand.values
    user = hand.number(
        "insert into users (public_id, email, display_name, family_name, bio, referred_by)"
        " values (%s, %s, %s, %s, %s, %s) returning id",
        (v.uuid(), f"w.{v.hex(20)}@mail.example", v.name(), v.family(), v.text(), hand.patient()),
    )
    hand.registered.append(user)
    return 1 + sum(
        (
            hand.run("insert into user_roles values (%s, 'patient', 1)", (user,)),
            hand.run(
                'insert into "userDevices" ("userId", platform, "pushToken", "lastSeenAt")'
                " values (%s, 'web', %s, localtimestamp(3))",
                (user, v.hex(40)),
            ),
            hand.run(
                "insert into user_content_preferences (user_id, category) values (%s, 'sleep')",
                (user,),
            ),
            hand.run(
                "insert into doctor_patients (doctor_id, patient_id, since)"
                " values (%s, %s, current_date)",
                (hand.doctor(), user),
            ),
        )
    )


def edit_profile(hand: Hand) -> int:
    """Update a profile: the trigger sets updated_at; family_name becomes NULL, '' or a name."""
    v = hand.values
    return hand.run(
        "update users set family_name = %s, bio = %s, preferences = %s where id = %s",
        (v.family(), v.text(), v.document(), hand.patient()),
    )


def see_device(hand: Hand) -> int:
    return hand.run(
        'update "userDevices" set "lastSeenAt" = localtimestamp(3), "appVersion" = %s'
        ' where "userId" = %s',
        (hand.values.pick(("9.9.0", "9.10.0")), hand.patient()),
    )


def leave(hand: Hand) -> int:
    """Delete a user who registered during this run, with all dependent rows by cascade."""
    if not hand.registered:
        return 0
    return hand.run("delete from users where id = %s", (hand.registered.popleft(),))


def prefer(hand: Hand) -> int:
    return hand.run(
        "insert into user_content_preferences (user_id, category, weight, tags)"
        " values (%s, %s, %s, array['new', ''])"
        " on conflict (user_id, category) do update set weight = excluded.weight",
        (hand.patient(), "exercise", f"{hand.values.rng.random():.4f}"),
    )


def upload_image(hand: Hand) -> int:
    """Insert an image; every third is above 32 kB, every eighth, from the second on, above 1 MB."""
    hand.uploads += 1
    size = 1_100_000 if hand.uploads % 8 == 2 else 40_000 if hand.uploads % 3 == 0 else 3000
    image = hand.number(
        "insert into motivational_images (title, image, uploaded_by) values (%s, %s, %s)"
        " returning id",
        (hand.values.sentence()[:200], hand.values.picture(size), hand.patient()),
    )
    hand.uploaded.append(image)
    return 1


def replace_image(hand: Hand) -> int:
    size = 70_000 if hand.values.chance(0.3) else 2000
    return hand.run(
        "update motivational_images set image = %s, thumbnail = null where id = %s",
        (hand.values.picture(size), hand.values.below(hand.images) + 1),
    )


def remove_image(hand: Hand) -> int:
    if len(hand.uploaded) < 3:
        return 0
    return hand.run("delete from motivational_images where id = %s", (hand.uploaded.popleft(),))


def favour(hand: Hand) -> int:
    image = hand.values.below(hand.images) + 1
    return hand.run(
        "insert into user_favorites (user_id, image_id, position) values (%s, %s, 1)"
        " on conflict (user_id, image_id) do nothing",
        (hand.patient(), image),
    ) + hand.run(
        "insert into content_interactions (user_id, image_id, kind, dwell_seconds)"
        " values (%s, %s, 'like', %s)",
        (hand.patient(), image, hand.values.rng.random() * 60),
    )


def unfavour(hand: Hand) -> int:
    return hand.run("delete from user_favorites where user_id = %s", (hand.patient(),))


def direct_care(hand: Hand) -> int:
    v = hand.values
    return hand.run(
        "insert into care_plan_directives (id, patient_id, doctor_id, title, directive, starts_on)"
        " values (%s, %s, %s, %s, %s, current_date)",
        (v.uuid(), hand.patient(), hand.doctor(), v.sentence()[:200], v.text(9) or "rest"),
    ) + hand.run(
        "update care_plan_directives set status = 'completed', ends_on = starts_on + 30"
        " where patient_id = %s and status = 'active'",
        (hand.patient(),),
    )


def reach_milestone(hand: Hand) -> int:
    v, user = hand.values, hand.patient()
    return hand.run(
        "insert into progress_milestones (id, user_id, slug, target_value) values (%s, %s, %s, %s)",
        (v.uuid(), user, f"w-{v.hex(12)}", v.decimal(1, 999, 4)),
    ) + hand.run(
        "update progress_milestones set achieved_value = target_value,"
        " achieved_at = clock_timestamp() where user_id = %s and achieved_at is null",
        (hand.patient(),),
    )


def report_progress(hand: Hand) -> int:
    v = hand.values
    return hand.run(
        "insert into patient_progress_reports (patient_id, doctor_id, period, summary, bmi,"
        " total_cost, metrics) values (%s, %s, daterange(current_date - 30, current_date), %s, %s,"
        " %s, %s)",
        (hand.patient(), hand.doctor(), v.text(9), v.decimal(17, 45, 2), "12.5000", v.document()),
    ) + hand.run(
        "update patient_progress_reports set signed_at = clock_timestamp()"
        " where doctor_id = %s and signed_at is null",
        (hand.doctor(),),
    )


def invite(hand: Hand) -> int:
    v = hand.values
    return hand.run(
        "insert into patient_invitations (id, invited_by, email, token, message, expires_at)"
        " values (%s, %s, %s, %s, %s, now() + interval '14 days')",
        (v.uuid(), hand.doctor(), f"w.{v.hex(20)}@mail.example", v.hex(32), v.text(3)),
    ) + hand.run(
        "update patient_invitations set status = 'expired'"
        " where status = 'pending' and invited_by = %s",
        (hand.doctor(),),
    )


def raise_emergency(hand: Hand) -> int:
    v = hand.values
    return hand.run(
        "insert into emergency_events (user_id, severity, occurred_at, local_time, vitals)"
        " values (%s, %s, clock_timestamp(), localtimestamp, %s)",
        (hand.patient(), 1 + v.below(5), v.document()),
    ) + hand.run(
        "update emergency_events set resolved_at = clock_timestamp(), notes = %s"
        " where id = (select min(id) from emergency_events where resolved_at is null)",
        (v.text(5),),
    )


def audit(hand: Hand) -> int:
    return hand.run(
        "insert into admin_activity_log (admin_id, request_id, action, detail)"
        " values (3, %s, 'report.export', %s)",
        (hand.values.uuid(), hand.values.document()),
    )


def change_mind(hand: Hand) -> int:
    """Write and roll back: the mover must not replicate this."""
    use_features(hand)
    annotate_metrics_in_order(hand)
    raise psycopg.Rollback


WEIGHTED: tuple[tuple[int, Action], ...] = (
    (20, measure),
    (8, correct_one_metric),
    (4, annotate_metrics_in_order),
    (3, delete_metrics),
    (12, use_features),
    (8, chat),
    (2, forget_chat),
    (3, dismiss_recommendation),
    (6, register),
    (6, edit_profile),
    (4, see_device),
    (2, leave),
    (4, prefer),
    (4, upload_image),
    (2, replace_image),
    (1, remove_image),
    (5, favour),
    (1, unfavour),
    (4, direct_care),
    (3, reach_milestone),
    (3, report_progress),
    (3, invite),
    (2, raise_emergency),
    (4, audit),
    (2, change_mind),
)
