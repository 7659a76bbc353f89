"""Every error of the job core has its answer."""

import inspect

from functions.api.errors import SHAPES
from jobs import errors

#: Errors that only the worker meets, and only whoever delivers callbacks.
THE_WORKERS_OWN = {errors.LeaseLost, errors.CallbackTaken}

#: What only uploads meet.
THE_UPLOADS_OWN = {errors.DocumentOverwritten}

#: Errors of API keys: one that whoever asks for them answers, and one that only their operator meets.
THE_DOORS_OWN = {errors.InvalidKey, errors.NoSuchKey}


def test_every_error_of_the_job_core_has_a_status() -> None:
    kinds = {kind for _, kind in inspect.getmembers(errors, inspect.isclass) if issubclass(kind, errors.JobsError)}
    assert kinds - {errors.JobsError} - THE_WORKERS_OWN - THE_DOORS_OWN - THE_UPLOADS_OWN == set(SHAPES)


def test_only_what_may_pass_says_when_to_ask_again() -> None:
    assert {shape.status for shape in SHAPES.values() if shape.retry_after} == {425, 503}
    assert all(shape.retry_after for shape in SHAPES.values() if shape.status in (425, 503))
