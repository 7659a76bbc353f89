"""The API described from the code that serves it: the OpenAPI document, and Swagger UI around it."""

import inspect
import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from http import HTTPStatus
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter
from pydantic.json_schema import JsonSchemaMode, models_json_schema

from functions.api import VERSION
from functions.api.caller import KEY_HEADER
from functions.api.endpoints import JSON, VARIABLE, Endpoint, Model
from functions.api.models import Problem
from functions.api.webhooks import JobEnded
from jobs.rate_limits import Traffic

DESCRIPTION = (
    "A text goes in, BookNLP's analysis of it comes out: characters, quotes with their speakers, entities, "
    "coreference, supersenses and events. Every answer carries `X-Request-ID`, the caller's own or a new one. Whatever "
    "can be got has a HEAD, and every path has OPTIONS."
)

#: How a schema is referred to.
REFERENCE = "#/components/schemas/{model}"

#: What an endpoint answers that is not open, beside what it says itself: to a stranger, and to whoever asks too often.
GUARDED = (HTTPStatus.UNAUTHORIZED, HTTPStatus.TOO_MANY_REQUESTS)

#: How a caller says who it is. A deployment that asks for no keys takes requests without.
SECURITY = {"ApiKey": {"type": "apiKey", "in": "header", "name": KEY_HEADER}}

RETRY_AFTER: dict[str, Any] = {"Retry-After": {"description": "Seconds.", "schema": {"type": "integer"}}}
LOCATION: dict[str, Any] = {"Location": {"schema": {"type": "string", "format": "uri-reference"}}}
RATE_LIMIT: dict[str, Any] = {
    "X-RateLimit-Limit": {"description": "Requests of this kind in a minute.", "schema": {"type": "integer"}},
    "X-RateLimit-Remaining": {"description": "Requests that are left.", "schema": {"type": "integer"}},
    "X-RateLimit-Reset": {"description": "Seconds until all are left.", "schema": {"type": "integer"}},
}

#: Where an answer of each kind says more in a header.
HEADERS = {
    HTTPStatus.ACCEPTED: LOCATION | RETRY_AFTER,
    HTTPStatus.SEE_OTHER: LOCATION,
    HTTPStatus.UNAUTHORIZED: {"WWW-Authenticate": {"schema": {"type": "string"}}},
    HTTPStatus.TOO_EARLY: RETRY_AFTER,
    HTTPStatus.TOO_MANY_REQUESTS: RETRY_AFTER | RATE_LIMIT,
    HTTPStatus.SERVICE_UNAVAILABLE: RETRY_AFTER,
}


def openapi_document(table: Iterable[Endpoint]) -> dict[str, Any]:
    """Return the OpenAPI 3.1 document of the endpoints."""
    rows = sorted(table, key=lambda row: row.path)
    refs, components = _schemas(rows)
    paths: dict[str, dict[str, Any]] = {}
    for row in rows:
        operation = _operation(row, refs)
        if row.traffic is Traffic.SUBMISSIONS:
            _lead_on(operation["responses"], rows)
        paths.setdefault(VARIABLE.sub(r"{\1}", row.path), {})[row.method.lower()] = operation
    return {
        "openapi": "3.1.0",
        "info": {"title": "Bookjob", "version": VERSION, "description": DESCRIPTION, "license": {"name": "MIT"}},
        "paths": paths,
        "webhooks": {"jobEnded": {"post": _callback(refs)}},
        "components": {**components, "links": _links(rows), "securitySchemes": SECURITY},
    }


def openapi_json(table: Iterable[Endpoint]) -> str:
    """Return the OpenAPI document as it is served and kept in the repository."""
    return json.dumps(openapi_document(table), indent=2, ensure_ascii=False) + "\n"


def swagger_page(table: Iterable[Endpoint]) -> str:
    """Return the page of Swagger UI over the document; it loads nothing from anywhere else."""
    # Imported here, since a request in a thousand asks for this page.
    from aws_lambda_powertools.event_handler.openapi import swagger_ui

    bundled = Path(swagger_ui.__file__).parent
    return swagger_ui.generate_swagger_html(
        spec=openapi_json(table).replace("</", "<\\/"),
        swagger_js=(bundled / "swagger-ui-bundle.min.js").read_text(encoding="utf-8"),
        swagger_css=(bundled / "swagger-ui.min.css").read_text(encoding="utf-8"),
        swagger_base_url="",
        oauth2_config=None,
    )


