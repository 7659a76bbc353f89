"""What an API key is, and what is kept of one."""

import dataclasses
import re
from datetime import UTC, datetime

import pytest
from pydantic import ValidationError

from jobs.keys import KEY, ApiKey, KeyLimits, NewKey, make_key

NOW = datetime(2026, 1, 20, 10, 0, tzinfo=UTC)


def make(**said: object) -> tuple[ApiKey, str]:
    return make_key(NewKey.model_validate({"name": "ci", "tenant": "acme", **said}), NOW)


def secret_of(shown: str) -> str:
    parts = KEY.fullmatch(shown)
    assert parts is not None
    return parts["secret"]


def test_a_key_names_the_record_that_it_is_verified_by() -> None:
    record, shown = make()
    assert re.fullmatch(f"bookjob_{record.key_id}_[0-9a-f]{{64}}", shown)
    assert record.opens_with(secret_of(shown))


def test_a_record_does_not_tell_its_key() -> None:
    record, shown = make()
    assert secret_of(shown) not in str(dataclasses.asdict(record))


def test_another_keys_secret_opens_nothing() -> None:
    record, shown = make()
    other = make()[1]
    assert not record.opens_with(secret_of(other))
    assert not record.opens_with(secret_of(shown)[:-1])


def test_the_same_secret_is_kept_differently_under_another_salt() -> None:
    record, shown = make()
    salted_otherwise = dataclasses.replace(record, salt=make()[0].salt)
    assert not salted_otherwise.opens_with(secret_of(shown))


def test_a_key_has_the_limits_that_it_was_given() -> None:
    record, _ = make(submissions_per_minute=5)
    assert record.limits == KeyLimits(submissions=5, requests=None)


@pytest.mark.parametrize(
    "tenant", ["", "Acme", "a/b", "a#b", "a\0b", "-a", "a-", "a\n", "a.b", "é", "x" * 64, "uploads"]
)
def test_a_tenant_has_a_name_that_can_be_part_of_a_key(tenant: str) -> None:
    with pytest.raises(ValidationError):
        NewKey(name="ci", tenant=tenant)


@pytest.mark.parametrize("tenant", ["a", "acme", "acme-2", "2026", "x" * 63, "public"])
def test_a_plain_name_is_a_tenants(tenant: str) -> None:
    assert NewKey(name="ci", tenant=tenant).tenant == tenant
