"""Runs the demo migration on embedded servers: generate, provision, load, replicate, drain.

Nothing is judged here.
"""

import json
import secrets
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING

from pgcutover.awslocal.http.process import aws_endpoint
from pgcutover.compare.live.fence import write_marker
from pgcutover.config import DmsSettings
from pgcutover.connect import open_owner
from pgcutover.context import AwsAccess
from pgcutover.embedded.server import RunningServer, ServerSpec, servers
from pgcutover.errors import ConfigError
from pgcutover.extras import require_extra
from pgcutover.mapping import RelationName
from pgcutover.plugin.preparation.endpoints import Endpoints
from pgcutover.plugin.preparation.provisioning import Site, provision
from pgcutover.plugin.run_folder.run_log import RunJournal
from pgcutover.rehearsal.stage import Stage
from pgcutover.setup.demo import generate, sabotage
from pgcutover.setup.demo.workload import Workload

if TYPE_CHECKING:
    from pgcutover.movers.dms import Dms
    from pgcutover.plugin.run_options import Options

DRAIN_SECONDS = 60.0


@contextmanager
def rehearse(options: "Options", journal: RunJournal) -> Iterator[Endpoints]:
    """Both sides, loaded and drained; afterwards servers and folders are gone, unless kept."""
    require_extra("a rehearsal", "rehearsal")
    plan = options.settings.rehearsal
    with ExitStack() as stack:
        with journal.phase("servers"):
            pair = stack.enter_context(
                servers(
                    [
                        ServerSpec("source", plan.source_major),
                        ServerSpec("target", plan.target_major),
                    ],
                    progress=journal.say,
                    keep=options.keep,
                )
            )
            # in the servers' folder, whose guard removes it even after kill -9
            folder = pair["source"].run_dir / "aws"
            endpoint = stack.enter_context(aws_endpoint(folder, progress=journal.say))
        aws = AwsAccess(endpoint.url, "rehearsal", secrets.token_hex(16))
        passwords = {role: secrets.token_hex(16) for role in generate.LOGIN_ROLES}
        stage = Stage(pair["source"], pair["target"], aws, generate.DATABASE, passwords)
        yield _migrate(options, journal, stage)


def _migrate(options: "Options", journal: RunJournal, stage: Stage) -> Endpoints:
    dms = options.settings.mover.dms
    if dms is None:
        raise ConfigError("a rehearsal needs mover.dms in migration.toml")
    with journal.phase("source generated"):
        _create(options, journal, stage)
    _store_secrets(dms, stage)
    mover = provision(options.settings, _site(options, stage), journal)
    with journal.phase("changes replicated"):
        _work(options, journal, stage)
    if mover is not None:
        with journal.phase("drained"):
            seconds = _drain(options, mover, stage)
        journal.say(f"drained: the marker row reached the target after {seconds:.2f} s")
        _refresh(stage.target.dsn(generate.DATABASE))
    if options.sabotage:
        if mover is not None:
            mover.wait_until_validated()  # else DMS may report the sabotage before the gate does
        sabotage.apply(stage.target.dsn(generate.DATABASE), options.sabotage)
        journal.say(f"SABOTAGE {options.sabotage}: {sabotage.names()[options.sabotage]}")
    readers = (stage.dsn(stage.source, "kgc_check"), stage.dsn(stage.target, "kgc_check"))
    return Endpoints(*readers, stage.aws, stage)


def _create(options: "Options", journal: RunJournal, stage: Stage) -> None:
    generate.create_source(stage.source.dsn(), stage.passwords, journal.say)
    generate.grant_as_managed_hosts(stage.source.dsn())
    generate.create_target(stage.target.dsn(), stage.passwords, journal.say)
    generate.grant_as_managed_hosts(stage.target.dsn())
    generate.generate(
        stage.source.dsn(generate.DATABASE),
        scale=options.scale,
        seed=options.settings.rehearsal.seed,
        progress=journal.say,
    )


def _work(options: "Options", journal: RunJournal, stage: Stage) -> None:
    plan = options.settings.rehearsal
    workload = Workload(
        stage.dsn(stage.source, "kgc_app"),
        seed=plan.seed,
        rate_per_second=plan.workload_rate_per_second,
    )
    journal.say(f"the application writes for {plan.workload_seconds:g} s")
    workload.start()
    try:
        time.sleep(plan.workload_seconds)
    finally:
        stats = workload.stop()
    journal.say(f"the application wrote {stats.rows:,} rows in {stats.transactions:,} transactions")


def _drain(options: "Options", mover: "Dms", stage: Stage) -> float:
    table = RelationName(*options.settings.schema.marker_table.split(".", 1))
    drained = mover.drain(
        lambda: write_marker(
            stage.source.dsn(generate.DATABASE), stage.target.dsn(generate.DATABASE), table, table
        ),
        DRAIN_SECONDS,
    )
    return drained.seconds


def _refresh(target_dsn: str) -> None:
    """Refresh the materialized views, after the last change was applied."""
    with open_owner(target_dsn) as target:
        names = target.execute(
            "select format('%I.%I', schemaname, matviewname) from pg_matviews order by 1"
        ).fetchall()
        for (name,) in names:
            target.execute(f"refresh materialized view {name}".encode())


def _site(options: "Options", stage: Stage) -> Site:
    return Site(
        stage.source.dsn(generate.DATABASE),
        stage.target.dsn(generate.DATABASE),
        stage.aws,
        stage.source.ca_file.read_text("ascii"),
        stage.target.ca_file.read_text("ascii"),
        options.out / "schema",
    )


def _store_secrets(dms: DmsSettings, stage: Stage) -> None:
    """Create the secrets with which DMS connects; in production an administrator does."""
    import boto3
    from botocore.config import Config

    client = boto3.client(
        "secretsmanager",
        region_name=dms.region,
        endpoint_url=stage.aws.endpoint_url,
        aws_access_key_id=stage.aws.access_key,
        aws_secret_access_key=stage.aws.secret_key,
        config=Config(proxies={}),  # a proxy cannot reach this machine's loopback
    )
    sides = ((dms.source_secret_id, stage.source), (dms.target_secret_id, stage.target))
    for secret_id, server in sides:
        secret = json.dumps(_secret(server, stage.passwords))
        client.create_secret(Name=secret_id, SecretString=secret)


def _secret(server: RunningServer, passwords: Mapping[str, str]) -> dict[str, object]:
    return {
        "host": server.host,
        "port": server.port,
        "username": "dms",
        "password": passwords["dms"],
        "dbname": generate.DATABASE,
    }