def _schemas(rows: Sequence[Endpoint]) -> tuple[Mapping[Model, Mapping[str, Any]], Mapping[str, Any]]:
    """Return a reference to each model's schema, and the components that they refer to."""
    taken = {model for row in rows for model in (row.body, row.query) if model is not None}
    given: set[Model] = {model for row in rows for model in (row.gives, row.later) if model is not None}
    given |= {Problem, JobEnded}
    modes: list[tuple[Model, JsonSchemaMode]] = [
        *((model, "validation") for model in sorted(taken, key=_name)),
        *((model, "serialization") for model in sorted(given, key=_name)),
    ]
    refs, definitions = models_json_schema(modes, ref_template=REFERENCE)
    return {model: refs[model, mode] for model, mode in modes}, {"schemas": definitions["$defs"]}


def _name(model: Model) -> str:
    return model.__name__


def _operation(row: Endpoint, refs: Mapping[Model, Mapping[str, Any]]) -> dict[str, Any]:
    operation: dict[str, Any] = {
        "operationId": _operation_id(row),
        "summary": inspect.getdoc(row.function),
        "parameters": [*_path_parameters(row), *_query_parameters(row), *_headers(row)],
        "responses": {str(row.status.value): _success(row, refs)},
    }
    if row.body is not None:
        operation["requestBody"] = {"required": True, "content": {JSON: {"schema": refs[row.body]}}}
    if row.later is not None:
        operation["responses"]["202"] = _answer(HTTPStatus.ACCEPTED, refs[row.later])
    for status in sorted({*row.refuses, *(() if row.is_open else GUARDED)}):
        operation["responses"][str(status)] = _answer(HTTPStatus(status), refs[Problem])
    return operation if row.is_open else operation | {"security": [{name: []} for name in SECURITY] + [{}]}


def _operation_id(row: Endpoint) -> str:
    return re.sub(r"\W+", "_", f"{row.method}{row.path}").strip("_").lower()


def _links(rows: Sequence[Endpoint]) -> dict[str, Any]:
    """Return what can be asked next by whoever was answered a `job_id`, by operation."""
    asked = [_operation_id(row) for row in rows if set(row.parts) == {"job_id"}]
    return {name: {"operationId": name, "parameters": {"job_id": "$response.body#/job_id"}} for name in asked}


def _lead_on(responses: Mapping[str, dict[str, Any]], rows: Sequence[Endpoint]) -> None:
    """Let each answer that names a job lead to what can be asked of the job."""
    for status, answer in responses.items():
        if status.startswith("2"):
            answer["links"] = {name: {"$ref": f"#/components/links/{name}"} for name in _links(rows)}


def _callback(refs: Mapping[Model, Mapping[str, Any]]) -> dict[str, Any]:
    """Return what is sent to the address that a job came with, as its receiver sees it."""
    headers = ("webhook-id", "webhook-timestamp", "webhook-signature")
    schema = {"type": "string"}
    return {
        "operationId": "job_ended",
        "summary": inspect.getdoc(JobEnded),
        "parameters": [{"name": name, "in": "header", "required": True, "schema": schema} for name in headers],
        "requestBody": {"required": True, "content": {JSON: {"schema": refs[JobEnded]}}},
        "responses": {
            "2XX": {"description": "It was taken. Every other answer but 410 has it sent again, for 24 hours."},
            "410": {"description": "It is not to be sent again."},
        },
    }


def _path_parameters(row: Endpoint) -> Iterator[dict[str, Any]]:
    for name, annotation in row.parts.items():
        schema = TypeAdapter(annotation).json_schema()
        yield {"name": name, "in": "path", "required": True, "schema": schema}


def _query_parameters(row: Endpoint) -> Iterator[dict[str, Any]]:
    schema = row.query.model_json_schema(ref_template=REFERENCE) if row.query is not None else {}
    for name, field in schema.get("properties", {}).items():
        yield {"name": name, "in": "query", "required": name in schema.get("required", ()), "schema": field}


def _headers(row: Endpoint) -> Iterator[dict[str, Any]]:
    for name, header in row.headers.items():
        schema = {"type": "string", "pattern": header.pattern}
        yield {"name": name, "in": "header", "description": header.description, "schema": schema}


def _success(row: Endpoint, refs: Mapping[Model, Mapping[str, Any]]) -> dict[str, Any]:
    answer: dict[str, Any] = {"description": row.status.phrase}
    if row.status is not HTTPStatus.NO_CONTENT:
        schema = refs[row.gives] if row.gives is not None else {}
        answer["content"] = {content_type: {"schema": schema} for content_type in row.types}
    return answer if row.is_open else answer | {"headers": RATE_LIMIT}


def _answer(status: HTTPStatus, schema: Mapping[str, Any]) -> dict[str, Any]:
    answer = {"description": status.phrase, "content": {JSON: {"schema": schema}}}
    return answer | ({"headers": HEADERS[status]} if status in HEADERS else {})
