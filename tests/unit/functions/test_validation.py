"""What is wrong with a request's fields, in sentences of our own."""

import pytest
from pydantic import BaseModel, Field

from functions.api.models import Submission
from functions.api.refusals import Refusal
from functions.api.validation import SENTENCES, validated


def sentence(model: type[BaseModel], fields: dict[str, object]) -> str:
    with pytest.raises(Refusal) as caught:
        validated(model, fields)
    assert caught.value.status == 400
    return str(caught.value)


def test_a_sentence_of_the_job_core_is_passed_on_as_it_is() -> None:
    assert sentence(Submission, {"text": "A", "pipeline": ["coref"]}).startswith("pipeline: 'coref' needs 'entity'")


def test_every_number_of_a_constraint_is_in_its_sentence() -> None:
    class Query(BaseModel):
        limit: int = Field(ge=1, le=100)

    assert sentence(Query, {"limit": "0"}) == "limit: must be at least 1"
    assert sentence(Query, {"limit": "101"}) == "limit: must be at most 100"
    assert sentence(Query, {"limit": "x"}) == "limit: must be a whole number"


def test_of_a_list_only_its_first_wrong_element_is_said_to_be_wrong() -> None:
    empty = sentence(Submission, {"text": "A", "options": {"referential_gender_cats": [[]]}})
    assert empty == "options.referential_gender_cats.0: must have at least 1 element(s)"
    two = sentence(Submission, {"text": "A", "options": {"referential_gender_cats": [[1], [2]]}})
    assert two == "options.referential_gender_cats.0.0: must be a string"


def test_a_field_of_a_callers_own_naming_is_quoted_only_in_part() -> None:
    assert len(sentence(Submission, {"text": "A", "options": {"x" * 5000: 1}})) < 200


FIELDS = ("text", "model", "book_id", "custom_model_path", "pipeline", "options")
VALUES: tuple[object, ...] = (
    None, 1, 1.5, [], {}, "", "x", "x" * 2000, "\ud800", [1], [[1]], ["entity"] * 9, {"a": 1}, [["a"] * 30] * 30,
)  # fmt: skip


@pytest.mark.parametrize("field", FIELDS)
@pytest.mark.parametrize("value", VALUES, ids=lambda value: ascii(value)[:20])
def test_every_wrong_value_has_a_sentence_of_its_own_with_no_word_of_the_code(field: str, value: object) -> None:
    try:
        validated(Submission, {"text": "A", field: value})
    except Refusal as refused:
        words = str(refused).lower()
    else:
        return
    of_the_code = ("is not valid", "pydantic", "tuple", "instance", "dict", "nonetype")
    assert not any(word in words for word in of_the_code)


def test_the_sentences_say_what_to_do() -> None:
    assert all(words.split()[0] in ("is", "must") for words in SENTENCES.values())
