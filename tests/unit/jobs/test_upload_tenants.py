"""Whose job an upload becomes."""

import pytest

from jobs.ingest import ObjectCreated, form_key
from jobs.settings import Settings

JOB_ID = "0f8fad5b-d9cb-469f-a165-70867728950e"


def tenant_of(key: str, *, require_keys: bool) -> str:
    event = {"bucket": {"name": "b"}, "object": {"key": key, "etag": "e"}}
    settings = Settings(table="t", bucket="b", queue_url="q", require_keys=require_keys)
    return ObjectCreated.model_validate(event).tenant(settings)


@pytest.mark.parametrize("require_keys", [True, False])
def test_an_upload_by_a_form_is_its_tenants(require_keys: bool) -> None:
    assert tenant_of(form_key("acme", JOB_ID), require_keys=require_keys) == "acme"


@pytest.mark.parametrize("key", ["incoming/acme/a.txt", "incoming/acme/2026/a.txt", "incoming/acme/a\nb.txt"])
def test_an_upload_into_a_folder_is_its_tenants_where_callers_have_keys(key: str) -> None:
    assert tenant_of(key, require_keys=True) == "acme"
    assert tenant_of(key, require_keys=False) == "public"


@pytest.mark.parametrize(
    "key",
    [
        "incoming/a.txt",
        "incoming/acme",
        "incoming/acme/",
        "incoming/Acme/a.txt",
        "incoming//a.txt",
        "incoming/acme#x/a.txt",
        "incoming/uploads/a.txt",
        f"incoming/uploads/acme/{JOB_ID}.txt",
        f"incoming/uploads/acme/x/{JOB_ID}",
    ],
)
def test_an_upload_of_nobodys_in_particular_is_public(key: str) -> None:
    assert tenant_of(key, require_keys=True) == "public"


def test_a_folder_within_a_tenants_own_makes_no_form_of_an_upload() -> None:
    assert tenant_of(f"incoming/globex/uploads/acme/{JOB_ID}", require_keys=True) == "globex"
