import pytest
from hypothesis import given
from hypothesis import strategies as st

from jobs.errors import InvalidRequest
from jobs.request import JobRequest
from jobs.uploads import BOM, METADATA_LIMIT, check_size, decoded, metadata_of, requested


@given(st.text(), st.booleans())
def test_utf8_is_read_whole_with_or_without_a_bom(text: str, bom: bool) -> None:
    text = text.removeprefix("\ufeff")
    assert decoded((BOM if bom else b"") + text.encode()) == text


@given(st.text(max_size=50), st.sampled_from([b"\xff", b"\xe9 ", b"\xc3"]), st.booleans())
def test_what_is_not_utf8_is_refused_with_the_byte_and_where_it_is(text: str, wrong: bytes, bom: bool) -> None:
    sound = (BOM if bom else b"") + text.removeprefix("\ufeff").encode()
    with pytest.raises(InvalidRequest, match=rf"byte 0x{wrong[0]:02X} at offset {len(sound)} is not UTF-8"):
        decoded(sound + wrong)


def test_a_text_in_utf16_is_refused_at_its_first_byte() -> None:
    with pytest.raises(InvalidRequest, match="byte 0xFF at offset 0"):
        decoded("A text.".encode("utf-16"))


@pytest.mark.parametrize(("start", "kind"), [(b"%PDF-1.7\n", "PDF"), (b"PK\x03\x04\x14\x00mimetype", "EPUB")])
def test_a_book_that_is_no_text_is_refused_with_what_to_do(start: bytes, kind: str) -> None:
    with pytest.raises(InvalidRequest, match=rf"{kind}.*upload its text as a \.txt file"):
        decoded(start)


def test_a_size_that_any_text_of_the_limit_may_have_is_let_through() -> None:
    check_size(5_000_000 * 4 + 3, 5_000_000)
    with pytest.raises(InvalidRequest, match="20000004 bytes are more than 5000000 characters"):
        check_size(5_000_000 * 4 + 4, 5_000_000)


def test_metadata_says_how_the_text_is_to_be_read() -> None:
    metadata = {"book-id": "moby", "model": "mini", "pipeline": "quote, entity", "author": "not ours"}
    assert requested(metadata) == JobRequest(book_id="moby", model="mini", pipeline=("entity", "quote"))
    assert requested({}) == JobRequest()


@pytest.mark.parametrize(
    ("metadata", "sentence"),
    [
        ({"model": "tiny"}, "metadata model: .*'small'"),
        ({"pipeline": "coref"}, "'coref' needs 'entity' and 'quote'"),
        ({"pipeline": "verbs"}, "metadata pipeline: "),
        ({"book-id": ""}, "metadata book-id: "),
        ({"model": "custom"}, "needs the name of a pack"),
        ({"request": '{"model": "tiny"}'}, "metadata model: .*'small'"),
        ({"request": "mini"}, "metadata request: .*JSON"),
    ],
)
def test_metadata_that_cannot_be_followed_is_refused_by_name(metadata: dict[str, str], sentence: str) -> None:
    with pytest.raises(InvalidRequest, match=sentence):
        requested(metadata)


REQUESTS = st.builds(
    JobRequest,
    book_id=st.none() | st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=100),
    model=st.sampled_from(["small", "big", "mini"]),
    pipeline=st.sampled_from([("entity",), ("event", "entity", "quote")]),
    options=st.builds(dict, compat=st.booleans(), pronominal_coref_only=st.booleans()),
)


@given(REQUESTS)
def test_the_metadata_of_a_form_carries_all_of_a_request_in_ascii(request: JobRequest) -> None:
    metadata = metadata_of(request)
    assert all(value.isascii() and value.isprintable() for value in metadata.values())
    assert requested(metadata) == request


def test_a_request_that_fills_the_metadata_is_let_through_and_a_longer_one_refused() -> None:
    def request(excess: int) -> JobRequest:
        # Each Gothic letter takes 12 characters of JSON in ASCII.
        rest = METADATA_LIMIT - len("request") - len('{"book_id": "", "callback_url": ""}')
        return JobRequest(book_id="\U00010330" * 100, callback_url="x" * (rest - 12 * 100 + excess))

    ((name, value),) = metadata_of(request(0)).items()
    assert len(name) + len(value) == METADATA_LIMIT
    with pytest.raises(InvalidRequest, match="may have 2041 characters and have 2042; shorten book_id"):
        metadata_of(request(1))
