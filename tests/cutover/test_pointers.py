"""The pointers that clients follow: switched, switched back, and changed by somebody else."""

import json
import socket
import stat
from uuid import uuid4

import pytest

from pgcutover.context import AwsAccess
from pgcutover.cutover.errors import StepError
from pgcutover.cutover.resolver import Side
from pgcutover.cutover.switching.env_file import EnvFilePointer
from pgcutover.cutover.switching.secret_switch import SecretPointer
from pgcutover.errors import MoverError
from pgcutover.movers.dms.client import Api

OLD = "postgresql://app:old-secret@old.example/kgc"
NEW = "postgresql://app:new-secret@new.example:6432/kgc?sslmode=verify-full"
FIVE = {"host": "old.example", "port": 5432, "dbname": "kgc", "username": "app", "password": "p"}
SERVICE = "secretsmanager"


@pytest.fixture
def secret(aws):
    """secret(value): a pointer to a new secret."""

    def make(value):
        name = f"KGC/Database/{uuid4().hex}"
        text = value if isinstance(value, str) else json.dumps(value)
        aws.call(SERVICE, "create_secret", Name=name, SecretString=text)
        return SecretPointer(aws, name, "PGCUTOVER_APP_TARGET", NEW)

    return make


def current(pointer, stage="AWSCURRENT"):
    answer = pointer.aws.call(
        SERVICE, "get_secret_value", SecretId=pointer.secret_id, VersionStage=stage
    )
    return json.loads(answer["SecretString"])


def change(pointer, value):
    pointer.aws.call(
        SERVICE, "put_secret_value", SecretId=pointer.secret_id, SecretString=json.dumps(value)
    )


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ({"DATABASE_URL": OLD, "API": "x"}, {"DATABASE_URL": NEW, "API": "x"}),
        (
            {**FIVE, "engine": "postgres"},
            {
                "host": "new.example",
                "port": 6432,
                "dbname": "kgc",
                "username": "app",
                "password": "new-secret",
                "engine": "postgres",
            },
        ),
    ],
)
def test_a_secret_is_switched_there_and_back_and_keeps_its_other_keys(secret, before, after):
    pointer = secret(before)
    for _ in range(2):
        assert pointer.side() is Side.SOURCE
        pointer.prepare(Side.SOURCE)
        assert current(pointer) == before
        for _ in range(2):  # a step that is done again changes nothing
            pointer.switch(Side.TARGET)
            assert (pointer.side(), current(pointer)) == (Side.TARGET, after)
        assert current(pointer, "AWSPREVIOUS") == before
        pointer.prepare(Side.TARGET)
        pointer.switch(Side.SOURCE)
        assert current(pointer) == before


def test_a_secret_that_somebody_else_changed_is_not_overwritten(secret):
    pointer = secret({"DATABASE_URL": OLD})
    pointer.prepare(Side.SOURCE)
    change(pointer, {"DATABASE_URL": "postgresql://app:x@else.example/kgc"})
    for call in (pointer.side, lambda: pointer.switch(Side.TARGET)):
        with pytest.raises(StepError, match="somebody changed the secret; nothing was overw"):
            call()
    assert "else.example" in current(pointer)["DATABASE_URL"]


def test_a_change_between_reading_and_switching_is_refused_by_the_service(secret):
    pointer = secret({"DATABASE_URL": OLD})
    pointer.prepare(Side.SOURCE)

    class Interrupted:
        """Calls AWS, after somebody else has changed the secret."""

        def call(self, service, operation, **parameters):
            if operation == "update_secret_version_stage":
                change(pointer, {"DATABASE_URL": "postgresql://app:x@else.example/kgc"})
            return pointer.aws.call(service, operation, **parameters)

    late = SecretPointer(Interrupted(), pointer.secret_id, "X", NEW)
    with pytest.raises(StepError, match="update_secret_version_stage"):
        late.switch(Side.TARGET)
    assert "else.example" in current(pointer)["DATABASE_URL"]


