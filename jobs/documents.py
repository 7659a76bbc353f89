"""What is kept of a job in S3: its text, its checkpoints and its results, each under a key that tells whose it is.

    incoming/uploads/{tenant}/{job_id}       what is uploaded by a form, until its job stands
    incoming/{anything}                      what others put there; each becomes a job's text
    documents/{job_id}.{upload}.txt
    checkpoints/{job_id}/{fingerprint}/{stage}
    results/{job_id}/{epoch}/result.json.gz
    results/{job_id}/{epoch}/files/{name}

Results are written under the epoch of the lease that made them, so a worker that lost its lease overwrites nothing
that a reader can see.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import IO, TYPE_CHECKING

from botocore.exceptions import ClientError

from jobs.errors import DocumentMissing, DocumentOverwritten, InvalidRequest

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client
    from mypy_boto3_s3.type_defs import TagTypeDef

JSON, HTML, TSV = "application/json", "text/html; charset=utf-8", "text/tab-separated-values; charset=utf-8"

#: The content types of BookNLP's own output files, by the names that the API serves them under.
FILES: Mapping[str, str] = {
    "tokens": TSV,
    "entities": TSV,
    "supersense": TSV,
    "quotes": TSV,
    "book": JSON,
    "book.html": HTML,
}

#: Where the uploads are that become jobs.
INCOMING = "incoming/"

#: Why an upload is not read that S3 would first have to be asked to restore.
ARCHIVED = "The upload is archived in the storage class {}, where it cannot be read; upload it in the class STANDARD."

#: The tag of an upload that names the job it became.
JOB_TAG = "job-id"

#: How many tags S3 takes of an object.
MOST_TAGS = 10


def document_key(job_id: str, upload: str) -> str:
    """Return the key of a job's text; each upload has its own, so that of two for one job neither overwrites one."""
    return f"documents/{job_id}.{upload}.txt"


def result_key(job_id: str, epoch: int) -> str:
    """Return the key of the gzipped JSON that `GET /v1/jobs/{job_id}/result` answers."""
    return f"results/{job_id}/{epoch}/result.json.gz"


def file_key(job_id: str, epoch: int, name: str) -> str:
    """Return the key of one of BookNLP's own files."""
    return f"results/{job_id}/{epoch}/files/{name}"


def checkpoint_key(job_id: str, fingerprint: str, stage: str) -> str:
    """Return the key of a stage's output; the fingerprint names everything that it was made from."""
    return f"checkpoints/{job_id}/{fingerprint}/{stage}"


