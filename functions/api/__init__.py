"""The HTTP API, as one Lambda function behind an API Gateway HTTP API (payload format 2.0)."""

#: The version that `GET /health` and the OpenAPI document tell; the project's own.
VERSION = "0.1.0"
