"""Kinds of objects for the checks of the stage `schema`."""


def _amcheck_extents(settings, manifest):
    return () if settings.schema.amcheck == "off" else (settings.schema.amcheck,)


def _script_phases(settings, manifest):
    return ("pre-load", "post-load") if settings.schema.scripts else ()


KINDS = {
    "amcheck_extent": (_amcheck_extents, "schema.amcheck is off in migration.toml"),
    "script_phase": (_script_phases, "schema.scripts is not set in migration.toml"),
}
