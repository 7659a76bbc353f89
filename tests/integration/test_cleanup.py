"""A record that DynamoDB removes takes its job's objects along."""

from typing import Any
from unittest.mock import patch

import pytest

from functions.cleanup import handler as cleanup
from jobs.documents import DocumentStore, checkpoint_key, document_key, result_key
from jobs.request import JobRequest
from jobs.service import JobService
from tests.contract.transport import LambdaContext

GONE, OTHER = "11111111-1111-4111-8111-111111111111", "22222222-2222-4222-8222-222222222222"


@pytest.fixture(autouse=True)
def _function_of_the_service(service: JobService, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cleanup, "jobs", lambda: service)


def removed(*job_ids: str) -> Any:
    """Return the sequence numbers from which the stream is to be read again."""
    records = [
        {
            "eventName": "REMOVE",
            "userIdentity": {"type": "Service", "principalId": "dynamodb.amazonaws.com"},
            "dynamodb": {"Keys": {"pk": {"S": f"job#{job_id}"}}, "SequenceNumber": str(number)},
        }
        for number, job_id in enumerate(job_ids)
    ]
    answer = cleanup.handler({"Records": records}, LambdaContext())
    return [failure["itemIdentifier"] for failure in answer["batchItemFailures"]]


def fill(service: JobService) -> None:
    for job_id in (GONE, OTHER):
        service.documents.put_text(document_key(job_id, "a"), "A text.")
        for epoch in (1, 2):
            service.documents.put(result_key(job_id, epoch), b"{}", "application/json")
        service.documents.put(checkpoint_key(job_id, "f", "tokens"), b"{}", "application/json")


def objects(service: JobService) -> list[str]:
    listed = service.documents.client.list_objects_v2(Bucket=service.documents.bucket)
    return [found["Key"] for found in listed.get("Contents", [])]


def test_nothing_of_a_removed_job_is_left_and_all_of_another(service: JobService) -> None:
    fill(service)
    assert removed(GONE) == []
    assert set(objects(service)) == {
        checkpoint_key(OTHER, "f", "tokens"), document_key(OTHER, "a"), result_key(OTHER, 1), result_key(OTHER, 2),
    }  # fmt: skip


def test_a_new_job_of_the_same_id_keeps_what_it_has(service: JobService) -> None:
    job = service.submit(JobRequest(model="mini"), "A text.", "public")
    assert removed(job.job_id) == []
    assert objects(service) == [job.document_key]


def test_what_could_not_be_deleted_is_reported_and_the_rest_is_deleted(service: JobService) -> None:
    fill(service)
    delete_all = DocumentStore.delete_all

    def refuse_one(documents: DocumentStore, job_id: str) -> None:
        if job_id == OTHER:
            raise OSError
        delete_all(documents, job_id)

    with patch.object(DocumentStore, "delete_all", refuse_one):
        assert removed(GONE, OTHER) == ["1"]
    assert not [key for key in objects(service) if GONE in key]
