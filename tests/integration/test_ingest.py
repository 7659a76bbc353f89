"""Uploads become jobs: each write of an object one job, and what cannot be read a failed one that says why."""

import json
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from itertools import count
from typing import Any

import pytest

from functions.ingest import handler as ingest
from jobs.documents import DocumentStore
from jobs.errors import JobNotFound
from jobs.ingest import form_key
from jobs.model import Job, Status
from jobs.request import JobRequest
from jobs.service import JobService
from tests.conftest import SettableClock
from tests.contract.transport import LambdaContext
from tests.integration.conftest import Aws

MODEL = {"model": "mini"}

OTHER_ID = "22222222-2222-4222-8222-222222222222"

#: Numbers the writes, as S3 does.
WRITES = count()


@pytest.fixture(autouse=True)
def _function_of_the_service(service: JobService, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ingest, "jobs", lambda: service)
    monkeypatch.setattr(ingest, "_deliver_soon", lambda _: None)  # the events here lie in no queue


def upload(
    service: JobService, body: bytes, metadata: Mapping[str, str] = MODEL, key: str = "incoming/a.txt", **how: Any
) -> str:
    """Store an object, however `put_object` is to do so, and return the message that its event becomes."""
    bucket = service.documents.bucket
    stored = service.documents.client.put_object(Bucket=bucket, Key=key, Body=body, Metadata=metadata, **how)
    written = {"key": key, "size": len(body), "etag": stored["ETag"].strip('"'), "sequencer": f"{next(WRITES):016X}"}
    return json.dumps({"detail-type": "Object Created", "detail": {"bucket": {"name": bucket}, "object": written}})


def deliver(*events: str) -> list[str]:
    """Return the places of those events that are to be delivered again."""
    from_sqs = {"eventSource": "aws:sqs", "attributes": {"SentTimestamp": "0"}}
    records = [{**from_sqs, "messageId": str(place), "body": event} for place, event in enumerate(events)]
    answer: Any = ingest.handler({"Records": records}, LambdaContext())
    return [failure["itemIdentifier"] for failure in answer["batchItemFailures"]]


def jobs_of(service: JobService) -> list[Job]:
    items = service.store.client.scan(TableName=service.store.table)["Items"]
    ids = [item["pk"]["S"].removeprefix("job#") for item in items if item["pk"]["S"].startswith("job#")]
    return sorted((service.get(job_id, "public") for job_id in ids), key=lambda job: job.place)


def the_job(service: JobService) -> Job:
    (job,) = jobs_of(service)
    return job


def tags(service: JobService, key: str = "incoming/a.txt") -> dict[str, str]:
    found = service.documents.client.get_object_tagging(Bucket=service.documents.bucket, Key=key)["TagSet"]
    return {tag["Key"]: tag["Value"] for tag in found}


def test_an_upload_becomes_a_job_with_its_text_its_message_and_a_tag(service: JobService) -> None:
    event = upload(service, "\ufeffÆsop’s fables.".encode(), MODEL | {"book-id": "fables", "pipeline": "entity,event"})
    assert deliver(event) == []
    job = the_job(service)
    assert (job.status, job.book_id, job.pipeline) == (Status.PENDING, "fables", ("entity", "event"))
    assert service.documents.read(job.document_key).decode() == "Æsop’s fables."
    assert job.characters == len("Æsop’s fables.")
    message = service.queue.receive(30, 0)
    assert message is not None
    assert message.job_id == job.job_id
    assert tags(service) == {"job-id": job.job_id}


def test_an_event_that_comes_twice_makes_one_job(service: JobService) -> None:
    event = upload(service, b"A text.")
    assert deliver(event, event) == deliver(event) == []
    job = the_job(service)
    assert service.documents.read(job.document_key).decode() == "A text."
    assert service.queue.size() == 1


@pytest.mark.concurrent
def test_an_event_that_comes_many_times_at_once_makes_one_job(service: JobService) -> None:
    event = upload(service, b"A text.")
    with ThreadPoolExecutor(8) as deliveries:
        assert list(deliveries.map(deliver, [event] * 8)) == [[]] * 8
    job = the_job(service)
    assert service.documents.read(job.document_key).decode() == "A text."


