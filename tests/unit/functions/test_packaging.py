"""What a Lambda function is packed with and how long it takes to load."""

import re
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

from functions.api import VERSION

#: How long the API's import may take beyond the interpreter's own start, in seconds: most of Lambda's cold start.
IMPORT_BUDGET = 0.6


def project() -> dict[str, Any]:
    described: dict[str, Any] = tomllib.loads(Path("pyproject.toml").read_text(encoding="utf-8"))["project"]
    return described


def test_the_requirements_of_the_functions_are_pinned_as_the_projects() -> None:
    pins = set(re.findall(r"^[\w-]+==[\w.]+", Path("functions/requirements.txt").read_text(encoding="utf-8"), re.M))
    assert set(project()["optional-dependencies"]["service"]) == pins


def test_the_requirements_are_all_that_the_functions_import() -> None:
    needed = {"boto3", "botocore", "aws_lambda_powertools", "pydantic", "pydantic_core"}
    sources = [path for folder in ("functions", "jobs") for path in Path(folder).rglob("*.py")]
    imported = {
        name
        for source in sources
        for name in re.findall(r"^(?:from|import) (\w+)", source.read_text(encoding="utf-8"), re.MULTILINE)
    }
    assert imported - set(sys.stdlib_module_names) - {"functions", "jobs"} <= needed


def test_the_version_told_is_the_projects() -> None:
    assert project()["version"] == VERSION


def test_the_api_loads_within_its_budget_and_without_what_it_seldom_needs() -> None:
    code = (
        "import time, sys; start = time.process_time(); import functions.api.handler; "
        "print(time.process_time() - start); "
        "print(','.join(name for name in ('torch', 'spacy', 'typer', 'httpx', 'jsonschema') if name in sys.modules))"
    )
    best = min(_run(code) for _ in range(3))
    assert best < IMPORT_BUDGET


def _run(code: str) -> float:
    finished = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    seconds, extra = finished.stdout.split("\n")[:2]
    assert not extra
    return float(seconds)
