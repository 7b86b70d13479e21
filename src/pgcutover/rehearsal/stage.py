"""The servers of a rehearsal, its AWS endpoint, and the generated passwords of its roles."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from pgcutover.context import AwsAccess
from pgcutover.embedded.server import RunningServer


@dataclass(frozen=True, slots=True)
class Stage:
    """Both servers, the name of the database on them, access to AWS, and passwords by role."""

    source: RunningServer
    target: RunningServer
    aws: AwsAccess
    database: str
    passwords: Mapping[str, str] = field(repr=False)

    def dsn(self, server: RunningServer, role: str) -> str:
        """Return the DSN of the database as one of its roles."""
        return server.dsn(self.database, role, self.passwords[role])

    def superuser_dsn(self, server: RunningServer) -> str:
        """Return the DSN of the database as the server's superuser."""
        return server.dsn(self.database)
