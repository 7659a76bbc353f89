"""What an uploaded file says and is: its text, and how its uploader would have it read. No I/O."""

import json
from collections.abc import Mapping

from pydantic import ValidationError

from jobs.errors import InvalidRequest
from jobs.request import JobRequest

#: The most bytes that UTF-8 needs for a character.
WIDEST_CHARACTER = 4

BOM = b"\xef\xbb\xbf"

#: The names of an upload's metadata (`x-amz-meta-*`) that are read, and the fields of a request that they fill.
FIELDS = {
    "book-id": "book_id",
    "model": "model",
    "custom-model-path": "custom_model_path",
    "pipeline": "pipeline",
    "callback-url": "callback_url",
}

#: The name of the metadata that says all of it instead, as the JSON object that `POST /v1/uploads` takes: a form's way,
#: which can carry options, and names that are not ASCII.
REQUEST = "request"

#: The most that S3 keeps of an object's metadata, names and values together, in bytes.
METADATA_LIMIT = 2048

AS_TEXT = "upload its text as a .txt file in UTF-8"

#: How files begin that are books but no texts, and what to do with them.
FOREIGN = {
    b"%PDF-": f"the file is a PDF, which is not read here; {AS_TEXT} (`pdftotext book.pdf` makes one)",
    b"PK\x03\x04": f"the file is an EPUB or another ZIP archive, which is not read here; {AS_TEXT} "
    "(`ebook-convert book.epub book.txt` makes one)",
}


def metadata_of(request: JobRequest) -> dict[str, str]:
    """Return the metadata of an upload that is to be read so; raises InvalidRequest when S3 would not keep so much."""
    asked = json.dumps(request.model_dump(mode="json", exclude_defaults=True))
    if len(REQUEST) + len(asked) > METADATA_LIMIT:
        raise InvalidRequest(
            f"The fields are too long for an upload: as JSON in ASCII they may have {METADATA_LIMIT - len(REQUEST)} "
            f"characters and have {len(asked)}; shorten book_id, callback_url or options.referential_gender_cats"
        )
    return {REQUEST: asked}


def requested(metadata: Mapping[str, str]) -> JobRequest:
    """Return how the uploader would have the text read; raises InvalidRequest."""
    try:
        if REQUEST in metadata:
            return JobRequest.model_validate_json(metadata[REQUEST])
        return JobRequest.model_validate(_fields(metadata))
    except ValidationError as error:
        wrong = error.errors(include_url=False, include_input=False)[0]
        if "ctx" in wrong and isinstance(wrong["ctx"].get("error"), ValueError):
            raise InvalidRequest(str(wrong["ctx"]["error"])) from error
        name = str(wrong["loc"][0]).replace("_", "-") if wrong["loc"] else REQUEST
        raise InvalidRequest(f"metadata {name}: {wrong['msg']}") from error


def unread(metadata: Mapping[str, str]) -> JobRequest:
    """Return what is known of an upload's request before it is read: whom to tell that it could not be."""
    try:
        return JobRequest(callback_url=metadata.get("callback-url"))
    except ValidationError:
        return JobRequest()


def _fields(metadata: Mapping[str, str]) -> dict[str, object]:
    fields: dict[str, object] = {FIELDS[name]: value for name, value in metadata.items() if name in FIELDS}
    if "pipeline" in metadata:
        fields["pipeline"] = [task.strip() for task in metadata["pipeline"].split(",")]
    return fields


def largest_upload(max_characters: int) -> int:
    """Return how many bytes a text of so many characters may have."""
    return max_characters * WIDEST_CHARACTER + len(BOM)


def check_size(size: int, max_characters: int) -> None:
    """Raise InvalidRequest when so many bytes cannot be a text of at most so many characters."""
    if size > largest_upload(max_characters):
        raise InvalidRequest(f"text: {size} bytes are more than {max_characters} characters; split the book")


def decoded(body: bytes) -> str:
    """Return the text of a file in UTF-8, without its BOM; raises InvalidRequest that names the byte in the way."""
    for magic, sentence in FOREIGN.items():
        if body.startswith(magic):
            raise InvalidRequest(f"text: {sentence}")
    start = len(BOM) if body.startswith(BOM) else 0
    try:
        return body[start:].decode()
    except UnicodeDecodeError as error:
        offset = start + error.start
        where = f"byte 0x{body[offset]:02X} at offset {offset}"
        raise InvalidRequest(f"text: {where} is not UTF-8; save the file as UTF-8 and upload it again") from error
