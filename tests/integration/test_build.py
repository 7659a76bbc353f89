"""What `sam build` packs for Lambda: small, complete in itself, and quick to load."""

import subprocess
import sys
from pathlib import Path

import pytest

from infra.local.template import Template

TEMPLATE = Template.read()
HANDLERS = [TEMPLATE.properties(name)["Handler"] for name in TEMPLATE.of_type("AWS::Lambda::Function")]

#: The most that a function may unpack to, in bytes: it is fetched and unpacked with every cold start.
LARGEST = 20_000_000

#: How many times as long the API may take to load as the framework, validation and SDK that it stands on.
SLOWEST = 2.5

FOUNDATION = (
    "import boto3, pydantic; from aws_lambda_powertools import Logger, Metrics; "
    "from aws_lambda_powertools.event_handler import APIGatewayHttpResolver"
)


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a function as the Makefile packs it, for this machine instead of Lambda's."""
    folder = tmp_path_factory.mktemp("built")
    here = f"--python-version {sys.version_info.major}.{sys.version_info.minor} --platform manylinux2014_x86_64"
    command = ["make", "build-ApiFunction", f"ARTIFACTS_DIR={folder}", f"LAMBDA={here}"]
    subprocess.run(command, check=True, capture_output=True, timeout=110)
    return folder


def alone(built: Path, code: str) -> str:
    """Return what the code prints in an interpreter that has what is in the folder, and nothing else."""
    environment = {"PYTHONPATH": str(built), "AWS_DEFAULT_REGION": "us-east-1", "PYTHONDONTWRITEBYTECODE": "1"}
    command = [sys.executable, "-S", "-c", code]
    return subprocess.run(command, env=environment, check=True, capture_output=True, text=True, timeout=60).stdout


def test_a_function_is_small(built: Path) -> None:
    assert sum(path.stat().st_size for path in built.rglob("*") if path.is_file()) < LARGEST


@pytest.mark.parametrize("handler", HANDLERS)
def test_a_handler_loads_with_nothing_but_what_it_is_packed_with(built: Path, handler: str) -> None:
    module, _, name = handler.rpartition(".")
    assert alone(built, f"from {module} import {name}; print(callable({name}))") == "True\n"


def test_every_service_that_the_functions_call_can_be_called(built: Path) -> None:
    code = "import boto3; [boto3.client(name) for name in ('dynamodb', 's3', 'sqs')]; print('ok')"
    assert alone(built, code) == "ok\n"


def test_the_api_loads_hardly_slower_than_what_it_stands_on(built: Path) -> None:
    def seconds(code: str) -> float:
        timed = f"import time; start = time.process_time(); {code}; print(time.process_time() - start)"
        return min(float(alone(built, timed)) for _ in range(3))

    assert seconds("import functions.api.handler") < SLOWEST * seconds(FOUNDATION)
