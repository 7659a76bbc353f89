"""What is wrong with a request's fields, in sentences for its caller instead of pydantic's own words."""

from collections.abc import Mapping, Sequence
from typing import TypeVar

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from functions.api.refusals import Refusal, bad_request

M = TypeVar("M", bound=BaseModel)

#: How many of the wrong fields one answer names.
MOST_NAMED = 3

#: The longest stretch of a caller's own words that is said back, in characters.
LONGEST_QUOTED = 60

#: What is wrong, by pydantic's type of error; the error's own context fills the gaps.
SENTENCES = {
    "missing": "is required",
    "extra_forbidden": "is not known here; leave it out",
    "string_type": "must be a string",
    "string_unicode": "must be well-formed Unicode, without lone surrogates",
    "string_too_short": "must have at least {min_length} character(s)",
    "string_too_long": "must have at most {max_length} characters",
    "bool_type": "must be true or false",
    "tuple_type": "must be a list",
    "too_short": "must have at least {min_length} element(s)",
    "too_long": "must have at most {max_length} elements",
    "literal_error": "must be {expected}",
    "enum": "must be {expected}",
    "model_type": "must be an object",
    "int_type": "must be a whole number",
    "int_parsing": "must be a whole number",
    "greater_than_equal": "must be at least {ge}",
    "less_than_equal": "must be at most {le}",
}


def validated(model: type[M], fields: Mapping[str, object]) -> M:
    """Return the fields as the model; raises a Refusal with 400 that names at most three wrong ones."""
    try:
        return model.model_validate(fields)
    except ValidationError as error:
        raise _refusal(error) from error


def _refusal(error: ValidationError) -> Refusal:
    wrong = _innermost(error.errors(include_url=False, include_input=False))
    more = f"; and {len(wrong) - MOST_NAMED} more" if len(wrong) > MOST_NAMED else ""
    return bad_request("; ".join(_sentence(one) for one in wrong[:MOST_NAMED]) + more)


def _innermost(errors: Sequence[ErrorDetails]) -> list[ErrorDetails]:
    """Leave out what is said of a list beside its own element, for pydantic then counts the list one too short."""
    within = {error["loc"][:depth] for error in errors for depth in range(len(error["loc"]))}
    return [error for error in errors if error["loc"] not in within]


def _sentence(error: ErrorDetails) -> str:
    context = error.get("ctx", {})
    if error["type"] == "value_error":
        return str(context["error"])  # Raised by a validator of our own, already a sentence.
    field = ".".join(str(part)[:LONGEST_QUOTED] for part in error["loc"]) or "The body"
    what = SENTENCES.get(error["type"], "is not valid").format(**context)
    return f"{field}: {what}"
