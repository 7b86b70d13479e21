"""Every comment and security label is as expected.

Fails when: a security label is missing or unexpected. Differing comments are warnings.
Cannot see: comments on databases and roles.
Needs: what is public of the catalogs; a scratch server of the target's major.
Costs: nothing; both schemas are read once a run.
"""

import pytest


@pytest.mark.check("SCHEMA-COMMENTS")
def test_every_comment_is_as_expected(schema_stage):
    diff = schema_stage.as_expected("comment", "security_label")
    assert not diff, diff.report()