def test_an_overwritten_upload_makes_two_jobs_in_whatever_order_the_events_come(service: JobService) -> None:
    first, second = upload(service, b"The first text."), upload(service, b"The second text.")
    assert deliver(second, first) == []
    newer, older = jobs_of(service)
    assert service.documents.read(newer.document_key).decode() == "The second text."
    assert older.status is Status.FAILED
    assert "overwritten" in str(older.error_message)
    assert tags(service) == {"job-id": newer.job_id}


def test_the_same_bytes_uploaded_again_are_another_job(service: JobService) -> None:
    assert deliver(upload(service, b"A text."), upload(service, b"A text.")) == []
    assert len(jobs_of(service)) == 2


def test_an_upload_that_was_deleted_again_is_a_failed_job_but_not_a_second_one(service: JobService) -> None:
    gone, kept = upload(service, b"A text."), upload(service, b"B text.", key="incoming/b.txt")
    assert deliver(kept) == []
    for key in ("incoming/a.txt", "incoming/b.txt"):
        service.documents.client.delete_object(Bucket=service.documents.bucket, Key=key)
    assert deliver(gone, kept) == []
    assert [job.status for job in jobs_of(service)] == [Status.PENDING, Status.FAILED]


@pytest.mark.parametrize(
    ("body", "metadata", "reason"),
    [
        (b"caf\xe9", MODEL, "byte 0xE9 at offset 3 is not UTF-8"),
        (b"", MODEL, "nothing to read"),
        (b" \n\t", MODEL, "nothing to read"),
        (b"%PDF-1.7", MODEL, "PDF"),
        (b"PK\x03\x04", MODEL, "EPUB"),
        (b"A text.", {"model": "huge"}, "metadata model"),
        (b"A text.", {"model": "big"}, "'big' is not installed"),
        (b"A text.", MODEL | {"pipeline": "coref"}, "'coref' needs"),
    ],
)
def test_what_cannot_be_read_is_a_failed_job_with_the_reason(
    service: JobService, body: bytes, metadata: Mapping[str, str], reason: str
) -> None:
    assert deliver(upload(service, body, metadata)) == []
    job = the_job(service)
    assert job.status is Status.FAILED
    assert reason in str(job.error_message)
    assert job.expires_at is not None
    assert tags(service) == {"job-id": job.job_id}
    assert service.queue.size() == len(service.store.waiting()) == 0


def test_an_archived_upload_is_a_failed_job_that_names_its_storage_class(aws: Aws, service: JobService) -> None:
    if aws.name == "moto":
        pytest.skip("moto tells nobody the tags of an archived object")
    assert deliver(upload(service, b"A text.", StorageClass="GLACIER")) == []
    job = the_job(service)
    assert job.status is Status.FAILED
    assert "archived in the storage class GLACIER" in str(job.error_message)


def test_a_tag_stands_beside_those_of_the_uploader(service: JobService) -> None:
    event = upload(service, b"A text.", Tagging="project=novels&job-id=none")
    assert deliver(event, event) == []
    assert tags(service) == {"project": "novels", "job-id": the_job(service).job_id}


def test_an_upload_that_has_as_many_tags_as_s3_allows_keeps_them(service: JobService) -> None:
    assert deliver(upload(service, b"A text.", Tagging="&".join(f"tag{number}=its" for number in range(10)))) == []
    assert the_job(service).status is Status.PENDING
    assert set(tags(service).values()) == {"its"}


def test_an_upload_that_is_too_large_is_refused_unread(service: JobService, monkeypatch: pytest.MonkeyPatch) -> None:
    event = upload(service, b"x" * 24)
    monkeypatch.setattr(type(service.documents), "read_upload", None)
    tight = service.settings.model_copy(update={"max_document_size": 5})
    monkeypatch.setattr(ingest, "jobs", lambda: replace(service, settings=tight))
    assert deliver(event) == []
    assert "24 bytes are more than 5 characters" in str(the_job(service).error_message)


def test_the_longest_text_of_the_widest_characters_becomes_a_job(service: JobService) -> None:
    longest = service.settings.max_document_size
    assert deliver(upload(service, ("𝒜" * longest).encode())) == []
    job = the_job(service)
    assert (job.status, job.characters) == (Status.PENDING, longest)


