"""The JSON 1.1 protocol; botocore's model of DMS validates requests and responses."""

import json
from collections.abc import Iterator
from typing import Any

import botocore.session
from botocore.model import ListShape, OperationModel, Shape, StringShape, StructureShape
from botocore.validate import ParamValidator

from pgcutover.awslocal.http.aws_errors import DmsFault, invalid

TARGET_PREFIX = "AmazonDMSv20160101."


class Model:
    """botocore's service model of DMS."""

    def __init__(self) -> None:
        """Read the service description that ships with botocore, without network or account."""
        self._service = botocore.session.Session().get_service_model("dms")
        self._validator = ParamValidator()

    def operation(self, name: str) -> OperationModel:
        """Return the operation of that name; DmsFault if AWS has none."""
        if name not in self._service.operation_names:
            raise DmsFault("UnknownOperationException", f"AWS DMS has no operation {name!r}.")
        return self._service.operation_model(name)

    def parse(self, operation: OperationModel, body: bytes) -> dict[str, Any]:
        """Parse a request; DmsFault for a member that is unknown, mistyped or not allowed."""
        try:
            request = json.loads(body or b"{}")
        except ValueError:
            raise DmsFault("SerializationException", "The body is not JSON.") from None
        if not isinstance(request, dict):
            raise DmsFault("SerializationException", "The body is not a JSON object.")
        problems = list(self._problems(request, operation.input_shape))
        if problems:
            raise invalid("; ".join(problems))
        return request

    def render(self, operation: OperationModel, answer: dict[str, Any]) -> bytes:
        """Return the response's bytes; RuntimeError (a defect) if the model does not match."""
        problems = list(self._problems(answer, operation.output_shape))
        if problems:
            raise RuntimeError(f"{operation.name}: {'; '.join(problems)}")
        return json.dumps(answer).encode()

    def _problems(self, value: dict[str, Any], shape: Shape | None) -> Iterator[str]:
        if shape is None:
            return
        report = self._validator.validate(value, shape)
        if report.has_errors():
            yield from report.generate_report().splitlines()
        else:
            yield from _outside_enum(value, shape, "input")


def _outside_enum(value: Any, shape: Shape, where: str) -> Iterator[str]:
    if isinstance(shape, StructureShape):
        for name, member in shape.members.items():
            if value.get(name) is not None:
                yield from _outside_enum(value[name], member, name)
    elif isinstance(shape, ListShape):
        for item in value:
            yield from _outside_enum(item, shape.member, where)
    elif isinstance(shape, StringShape) and shape.enum and value not in shape.enum:
        yield f"{where} must be one of {', '.join(shape.enum)}, found {value!r}"
