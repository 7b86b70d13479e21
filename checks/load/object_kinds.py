"""Kinds of objects for the checks of the stage `load`: tables with a suite of expectations."""


def _tables_with_suite(settings, manifest):
    folder = settings.expectations
    if folder is None:
        return ()
    return [t for t in manifest.tables if settings.resolve(folder / f"{t}.json").exists()]


_ABSENCE = "the folder of expectations has no suite for a mapped table"
KINDS = {"expected_table": (_tables_with_suite, _ABSENCE)}