def test_an_upload_that_finds_no_place_is_a_job_once_there_is_one(service: JobService) -> None:
    waiting = [service.submit(JobRequest(model="mini"), "A text.", "public") for _ in range(10)]
    event = upload(service, b"Another text.")
    assert deliver(event) == ["0"]
    assert len(jobs_of(service)) == 10
    service.cancel(waiting[0].job_id, "public")
    assert deliver(event) == []
    assert len(jobs_of(service)) == 11


def test_an_upload_by_a_form_is_the_job_that_the_form_was_made_for(service: JobService) -> None:
    job_id = "11111111-1111-4111-8111-111111111111"
    assert deliver(upload(service, b"A text.", key=form_key("lab", job_id))) == []
    assert service.get(job_id, "lab").status is Status.PENDING


def test_of_a_form_that_is_sent_twice_the_newer_text_is_read_in_whatever_order_the_events_come(
    service: JobService,
) -> None:
    for job_id, turned in (("11111111-1111-4111-8111-111111111111", False), (OTHER_ID, True)):
        key = form_key("public", job_id)
        events = [upload(service, text, key=key) for text in (b"The first text.", b"The second text.")]
        for event in reversed(events) if turned else events:
            assert deliver(event) == []
        job = service.get(job_id, "public")
        assert job.status is Status.PENDING
        assert service.documents.read(job.document_key).decode() == "The second text."


def test_a_form_that_is_sent_again_while_its_text_is_read_leaves_the_newer_text(
    service: JobService, monkeypatch: pytest.MonkeyPatch
) -> None:
    key, read = form_key("public", OTHER_ID), DocumentStore.read_upload
    first = upload(service, b"The first text.", key=key)
    later: list[str] = []

    def overtaken(documents: DocumentStore, key: str, etag: str) -> bytes:
        if not later:
            later.append(upload(service, b"The second text.", key=key))
        return read(documents, key, etag)

    monkeypatch.setattr(DocumentStore, "read_upload", overtaken)
    assert deliver(first) == []
    assert jobs_of(service) == []
    assert deliver(*later) == []
    assert service.documents.read(the_job(service).document_key).decode() == "The second text."


@pytest.mark.parametrize("text", [b"A text.", b"caf\xe9"])
def test_a_text_that_was_sent_by_a_form_is_nowhere_but_with_its_job(service: JobService, text: bytes) -> None:
    key = form_key("public", OTHER_ID)
    event = upload(service, text, key=key)
    assert deliver(event) == []
    assert service.documents.find(key) is None
    ended = the_job(service)
    again = upload(service, b"Another text.", key=key)
    assert deliver(again, event) == []
    assert service.documents.find(key) is None
    assert the_job(service) == ended


def test_a_form_whose_upload_was_deleted_unread_is_a_failed_job(service: JobService) -> None:
    key = form_key("public", OTHER_ID)
    event = upload(service, b"A text.", key=key)
    service.documents.delete_text(key)
    assert deliver(event) == []
    assert the_job(service).status is Status.FAILED


def test_an_upload_under_a_key_whose_job_is_forgotten_is_a_new_job_though_the_record_is_there_still(
    service: JobService, clock: SettableClock
) -> None:
    old = service.submit_once(JobRequest(model="mini"), "The old text.", "public", "weekly")
    service.cancel(old.job_id, "public")
    clock.advance(7 * 24 * 3600)
    assert deliver(upload(service, b"The new text.", key=form_key("public", old.job_id))) == []
    job = service.get(old.job_id, "public")
    assert job.status is Status.PENDING
    assert service.documents.read(job.document_key).decode() == "The new text."


def test_the_mark_of_an_empty_folder_is_no_upload(service: JobService) -> None:
    assert deliver(upload(service, b"", key="incoming/novels/")) == []
    assert jobs_of(service) == []


def test_an_upload_into_a_tenants_folder_is_seen_by_that_tenant_alone(
    service: JobService, monkeypatch: pytest.MonkeyPatch
) -> None:
    keyed = replace(service, settings=service.settings.model_copy(update={"require_keys": True}))
    monkeypatch.setattr(ingest, "jobs", lambda: keyed)
    assert deliver(upload(service, b"A text.", key="incoming/acme/a.txt")) == []
    job_id = tags(service, "incoming/acme/a.txt")["job-id"]
    assert service.get(job_id, "acme").status is Status.PENDING
    for other in ("public", "globex"):
        with pytest.raises(JobNotFound):
            service.get(job_id, other)