class Delayed:
    """Calls AWS; calls of one operation time out, and are applied when `arrive` is called."""

    def __init__(self, aws, operation):
        self.aws, self.operation, self.waiting = aws, operation, []
        self.delays = True

    def call(self, service, operation, **parameters):
        if self.delays and operation == self.operation:
            self.waiting.append(parameters)
            message = "it did not answer within 2 s"
            raise MoverError(message)
        return self.aws.call(service, operation, **parameters)

    def arrive(self):
        """Apply the late calls; return how many were refused."""
        refused = 0
        for parameters in self.waiting:
            try:
                self.aws.call(SERVICE, self.operation, **parameters)
            except MoverError:
                refused += 1
        self.waiting.clear()
        return refused


@pytest.mark.parametrize("arrives", ["before the way back", "in the way back", "after it"])
def test_a_late_switch_never_leads_clients_to_the_wrong_side(secret, arrives):
    pointer = secret({"DATABASE_URL": OLD})
    pointer.prepare(Side.SOURCE)
    delayed = Delayed(pointer.aws, "update_secret_version_stage")
    late = SecretPointer(delayed, pointer.secret_id, "X", NEW)
    for _ in range(2):  # boto3 tries again, with the same parameters
        with pytest.raises(StepError, match="did not answer"):
            late.switch(Side.TARGET)
    delayed.delays = False
    back = pointer
    if arrives == "before the way back":
        assert delayed.arrive() == 1
        assert pointer.side() is Side.TARGET
    elif arrives == "in the way back":
        back = SecretPointer(
            ArrivesBeforeCurrent(pointer.aws, delayed), pointer.secret_id, "X", NEW
        )
    back.restore(Side.SOURCE)
    assert delayed.arrive() == (2 if arrives == "after it" else 0)
    assert (pointer.side(), current(pointer)) == (Side.SOURCE, {"DATABASE_URL": OLD})
    pointer.prepare(Side.SOURCE)  # the next attempt
    pointer.switch(Side.TARGET)
    assert (pointer.side(), current(pointer)) == (Side.TARGET, {"DATABASE_URL": NEW})


class ArrivesBeforeCurrent:
    """Calls AWS; late calls are applied just before AWSCURRENT is moved."""

    def __init__(self, aws, delayed):
        self.aws, self.delayed = aws, delayed

    def call(self, service, operation, **parameters):
        if parameters.get("VersionStage") == "AWSCURRENT" and operation.startswith("update"):
            self.delayed.arrive()
        return self.aws.call(service, operation, **parameters)


def test_a_late_way_back_does_not_take_clients_from_a_later_cutover(secret):
    pointer = secret({"DATABASE_URL": OLD})
    pointer.prepare(Side.SOURCE)
    pointer.switch(Side.TARGET)
    pointer.prepare(Side.TARGET)
    delayed = Delayed(pointer.aws, "update_secret_version_stage")
    with pytest.raises(StepError, match="did not answer"):
        SecretPointer(delayed, pointer.secret_id, "X", NEW).switch(Side.SOURCE)
    pointer.switch(Side.SOURCE)  # the second try succeeds
    pointer.prepare(Side.SOURCE)
    pointer.switch(Side.TARGET)
    assert delayed.arrive() == 1
    assert pointer.side() is Side.TARGET


def test_a_finished_cutover_leaves_the_label_of_the_writer_alone(secret):
    pointer = secret({"DATABASE_URL": OLD})
    pointer.prepare(Side.SOURCE)
    pointer.switch(Side.TARGET)
    pointer.restore(Side.SOURCE)
    pointer.prepare(Side.SOURCE)
    pointer.switch(Side.TARGET)
    for _ in range(2):
        pointer.tidy(Side.TARGET)
        held = sorted(stage for stages in pointer._stages().values() for stage in stages)
        assert held == ["AWSCURRENT", "AWSPREVIOUS", "PGCUTOVER_TARGET"]
    assert (pointer.side(), current(pointer)) == (Side.TARGET, {"DATABASE_URL": NEW})


def test_an_interrupted_way_back_is_done_again(secret):
    pointer = secret({"DATABASE_URL": OLD})
    pointer.prepare(Side.SOURCE)
    pointer.switch(Side.TARGET)
    for calls in range(1, 7):
        with pytest.raises(StepError, match="killed"):
            SecretPointer(Ends(pointer.aws, calls), pointer.secret_id, "X", NEW).restore(
                Side.SOURCE
            )
        assert pointer.side() in (Side.SOURCE, Side.TARGET)
    pointer.restore(Side.SOURCE)
    assert (pointer.side(), current(pointer)) == (Side.SOURCE, {"DATABASE_URL": OLD})