@dataclass(frozen=True)
class DocumentStore:
    """The objects of one bucket."""

    client: "S3Client"
    bucket: str

    def put_text(self, key: str, text: str) -> None:
        """Store a job's text as UTF-8."""
        self.client.put_object(Bucket=self.bucket, Key=key, Body=text.encode(), ContentType="text/plain; charset=utf-8")

    def delete_text(self, key: str) -> None:
        """Delete one text; deleting what is gone is a no-op."""
        self.client.delete_object(Bucket=self.bucket, Key=key)

    def read(self, key: str) -> bytes:
        """Return the object's bytes; raises DocumentMissing."""
        try:
            return self.client.get_object(Bucket=self.bucket, Key=key)["Body"].read()
        except self.client.exceptions.NoSuchKey as missing:
            raise DocumentMissing(key) from missing

    def describe(self, key: str, etag: str) -> "Upload":
        """Return what S3 knows of an upload without its bytes; raises DocumentMissing or DocumentOverwritten."""
        try:
            found = self.client.head_object(Bucket=self.bucket, Key=key, IfMatch=f'"{etag}"')
        except ClientError as error:
            raise _missing(error, key) from error
        return Upload(found["ContentLength"], found["Metadata"])

    def read_upload(self, key: str, etag: str) -> bytes:
        """Return an upload's bytes; raises DocumentMissing, DocumentOverwritten, or InvalidRequest if archived."""
        try:
            return self.client.get_object(Bucket=self.bucket, Key=key, IfMatch=f'"{etag}"')["Body"].read()
        except self.client.exceptions.InvalidObjectState as archived:
            raise InvalidRequest(ARCHIVED.format(archived.response.get("StorageClass"))) from archived
        except ClientError as error:
            raise _missing(error, key) from error

    def tag(self, key: str, job_id: str) -> None:
        """Tag an upload with the job that it became, unless its uploader's own tags leave no room."""
        found = self.client.get_object_tagging(Bucket=self.bucket, Key=key)["TagSet"]
        theirs = [tag for tag in found if tag["Key"] != JOB_TAG]
        if len(theirs) < MOST_TAGS:
            ours: TagTypeDef = {"Key": JOB_TAG, "Value": job_id}
            self.client.put_object_tagging(Bucket=self.bucket, Key=key, Tagging={"TagSet": [*theirs, ours]})

    def find(self, key: str) -> bytes | None:
        """Return the object's bytes, or None when there is none."""
        try:
            return self.read(key)
        except DocumentMissing:
            return None

    def locate(self, key: str) -> "StoredObject":
        """Return where the object is and how long, without its bytes; raises DocumentMissing."""
        try:
            found = self.client.head_object(Bucket=self.bucket, Key=key)
        except ClientError as error:
            raise _missing(error, key) from error
        return StoredObject(self, key, found["ContentLength"])

    def check(self) -> None:
        """Return when the bucket answers; raises what boto3 raises when it does not."""
        self.client.head_bucket(Bucket=self.bucket)

    def put(self, key: str, body: bytes | IO[bytes], content_type: str, encoding: str | None = None) -> None:
        """Store an object, in parts when it is large; `encoding` is its Content-Encoding, such as `gzip`."""
        extra = {"ContentType": content_type} | ({"ContentEncoding": encoding} if encoding else {})
        if isinstance(body, bytes):
            self.client.put_object(Bucket=self.bucket, Key=key, Body=body, **extra)  # type: ignore[arg-type]  # all are strings
        else:
            self.client.upload_fileobj(body, self.bucket, key, ExtraArgs=extra)

    def presign(self, key: str, seconds: int) -> str:
        """Return a URL that anyone may fetch the object from for that many seconds.

        A browser saves what it finds there: S3 tells of no policy that a page made of a stranger's book would keep to.
        """
        asked = {"Bucket": self.bucket, "Key": key, "ResponseContentDisposition": "attachment"}
        return self.client.generate_presigned_url("get_object", Params=asked, ExpiresIn=seconds)

    def presign_upload(
        self, key: str, metadata: Mapping[str, str], largest: int, lifetime: timedelta
    ) -> tuple[str, dict[str, str]]:
        """Return the URL and the fields of a form by which anyone may put a text of 1 to `largest` bytes there.

        S3 holds every field to what is given here, but for parameters of the content type.
        """
        fixed = {f"x-amz-meta-{name}": value for name, value in metadata.items()}
        form = self.client.generate_presigned_post(
            self.bucket,
            key,
            Fields={**fixed, "Content-Type": "text/plain; charset=utf-8"},
            Conditions=[
                *({name: value} for name, value in fixed.items()),
                ["starts-with", "$Content-Type", "text/plain"],
                ["content-length-range", 1, largest],
            ],
            ExpiresIn=int(lifetime.total_seconds()),
        )
        return form["url"], form["fields"]

    def checkpointed(self, job_id: str, fingerprint: str) -> list[str]:
        """Return the stages of which the job has a checkpoint of this fingerprint."""
        prefix = checkpoint_key(job_id, fingerprint, "")
        found = self.client.list_objects_v2(Bucket=self.bucket, Prefix=prefix).get("Contents", [])
        return [stored["Key"].removeprefix(prefix) for stored in found]

    def delete_checkpoints(self, job_id: str) -> None:
        """Delete what only an unfinished job needs."""
        self._delete_under(f"checkpoints/{job_id}/")

    def delete_results(self, job_id: str, last_epoch: int | None = None, but_epoch: int | None = None) -> None:
        """Delete a job's results, of all epochs or of those up to the last, but for those of one epoch."""
        prefix = f"results/{job_id}/"

        def kept(key: str) -> bool:
            epoch = int(key.removeprefix(prefix).partition("/")[0])
            return epoch == but_epoch or (last_epoch is not None and epoch > last_epoch)

        self._delete_under(prefix, kept)

    def delete_epoch(self, job_id: str, epoch: int) -> None:
        """Delete the results that a worker stored under one lease."""
        self._delete_under(f"results/{job_id}/{epoch}/")

    def delete_all(self, job_id: str) -> None:
        """Delete the job's text, checkpoints and results; deleting what is gone is a no-op."""
        self._delete_under(f"documents/{job_id}.")
        self.delete_checkpoints(job_id)
        self.delete_results(job_id)

    def _delete_under(self, prefix: str, kept: Callable[[str], bool] = lambda _: False) -> None:
        # One page lists at most 1,000 keys, which is also the most that one request deletes.
        for page in self.client.get_paginator("list_objects_v2").paginate(Bucket=self.bucket, Prefix=prefix):
            doomed = [found["Key"] for found in page.get("Contents", []) if not kept(found["Key"])]
            if doomed:
                self._delete(doomed)

    def _delete(self, keys: Sequence[str]) -> None:
        answer = self.client.delete_objects(
            Bucket=self.bucket, Delete={"Objects": [{"Key": key} for key in keys], "Quiet": True}
        )
        # S3 answers 200 even if it could delete none; what is left is to be noticed and tried again.
        for refused in answer.get("Errors", []):
            why = f"{refused['Key']}: {refused['Message']}"
            raise ClientError({"Error": {"Code": refused["Code"], "Message": why}}, "DeleteObjects")


@dataclass(frozen=True, slots=True)
class Upload:
    """An object that somebody uploaded: its length in bytes, and what they said of it (`x-amz-meta-*`)."""

    size: int
    metadata: Mapping[str, str]


def _missing(error: ClientError, key: str) -> Exception:
    """Return what S3's answer says of an object that is not there as it was, or for any other answer the error."""
    # S3's HEAD has no body, so a missing object, or one with another ETag, is told by its HTTP status alone.
    match error.response["ResponseMetadata"]["HTTPStatusCode"]:
        case 404:
            return DocumentMissing(key)
        case 412:
            return DocumentOverwritten(key)
        case _:
            return error


@dataclass(frozen=True, slots=True)
class StoredObject:
    """One object of the bucket: its key and its length in bytes, as stored."""

    store: DocumentStore
    key: str
    size: int

    def read(self) -> bytes:
        """Return the bytes, as stored; raises DocumentMissing."""
        return self.store.read(self.key)

    def presign(self, seconds: int) -> str:
        """Return a URL that anyone may fetch the object from for that many seconds."""
        return self.store.presign(self.key, seconds)
