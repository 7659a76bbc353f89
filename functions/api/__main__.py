"""Prints the OpenAPI document of the API: `python -m functions.api > docs/openapi.json`."""

import sys

from functions.api.documentation import openapi_json
from functions.api.routes import api

sys.stdout.write(openapi_json(api.table))
