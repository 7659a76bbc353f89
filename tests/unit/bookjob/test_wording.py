"""How the command line says what the service says."""

import pytest

from bookjob.wording import in_commands
from functions.api.refusals import too_large
from jobs.errors import INSTEAD, NoJobs, SecretJustRotated

SENTENCES = [str(NoJobs()), str(SecretJustRotated()), str(too_large("Too large.")), *INSTEAD.values()]


@pytest.mark.parametrize("sentence", [sentence.format(job_id="j1") for sentence in SENTENCES])
def test_every_request_that_the_service_names_has_its_command(sentence: str) -> None:
    said = in_commands(sentence)

    assert "/v1/" not in said
    assert ("`bookjob " in said) is ("/v1/" in sentence)


def test_a_sentence_that_names_no_request_stays_as_it_is() -> None:
    assert in_commands("The queue is full.") == "The queue is full."
