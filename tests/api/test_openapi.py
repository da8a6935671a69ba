"""The API keeps its word: whatever is asked, the answer is one the OpenAPI document describes, and never a failure."""

import pytest
import schemathesis
from hypothesis import HealthCheck, given, settings
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from hub.console.app import make_app
from hub.settings import ConsoleSettings

pytestmark = [pytest.mark.broker, pytest.mark.system]

ENDLESS = "/api/v1/events"  # tested in test_guide.py
CHECKS = [not_a_server_error, status_code_conformance, content_type_conformance, response_schema_conformance]


class _Console:
    version = "1"


OPERATIONS = [
    (method, path)
    for path, methods in make_app(_Console(), ConsoleSettings()).openapi()["paths"].items()
    for method in methods
    if path != ENDLESS
]


@pytest.fixture(scope="module")
def document(whole):
    return schemathesis.openapi.from_url(f"{whole.url}/openapi.json", wait_for_schema=5.0)


@pytest.mark.parametrize(("method", "path"), OPERATIONS)
def test_every_answer_is_one_that_was_promised(document, method, path):
    @settings(max_examples=5, deadline=None, derandomize=True, database=None, suppress_health_check=list(HealthCheck))
    @given(case=document[path][method.upper()].as_strategy())
    def asked(case):
        case.validate_response(case.call(timeout=10), checks=CHECKS)

    asked()
