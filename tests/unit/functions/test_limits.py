"""A result goes out inline exactly as long as Lambda's limit allows, to the byte."""

import base64
import gzip
import json
import tracemalloc
from dataclasses import dataclass
from unittest.mock import Mock

import pytest

from functions.api.delivery import accepts_gzip, deliver
from functions.api.limits import RESPONSE_LIMIT, base64_size, event_size, response_size
from jobs.documents import DocumentStore, StoredObject

HEADERS = {"X-Request-ID": "r" * 128, "X-RateLimit-Limit": "600"}


@dataclass(frozen=True)
class Bucket(DocumentStore):
    """Passes for a bucket with one object in it."""

    body: bytes

    def read(self, key: str) -> bytes:  # noqa: ARG002 - the signature is DocumentStore's
        return self.body

    def presign(self, key: str, seconds: int) -> str:
        return f"https://bucket/{key}?X-Amz-Expires={seconds}"


def delivered(body: bytes, encoding: str) -> tuple[int, int]:
    """Return the answer's status and the size of the response that the Lambda runtime would send."""
    event = {"headers": {"Accept-Encoding": encoding}}
    stored = StoredObject(Bucket(Mock(), "bucket", body), "key", len(body))
    response = deliver(stored, "application/json", event, HEADERS)
    answer: dict[str, object] = {
        "statusCode": response.status_code,
        "body": response.body,
        "isBase64Encoded": response.base64_encoded,
        "headers": response.headers,
        "cookies": [],
    }
    return response.status_code, len(json.dumps(answer))


def largest_gzip() -> int:
    """Return how many bytes of gzip make the largest response; base64 grows in steps of four."""
    _, overhead = delivered(b"", "gzip")
    return (RESPONSE_LIMIT - overhead) // 4 * 3


def test_the_largest_gzip_that_fits_is_sent_and_one_byte_more_is_linked_to() -> None:
    status, size = delivered(b"\0" * largest_gzip(), "gzip")
    assert status == 200
    assert RESPONSE_LIMIT - 4 < size <= RESPONSE_LIMIT
    assert delivered(b"\0" * (largest_gzip() + 1), "gzip")[0] == 303


@pytest.mark.parametrize(
    ("character", "weight"),
    [("a", 1), ('"', 2), ("\n", 2), ("é", 6), ("\U00010348", 12)],
    ids=lambda value: repr(value),
)
def test_the_longest_text_that_fits_is_sent_and_one_character_more_is_linked_to(character: str, weight: int) -> None:
    """Inside the response the text is a JSON string in ASCII: each character weighs what its escape does."""
    _, overhead = delivered(gzip.compress(b""), "identity")
    room = RESPONSE_LIMIT - overhead
    text = character * (room // weight) + "a" * (room % weight)
    status, size = delivered(gzip.compress(text.encode(), 1), "identity")
    assert (status, size) == (200, RESPONSE_LIMIT)
    assert delivered(gzip.compress((text + "a").encode(), 1), "identity")[0] == 303


def test_what_unpacks_to_far_more_than_an_answer_is_unpacked_no_further_than_that() -> None:
    bomb = gzip.compress(b"\0" * 300_000_000, 1)
    tracemalloc.start()
    assert delivered(bomb, "identity")[0] == 303
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 4 * RESPONSE_LIMIT


@pytest.mark.parametrize(
    ("header", "taken"),
    [
        ("gzip", True),
        ("GZIP", True),
        ("gzip, deflate, br", True),
        ("deflate;q=1, gzip;q=0.001", True),
        ("*", True),
        ("br, *;q=0.1", True),
        ("", False),
        ("identity", False),
        ("gzip;q=0", False),
        ("gzip; q=0.000", False),
        ("gzip;q=0, *", False),
        ("*;q=0", False),
        ("gzipped", False),
    ],
)
def test_gzip_is_sent_only_where_the_header_takes_it(header: str, taken: bool) -> None:
    assert accepts_gzip(header) is taken


@pytest.mark.parametrize("size", range(10))
def test_base64_is_as_long_as_base64_is(size: int) -> None:
    assert base64_size(size) == len(base64.b64encode(b"x" * size))


def test_a_body_weighs_what_it_weighs_as_a_string_of_the_event() -> None:
    assert event_size('{"text": "é\n"}') == len('"{\\"text\\": \\"é\\n\\"}"'.encode())
    assert event_size("\ud800") == 5


def test_a_response_weighs_what_the_runtime_makes_of_it() -> None:
    assert response_size({"statusCode": 200, "body": 'é"'}) == len('{"statusCode": 200, "body": "\\u00e9\\""}')
