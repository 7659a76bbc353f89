"""The typed answers beside those that the service gives."""

import pytest
from pydantic import BaseModel

from bookjob import models
from functions.api import models as service
from functions.api import webhooks


@pytest.mark.parametrize(
    ("given", "typed"),
    [
        (service.JobAccepted, models.Submitted),
        (service.Upload, models.UploadForm),
        (service.CallbackStatus, models.Callback),
        (service.JobStatus, models.Job),
        (service.JobsPage, models.JobsPage),
        (service.JobCancelled, models.Cancelled),
        (service.StopRequested, models.Cancelled),
        (webhooks.WebhookSecret, models.WebhookSecret),
        (service.JobStats, models.Stats),
        (service.Health, models.Health),
        (service.CheckResult, models.Check),
        (service.Readiness, models.Readiness),
        (service.JobResult, models.Result),
        (service.Analysis, models.Reading),
        (service.Entity, models.Entity),
        (service.Quote, models.Quote),
        (service.Event, models.Event),
        (service.Supersense, models.Supersense),
    ],
)
def test_every_field_that_the_service_promises_has_a_type(given: type[BaseModel], typed: type[BaseModel]) -> None:
    assert given.model_fields.keys() == typed.model_fields.keys()


def test_every_column_of_a_token_has_a_type() -> None:
    assert service.Token.model_fields.keys() == models.Token.__annotations__.keys()
