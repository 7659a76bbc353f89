"""Which files are books, and what the others are told."""

import io
from collections.abc import Iterable
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from bookjob.book import MAX_CHARACTERS, Book, _texts, decode, inspect, load
from bookjob.errors import InvalidBook


def test_a_book_is_named_for_its_file_and_read_whole(tmp_path: Path) -> None:
    file = tmp_path / "Emma, vol. 1.txt"
    file.write_bytes("The Project Gutenberg eBook of Emma\r\n\r\n*** START ***\r\nEmma — handsome.\r\n".encode())

    book = load(file)

    assert book.book_id == "Emma_vol._1"
    assert book.text == "The Project Gutenberg eBook of Emma\r\n\r\n*** START ***\r\nEmma — handsome.\r\n"


@given(
    st.text(st.characters(exclude_characters="\0\ufeff", codec="utf-8"), min_size=1).filter(lambda t: not t.isspace())
)
def test_every_text_of_utf8_is_a_book_with_or_without_a_byte_order_mark(text: str) -> None:
    text = "a" + text  # so that no text happens to start as another format does

    assert decode(text.encode(), "b.txt") == text
    assert decode(b"\xef\xbb\xbf" + text.encode(), "b.txt") == text


def refusal_of(content: bytes) -> str | None:
    try:
        decode(content, "b.txt")
    except InvalidBook as refusal:
        return str(refusal)
    return None


@given(st.binary(max_size=300))
def test_whatever_is_in_a_file_it_is_a_book_or_refused_in_one_line(content: bytes) -> None:
    refusal = refusal_of(content)

    assert refusal is None or (refusal.startswith("b.txt is ") and "\n" not in refusal)


def told_of(pieces: Iterable[bytes]) -> str:
    """Return the text of a file that is read in these pieces, or why it is refused."""
    try:
        return "".join(_texts(pieces, "b.txt"))
    except InvalidBook as refusal:
        return f"refused: {refusal}"


@given(
    st.text(st.characters(codec="utf-8"), min_size=1).map(str.encode) | st.binary(min_size=1, max_size=60),
    st.integers(1, 9),
)
@example(b"\xef\xbb\xbfa\n\xe2\x82", 1)
def test_a_file_is_told_the_same_in_whatever_pieces_it_is_read(content: bytes, size: int) -> None:
    # What other formats start with is in the first piece, and of two faults the nearer piece has the first.
    content = b"A fox.\n" * 2 + content.replace(b"\0", b"")
    pieces = [content[:14], *(content[at : at + size] for at in range(14, len(content), size))]

    assert told_of(pieces) == told_of([content])


def test_a_book_that_is_passed_on_is_looked_through_and_left_in_its_file(tmp_path: Path) -> None:
    file = tmp_path / "emma.txt"
    file.write_bytes("é".encode() * 1_100_000)

    assert inspect(file) == Book("emma", file)
    file.write_bytes("é".encode() * 1_100_000 + b"\xe9")
    with pytest.raises(InvalidBook, match="byte 0xE9 at offset 2,200,000"):
        inspect(file)


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (b"", "is empty"),
        (b" \r\n\t", "is empty"),
        (b"caf\xe9", r"is not UTF-8: byte 0xE9 at offset 3 \(line 1\).*iconv"),
        (b"\xef\xbb\xbfone\ntwo \x93yes\x94", r"is not UTF-8: byte 0x93 at offset 11 \(line 2\)"),
        (b"text\0text", r"NUL byte at offset 4\..*save anything else as plain text"),
        ("Emma".encode("utf-16-le"), "NUL byte at offset 1.*iconv -f UTF-16LE"),
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "is an old Word document.*save it as plain text"),
        ("Emma".encode("utf-32"), "is UTF-32 text.*iconv -f UTF-32 "),
        (b"%PDF-1.7\n", "is a PDF.*pdftotext"),
        (b"PK\x03\x04" + b"\0" * 26 + b"mimetypeapplication/epub+zip", "is an EPUB.*ebook-convert"),
        (b"PK\x03\x04" + b"\0" * 60, "is a ZIP archive"),
        (b"\0" * 60 + b"BOOKMOBI", "is a Kindle book.*ebook-convert"),
        (b"\x1f\x8b\x08\0", "gunzip"),
        ("Emma".encode("utf-16"), "is UTF-16 text.*iconv"),
        (b"{\\rtf1\\ansi", "RTF"),
    ],
)
def test_what_is_no_plain_text_is_told_what_it_is_and_what_to_do(content: bytes, sentence: str) -> None:
    with pytest.raises(InvalidBook, match=sentence):
        decode(content, "b.txt")


def test_the_longest_book_has_five_million_characters_whatever_their_bytes() -> None:
    longest = "😀" * MAX_CHARACTERS

    assert decode(longest.encode(), "b.txt") == longest
    with pytest.raises(InvalidBook, match="is too long"):
        decode((longest + "a").encode(), "b.txt")
    with pytest.raises(InvalidBook, match=r"it has 5,000,001 characters"):
        decode(b"a" * (MAX_CHARACTERS + 1), "b.txt")


def test_a_file_that_is_not_there_is_named() -> None:
    with pytest.raises(InvalidBook, match=r"There is no file nowhere/emma\.txt\."):
        load(Path("nowhere/emma.txt"))


def test_a_folder_is_no_book(tmp_path: Path) -> None:
    with pytest.raises(InvalidBook, match="is a folder"):
        load(tmp_path)


def test_a_dash_reads_standard_input(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO("Anna Karénine".encode())))

    assert load(Path("-")).text == "Anna Karénine"
