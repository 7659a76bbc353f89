"""The OpenAPI document is made from the code, and the one in the repository is that document."""

import re
from pathlib import Path
from typing import Any

from functions.api.documentation import openapi_document, openapi_json
from functions.api.routes import api

COMMITTED = Path("docs/openapi.json")


def operations() -> dict[str, dict[str, Any]]:
    """Return the operations, each by its method and path."""
    paths = openapi_document(api.table)["paths"]
    return {f"{method.upper()} {path}": one for path, methods in paths.items() for method, one in methods.items()}


def test_the_document_in_the_repository_is_the_one_that_the_code_makes() -> None:
    committed = COMMITTED.read_text(encoding="utf-8")
    assert committed == openapi_json(api.table), "write it anew: python -m functions.api > docs/openapi.json"


def test_every_route_is_in_the_document() -> None:
    assert len(operations()) == len(api.table)


def test_every_reference_leads_somewhere() -> None:
    components = openapi_document(api.table)["components"]
    there = {f"#/components/{kind}/{name}" for kind, named in components.items() for name in named}
    assert set(re.findall(r'"\$ref": "([^"]+)"', openapi_json(api.table))) <= there


def test_every_variable_of_a_path_is_described() -> None:
    for name, operation in operations().items():
        described = {one["name"] for one in operation["parameters"] if one["in"] == "path"}
        assert described == set(re.findall(r"{(\w+)}", name)), name


def test_operation_ids_are_unique() -> None:
    ids = [operation["operationId"] for operation in operations().values()]
    assert len(ids) == len(set(ids))


def test_the_page_of_the_contract_names_every_route() -> None:
    page = Path("docs/api.md").read_text(encoding="utf-8")
    missing = [name for name in operations() if f"`{name}`" not in page]
    assert not missing
