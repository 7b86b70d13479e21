from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from awslocal.rig import Workshop, client, hang_up, make_instance, remove
from support.servers import Databases

from pgcutover.awslocal.http.process import AwsEndpoint, aws_endpoint


@pytest.fixture(scope="session")
def quick() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PGCUTOVER_AWSLOCAL_DELAY_SECONDS", "0.02")
        patch.setenv("PGCUTOVER_AWSLOCAL_METRIC_SECONDS", "0.3")
        yield


@pytest.fixture(scope="session")
def aws(quick: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[AwsEndpoint]:
    with aws_endpoint(tmp_path_factory.mktemp("aws"), progress=lambda _: None) as endpoint:
        yield endpoint


@pytest.fixture
def own_aws(quick: None, tmp_path: Path) -> Iterator[AwsEndpoint]:
    """Yield a separate endpoint process, for tests that kill or restart it."""
    with aws_endpoint(tmp_path, progress=lambda _: None) as endpoint:
        yield endpoint


@pytest.fixture(scope="session")
def dms(aws: AwsEndpoint) -> Any:
    return client(aws.url, "dms")


@pytest.fixture(scope="session")
def instance(dms: Any) -> str:
    return make_instance(dms)


@pytest.fixture
def workshop(aws: AwsEndpoint, instance: str, databases: Databases) -> Iterator[Workshop]:
    made = Workshop(aws.url, instance, databases)
    yield made
    hang_up(databases)
    for task in made.dms.describe_replication_tasks()["ReplicationTasks"]:
        remove(made.dms, task["ReplicationTaskArn"])
