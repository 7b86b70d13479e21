"""A local Secrets Manager, shared by the tests of a process."""

import pytest

from pgcutover.awslocal.http.process import aws_endpoint
from pgcutover.context import AwsAccess
from pgcutover.movers.dms.client import Api

REGION = "ap-southeast-2"


@pytest.fixture(scope="session")
def aws(tmp_path_factory):
    """Return a caller of AWS that a local endpoint answers."""
    with aws_endpoint(tmp_path_factory.mktemp("aws"), progress=lambda _: None) as endpoint:
        yield Api(REGION, AwsAccess(endpoint.url, "test", "test"))
