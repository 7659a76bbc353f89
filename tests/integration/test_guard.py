"""What a web page that knows the emulator's port can do with it, over the wire."""

import base64
import io
import zipfile

import httpx
import pytest

from infra.local import emulator
from infra.local.clients import client

PAGE = "https://evil.example"

TEMPLATE = '{"Resources": {"Queue": {"Type": "AWS::SQS::Queue"}}}'


def code() -> str:
    """Return a function's archive as requests carry it."""
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as packed:
        packed.writestr("theirs.py", "def run(event, context): return event")
    return base64.b64encode(archive.getvalue()).decode()


@pytest.mark.parametrize(
    "headers", [{"origin": PAGE}, {"host": "evil.example"}, {"origin": "null", "content-type": "text/plain"}]
)
def test_it_makes_no_function(emulator_port: int, headers: dict[str, str]) -> None:
    function = {"FunctionName": "theirs", "Role": "arn:aws:iam::000000000000:role/any", "Code": {"ZipFile": code()}}
    function |= {"Runtime": "python3.12", "Handler": "theirs.run"}
    address = f"{emulator.url(emulator_port)}/2015-03-31/functions"
    answer = httpx.post(address, headers=headers, json=function, trust_env=False)
    assert answer.status_code == 403
    assert "no web page" in answer.json()["detail"]
    assert "access-control-allow-origin" not in answer.headers
    assert client("lambda", emulator_port).list_functions()["Functions"] == []


def test_its_images_make_no_stack(emulator_port: int) -> None:
    call = {"Action": "CreateStack", "StackName": "theirs", "TemplateBody": TEMPLATE}
    image = {"sec-fetch-site": "cross-site", "sec-fetch-dest": "image"}
    answer = httpx.get(emulator.url(emulator_port), params=call, headers=image, trust_env=False)
    assert answer.status_code == 403
    assert client("cloudformation", emulator_port).list_stacks()["StackSummaries"] == []


def test_it_is_not_told_that_it_may_ask(emulator_port: int) -> None:
    asks = {"origin": PAGE, "access-control-request-method": "POST"}
    answer = httpx.options(emulator.url(emulator_port), headers=asks, trust_env=False)
    assert (answer.status_code, answer.headers.get("access-control-allow-origin")) == (403, None)
