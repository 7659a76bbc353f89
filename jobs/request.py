"""What a caller may ask for, and how a request becomes a pack and a list of tasks."""

from collections.abc import Iterator
from itertools import combinations
from typing import Annotated, Self

from pydantic import BaseModel, ConfigDict, Field, StrictBool, StrictStr, field_validator, model_validator
from pydantic.config import JsonDict

from jobs.callbacks.urls import LONGEST_URL
from jobs.errors import InvalidRequest
from jobs.model import ModelName, Options, TaskName
from jobs.settings import Settings

TASKS: tuple[TaskName, ...] = ("entity", "quote", "supersense", "event", "coref")
#: What each task builds on.
NEEDS: dict[TaskName, tuple[TaskName, ...]] = {"coref": ("entity", "quote"), "quote": ("entity",)}


# What a request's fields require of each other, as JSON Schema says it.
CUSTOM_NEEDS_A_PATH: JsonDict = {
    "if": {"required": ["model"], "properties": {"model": {"const": "custom"}}},
    "then": {"required": ["custom_model_path"], "properties": {"custom_model_path": {"type": "string"}}},
    "else": {"properties": {"custom_model_path": {"type": "null"}}},
}
TASKS_NEED_TASKS: list[JsonDict] = [
    {
        "if": {"required": ["pipeline"], "properties": {"pipeline": {"contains": {"const": task}}}},
        "then": {"properties": {"pipeline": {"allOf": [{"contains": {"const": need}} for need in needs]}}},
    }
    for task, needs in NEEDS.items()
]


# A job's record carries its options wherever it goes, and its callback carries the record: each part is bounded.
Pronoun = Annotated[StrictStr, Field(min_length=1, max_length=40)]
# A list is refused for its first wrong element: to tell of a million of them took gigabytes.
GenderCategory = Annotated[tuple[Pronoun, ...], Field(min_length=1, max_length=20, fail_fast=True)]

#: With more options than there are, give or take misspelt ones, the request is refused before it is told of each.
_MOST_OPTIONS = 20


class RequestOptions(BaseModel):
    """The engine's options as a caller writes them."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    pronominal_coref_only: StrictBool = True
    referential_gender_cats: tuple[GenderCategory, ...] | None = Field(
        default=None, min_length=1, max_length=20, fail_fast=True, json_schema_extra={"uniqueItems": True}
    )
    compat: StrictBool = False

    @model_validator(mode="before")
    @classmethod
    def _few(cls, options: object) -> object:
        if isinstance(options, dict) and len(options) > _MOST_OPTIONS:
            raise ValueError(f"options: {len(options)} are too many; leave out what is no option")
        return options

    @field_validator("referential_gender_cats")
    @classmethod
    def _each_once(cls, categories: tuple[GenderCategory, ...] | None) -> tuple[GenderCategory, ...] | None:
        for (first, category), (second, other) in combinations(enumerate(categories or ()), 2):
            if "/".join(category) == "/".join(other):  # the name under which a category stands in the results
                raise ValueError(f"options.referential_gender_cats: {first} and {second} are the same; leave one out")
        return categories

    def to_domain(self) -> Options:
        """Return the options as the job's record keeps them."""
        return Options(**self.model_dump())


class JobRequest(BaseModel):
    """How a document is to be read: everything of a submission but the text itself."""

    model_config = ConfigDict(frozen=True, json_schema_extra={"allOf": [CUSTOM_NEEDS_A_PATH, *TASKS_NEED_TASKS]})

    book_id: StrictStr | None = Field(default=None, min_length=1, max_length=256)
    model: ModelName = "small"
    custom_model_path: StrictStr | None = Field(default=None, min_length=1, max_length=1024)
    pipeline: tuple[TaskName, ...] = Field(default=TASKS, min_length=1, max_length=len(TASKS), fail_fast=True)
    options: RequestOptions = RequestOptions()
    callback_url: StrictStr | None = Field(
        default=None, min_length=1, max_length=LONGEST_URL, description="Where to POST how the job ended, by HTTPS."
    )

    @field_validator("pipeline")
    @classmethod
    def _in_one_order(cls, pipeline: tuple[TaskName, ...]) -> tuple[TaskName, ...]:
        return tuple(task for task in TASKS if task in pipeline)

    @model_validator(mode="after")
    def _complete(self) -> Self:
        for task, missing in self._missing_tasks():
            raise ValueError(f"pipeline: '{task}' needs {missing}; add it or leave '{task}' out")
        if self.model == "custom" and self.custom_model_path is None:
            raise ValueError("custom_model_path: model 'custom' needs the name of a pack")
        if self.model != "custom" and self.custom_model_path is not None:
            raise ValueError("custom_model_path: only model 'custom' takes one")
        return self

    def _missing_tasks(self) -> Iterator[tuple[TaskName, str]]:
        for task in self.pipeline:
            missing = [f"'{need}'" for need in NEEDS.get(task, ()) if need not in self.pipeline]
            if missing:
                yield task, " and ".join(missing)


def resolve_pack(request: JobRequest, settings: Settings) -> tuple[str, tuple[str, ...]]:
    """Return the pack that will run for the request, and a warning when it is not the one asked for.

    Raises InvalidRequest when the deployment has no such pack and was not told to put another in its place.
    """
    asked = request.custom_model_path if request.model == "custom" else request.model
    if asked in settings.packs:
        return str(asked), ()
    substitute = settings.substitute_pack
    if substitute is not None and request.model in ("small", "big"):
        return substitute, (f"model '{asked}' is not installed here; '{substitute}' ran in its place",)
    available = ", ".join(sorted(settings.packs))
    raise InvalidRequest(f"model: '{asked}' is not installed in this deployment; available: {available}")


def check_text(text: str, settings: Settings) -> None:
    """Raise InvalidRequest when the text is not one that the engine can read.

    Lengths and positions are in characters.
    """
    if len(text) > settings.max_document_size:
        raise InvalidRequest(
            f"text: {len(text)} characters are more than the {settings.max_document_size} allowed; split the book"
        )
    if not text or text.isspace():
        raise InvalidRequest("text: there is nothing to read in it; send at least one character that is not space")
    if (position := text.find("\0")) >= 0:
        raise InvalidRequest(f"text: NUL character at position {position}; remove it, or send the text as UTF-8")
    try:
        text.encode()
    except UnicodeEncodeError as error:
        raise InvalidRequest(
            f"text: lone surrogate at position {error.start} is not a character; send well-formed Unicode"
        ) from error
