"""Triggers of the cutover itself: recognized by name, function body and type, not by name alone.

A fence on the source after the switch must not appear in the expected schema. A trigger that only
has the name of a fence is compared like any other.
"""

FUNCTION_SCHEMA = "pgcutover"
FENCE = "pgcutover_fence"
FENCE_BODY = """
begin
    raise exception using errcode = '25006',
        message = pg_catalog.format('table %I.%I refuses writes: its database has moved',
                                    tg_table_schema, tg_table_name),
        hint = 'Read the connection secret again and reconnect.';
end
"""
# a fence that was lifted: writers pass, and its triggers are dropped as locks allow
FENCE_LIFTED_BODY = """
begin
    return null;
end
"""
# pg_trigger.tgtype: BEFORE 2, INSERT 4, DELETE 8, UPDATE 16, TRUNCATE 32; a row trigger has 1 too
FENCE_TYPE = 62
MOVER_FENCE = "pgcutover_mover_fence"
MOVER_FENCE_BODY = """
begin
    if session_user = tg_argv[0] then
        raise exception using errcode = '25006',
            message = pg_catalog.format('table %I.%I refuses the mover: the drain has ended',
                                        tg_table_schema, tg_table_name);
    end if;
    if tg_level = 'STATEMENT' then
        return null;
    elsif tg_op = 'DELETE' then
        return old;
    end if;
    return new;
end
"""
MOVER_TRUNCATE_FENCE = "pgcutover_mover_fence_truncate"
CAPTURE = "pgcutover_outbox"
CAPTURE_TRUNCATE = "pgcutover_outbox_truncate"


def _own(trigger: str, function: str, body: str) -> str:
    quoted = body.replace("'", "''")
    return f"(t.tgname = '{trigger}' and f.proname = '{function}' and f.prosrc = '{quoted}')"


_OWN = " or ".join(
    (
        *(
            f"({_own(FENCE, FENCE, body)} and t.tgtype = {FENCE_TYPE} and t.tgenabled = 'O' "
            "and t.tgqual is null)"
            for body in (FENCE_BODY, FENCE_LIFTED_BODY)
        ),
        _own(MOVER_FENCE, MOVER_FENCE, MOVER_FENCE_BODY),
        _own(MOVER_TRUNCATE_FENCE, MOVER_FENCE, MOVER_FENCE_BODY),
        # each captured table has a function of its own; only the source has them
        f"(t.tgname = '{CAPTURE}' and f.proname ~ '^outbox_capture_[0-9]+$')",
        f"(t.tgname = '{CAPTURE_TRUNCATE}' and f.proname = 'outbox_truncate')",
    )
)
NOT_OWN_TRIGGER = f"""not exists (
    select from pg_proc f join pg_namespace fn on fn.oid = f.pronamespace
    where f.oid = t.tgfoid and fn.nspname = '{FUNCTION_SCHEMA}' and ({_OWN}))"""
"""SQL condition on a row `t` of pg_trigger: it is no trigger of the cutover."""
