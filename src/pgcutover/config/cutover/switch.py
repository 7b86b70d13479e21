"""The sections `[cutover]`: approvals, hooks, and the pointers that clients follow."""

from pathlib import Path
from typing import Annotated, Literal
from urllib.parse import urlsplit

from pydantic import Field
from pydantic.dataclasses import dataclass

from pgcutover.config.section import SECTION, EnvironmentVariable, Positive


@dataclass(frozen=True, slots=True, kw_only=True, config=SECTION)
class Hook:
    """A command, or an HTTP call, for a step that only the team knows. It may run twice."""

    command: tuple[str, ...] = ()
    """Program and arguments, run from the folder of migration.toml without a shell. When it ends,
    its children are killed; one that must go on needs `setsid`."""
    url: str = ""
    """Address that gets a POST instead; a status of 2xx is a success."""
    timeout_seconds: Positive = 30.0
    """Longest time of one try; then the command and its children are killed."""
    retries: Annotated[int, Field(ge=0, le=20)] = 0
    """Further tries after a failed one."""
    pass_env: tuple[EnvironmentVariable, ...] = ()
    """Environment variables that the command needs. It gets no others but PATH, HOME, LANG, TZ,
    TMPDIR, `PGCUTOVER_STEP`, `PGCUTOVER_SIDE`, `PGCUTOVER_SLOT` and `PGCUTOVER_MIGRATION`."""

    def __post_init__(self) -> None:
        """Refuse a hook that names neither or both, or a password in its address."""
        if bool(self.command) == bool(self.url):
            raise ValueError("either command or url")
        parts = urlsplit(self.url)
        if self.url and (parts.scheme not in ("http", "https") or parts.password is not None):
            raise ValueError("an http or https address without a password")


@dataclass(frozen=True, slots=True, kw_only=True, config=SECTION)
class Hooks:
    """Hooks of the cutover; a step without a hook does nothing."""

    maintenance_on: Hook | None = None
    """Before the freeze: show the maintenance page, where there is one."""
    maintenance_off: Hook | None = None
    """After the opening, or after the way back."""
    deploy: Hook | None = None
    """After the switch: let the new version serve. Its deployment is prepared before."""
    deploy_back: Hook | None = None
    """On the way back: let the previous version serve."""
    switch: Hook | None = None
    """A pointer of your own: send clients to the side in `PGCUTOVER_SIDE`."""
    smoke: Hook | None = None
    """After the switch: try the application on the side in `PGCUTOVER_SIDE`. Until it is opened,
    that side refuses writes. It runs after the smoke suite, where that is on."""
    errors: Hook | None = None
    """Look for errors in the logs of the application: exit code 0 for none, 1 for some, any other
    where the logs cannot be read. The stages smoke and after call it; with an address, a status
    other than 2xx says that there are some."""
    prepare_mover: Hook | None = None
    """Before the slot on the side in `PGCUTOVER_SIDE` is created: make there what a stream from it
    needs, such as a publication, which must exist earlier than the changes that it publishes."""
    fence_mover: Hook | None = None
    """After the drain: keep the mover from writing. `PGCUTOVER_SIDE` is the side that it reads."""
    unfence_mover: Hook | None = None
    """On the way back: let the mover write again."""
    start_mover: Hook | None = None
    """After the opening of a side: end the mover's stream to it, and start one from it that carries
    the changes of the slot in `PGCUTOVER_SLOT`. `PGCUTOVER_SIDE` is the side that it reads."""
    finish_mover: Hook | None = None
    """At the end: end the mover's streams and delete what belongs to them."""


@dataclass(frozen=True, slots=True, kw_only=True, config=SECTION)
class Secret:
    """The secret in AWS Secrets Manager from which the application reads its connection."""

    id: str
    """Name or ARN; a JSON object with DATABASE_URL, or with host, port, dbname, username and
    password."""
    region: str
    """AWS region."""
    target_url_env: EnvironmentVariable
    """Environment variable with the application's DSN of the target."""


@dataclass(frozen=True, slots=True, kw_only=True, config=SECTION)
class EnvFile:
    """A file of `NAME=value` lines from which the application reads its connection."""

    path: Path
    """The file; it is replaced whole."""
    name: str = "DATABASE_URL"
    """The variable in it."""
    source_url_env: EnvironmentVariable
    """Environment variable with the application's DSN of the source."""
    target_url_env: EnvironmentVariable
    """Environment variable with the application's DSN of the target."""


@dataclass(frozen=True, slots=True, kw_only=True, config=SECTION)
class Smoke:
    """The smoke suite: the checks of the stage smoke, with the connection that clients get."""

    suite: bool = False
    """Run the suite after the switch, before the side that clients are sent to is opened. It needs
    `cutover.secret` or `cutover.env_file`."""
    queries: str = ""
    """Representative queries of the application: a file of SQL statements, or `pg_stat_statements`
    for those that the side of before spent most time on. They are planned, never run."""
    plan_factor: Annotated[float, Field(gt=1)] = 3.0
    """How many times as much as on the side of before a plan may cost, by the planner's estimate
    with the same cost settings."""


@dataclass(frozen=True, slots=True, kw_only=True, config=SECTION)
class Cutover:
    """The cutover, and the way back."""

    second_approver: bool = False
    """Require `--approved-by NAME` of another person than the one who runs the command."""
    dual_write: bool = False
    """The application writes to both sides by itself, so both may accept writes."""
    slot_plugin: Literal["pgoutput", "test_decoding", "pglogical_output"] = "pgoutput"
    """Output plugin of the slots from which the mover carries changes back; AWS DMS reads
    `test_decoding` or `pglogical_output`."""
    secret: Secret | None = None
    env_file: EnvFile | None = None
    hooks: Hooks = Hooks()
    smoke: Smoke = Smoke()

    def __post_init__(self) -> None:
        """Refuse a smoke suite that does not know which connection clients get."""
        if self.smoke.suite and not (self.secret or self.env_file):
            raise ValueError("cutover.secret or cutover.env_file where smoke.suite is on")