class Ends:
    """Calls AWS some times, and then no more."""

    def __init__(self, aws, calls):
        self.aws, self.calls = aws, calls

    def call(self, service, operation, **parameters):
        self.calls -= 1
        if self.calls < 0:
            message = "killed"
            raise MoverError(message)
        return self.aws.call(service, operation, **parameters)


def test_a_new_dsn_of_the_target_replaces_the_prepared_one(secret):
    pointer = secret({"DATABASE_URL": OLD})
    SecretPointer(pointer.aws, pointer.secret_id, "X", NEW.replace("6432", "6433")).prepare(
        Side.SOURCE
    )
    pointer.prepare(Side.SOURCE)
    pointer.switch(Side.TARGET)
    assert current(pointer)["DATABASE_URL"] == NEW


@pytest.mark.parametrize(
    ("value", "says"),
    [
        ("hunter2", "is not JSON: expected an object"),
        ("[1]", "is not JSON: expected an object"),
        ({"url": "hunter2"}, "expected the key DATABASE_URL, or host, port"),
    ],
)
def test_an_unusable_secret_is_one_sentence_without_its_text(secret, value, says):
    with pytest.raises(StepError, match=says) as caught:
        secret(value).prepare(Side.SOURCE)
    assert "hunter2" not in str(caught.value)


def test_an_unreadable_secret_or_dsn_is_one_sentence(aws, secret):
    with pytest.raises(StepError, match="secret no-such: secretsmanager:describe_secret"):
        SecretPointer(aws, "no-such", "X", NEW).side()
    pointer = secret({"DATABASE_URL": OLD})
    wrong = SecretPointer(aws, pointer.secret_id, "PGCUTOVER_APP_TARGET", "hunter2")
    with pytest.raises(StepError, match="PGCUTOVER_APP_TARGET: expected the app") as caught:
        wrong.prepare(Side.SOURCE)
    assert "hunter2" not in str(caught.value)


def test_an_endpoint_that_hangs_is_given_up():
    with socket.create_server(("127.0.0.1", 0)) as silent:
        access = AwsAccess(f"http://127.0.0.1:{silent.getsockname()[1]}", "test", "test")
        api = Api("ap-southeast-2", access, answer_seconds=0.1)
        with pytest.raises(StepError, match="did not answer"):
            SecretPointer(api, "KGC", "X", NEW).switch(Side.TARGET)


@pytest.fixture
def env_file(tmp_path):
    path = tmp_path / "app.env"
    path.write_text(f"A=1\nexport DATABASE_URL={OLD}\n# DATABASE_URL=x\nB='2'\n")
    path.chmod(0o640)
    return EnvFilePointer(path, "DATABASE_URL", {Side.SOURCE: OLD, Side.TARGET: NEW})


def test_an_env_file_is_replaced_whole_and_keeps_its_mode_and_other_lines(env_file):
    before = env_file.path.read_text()
    with env_file.path.open() as opened:
        env_file.prepare(Side.SOURCE)
        env_file.switch(Side.TARGET)
        assert opened.read() == before
    assert env_file.side() is Side.TARGET
    assert stat.S_IMODE(env_file.path.stat().st_mode) == 0o640
    env_file.switch(Side.SOURCE)
    assert env_file.path.read_text() == before
    assert [*env_file.path.parent.iterdir()] == [env_file.path]


def test_an_env_file_that_somebody_else_changed_is_not_overwritten(env_file):
    env_file.path.write_text("DATABASE_URL=postgresql://hunter2@h/d\n")
    with pytest.raises(StepError, match="holds the DSN of neither side") as caught:
        env_file.switch(Side.TARGET)
    assert "hunter2" not in str(caught.value)
    env_file.path.write_text("OTHER=1\n")
    with pytest.raises(StepError, match="expected one line, found 0"):
        env_file.side()
    env_file.path.unlink()
    with pytest.raises(StepError, match="cannot be read: No such file"):
        env_file.side()
