"""Every function, procedure, aggregate, operator and cast is as expected.

Fails when: a routine is missing, unexpected, or differs in body, arguments, result, language,
  volatility, parallel safety, strictness, security definer or settings; likewise operators, casts
  and languages.
Cannot see: a body that names a table which has moved, unless a script of setup/schema replaces it;
  the expected schema has the old body too then.
Needs: what is public of the catalogs; a scratch server of the target's major.
Costs: nothing; both schemas are read once a run.
"""

import pytest


@pytest.mark.check("SCHEMA-ROUTINES")
def test_every_routine_is_as_expected(schema_stage):
    diff = schema_stage.as_expected(
        "function",
        "procedure",
        "window_function",
        "aggregate",
        "operator",
        "operator_class",
        "operator_family",
        "cast",
        "conversion",
        "language",
        "transform",
        "access_method",
    )
    assert not diff, diff.report()
