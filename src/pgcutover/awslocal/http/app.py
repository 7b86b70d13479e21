"""WSGI application for all AWS services on one port: DMS here, everything else in moto."""

import json
import logging
import re
from collections.abc import Callable, Iterable
from typing import Any

from werkzeug.wrappers import Request as HttpRequest
from werkzeug.wrappers import Response

from pgcutover.awslocal.dms_api import (
    certificates,
    endpoints,
    instances,
    subnet_groups,
    tags,
    tasks,
)
from pgcutover.awslocal.http.aws_errors import DmsFault
from pgcutover.awslocal.http.protocol import TARGET_PREFIX, Model
from pgcutover.awslocal.http.request_context import Context, Operation, Runners, delay_seconds
from pgcutover.awslocal.http.store import Store, random_id

OPERATIONS: dict[str, Operation] = {
    **subnet_groups.OPERATIONS,
    **instances.OPERATIONS,
    **certificates.OPERATIONS,
    **tags.OPERATIONS,
    **endpoints.OPERATIONS,
    **tasks.OPERATIONS,
}
_SCOPE = re.compile(r"Credential=[^/]+/\d{8}/([a-z0-9-]+)/dms/aws4_request")
_CONTENT_TYPE = "application/x-amz-json-1.1"
_log = logging.getLogger(__name__)

Wsgi = Callable[[dict[str, Any], Any], Iterable[bytes]]


class LocalAws:
    """The WSGI application."""

    def __init__(self, store: Store, runners: Runners, moto: Wsgi) -> None:
        """`moto` handles the requests of all other services."""
        self._store = store
        self._runners = runners
        self._moto = moto
        self._model = Model()

    def __call__(self, environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        """Answer one request."""
        target = environ.get("HTTP_X_AMZ_TARGET", "")
        if not target.startswith(TARGET_PREFIX):
            return self._moto(environ, start_response)
        response = self._answer(HttpRequest(environ), target.removeprefix(TARGET_PREFIX))
        return response(environ, start_response)

    def _answer(self, http: HttpRequest, name: str) -> Response:
        try:
            return _response(self._perform(http, name), 200)
        except DmsFault as fault:
            return _fault(fault.code, fault.message, 400)
        except Exception as error:
            _log.exception("%s failed", name)
            return _fault("InternalFailure", f"{name}: {type(error).__name__}", 500)

    def _perform(self, http: HttpRequest, name: str) -> bytes:
        operation = self._model.operation(name)
        if name not in OPERATIONS:
            raise DmsFault("UnknownOperationException", f"The local DMS does not implement {name}.")
        request = self._model.parse(operation, http.get_data())
        context = Context(_region(http), self._store, self._runners, delay_seconds())
        with self._store.lock:
            return self._model.render(operation, OPERATIONS[name](context, request))


def _region(http: HttpRequest) -> str:
    scope = _SCOPE.search(http.headers.get("Authorization", ""))
    if scope is None:
        raise DmsFault("MissingAuthenticationTokenException", "The request is not signed for dms.")
    return scope[1]


def _fault(code: str, message: str, status: int) -> Response:
    response = _response(json.dumps({"__type": code, "message": message}).encode(), status)
    response.headers["x-amzn-ErrorType"] = code
    return response


def _response(body: bytes, status: int) -> Response:
    response = Response(body, status, content_type=_CONTENT_TYPE)
    response.headers["x-amzn-RequestId"] = random_id()
    return response
