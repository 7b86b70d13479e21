"""Users of KGC can sign in: an active user with a role is found as the application looks for one.

Fails when: no active user has a role, or clients may not read users or their roles.
Cannot see: the application's own code, tokens and passwords.
Needs: a cutover; checks.folder = "setup/smoke/checks" in migration.toml.
Costs: one query over an index, within the freeze.
"""

from typing import Any

import psycopg
import pytest

SIGN_IN = """
select exists (
  select from users u join user_roles r on r.user_id = u.id
  where u.is_active and u.id = (select max(id) from users where is_active))
"""


@pytest.mark.check("KGC-SIGN-IN")
def test_users_can_sign_in(client: psycopg.Connection[Any]) -> None:
    ((is_found,),) = client.execute(SIGN_IN).fetchall()
    assert is_found, "the newest active user has no role; compare auth.user_roles with the source"
