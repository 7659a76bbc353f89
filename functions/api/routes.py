"""The API's table of contents. Each route calls the job core and shapes what it says."""

from datetime import timedelta
from http import HTTPStatus

from aws_lambda_powertools import Logger
from aws_lambda_powertools.event_handler import Response

from functions.api import VERSION
from functions.api.caller import identify
from functions.api.connections import jobs
from functions.api.delivery import deliver
from functions.api.documentation import openapi_json, swagger_page
from functions.api.endpoints import Endpoints, Header, json_response
from functions.api.exposition import PROMETHEUS, exposition
from functions.api.models import (
    BookQuery,
    FileName,
    Health,
    JobAccepted,
    JobCancelled,
    JobId,
    JobResult,
    JobsPage,
    JobsQuery,
    JobStats,
    JobStatus,
    Readiness,
    ShortSubmission,
    StopRequested,
    Submission,
    Upload,
)
from functions.api.rate_limits import limit
from functions.api.request import (
    LONGEST_ANALYSIS,
    LONGEST_KEY,
    LONGEST_WAIT,
    idempotency_key_of,
    preferred_wait,
    received_at,
)
from functions.api.webhooks import WebhookSecret
from jobs.clock import utc_now
from jobs.documents import FILES, HTML, JSON, TSV
from jobs.errors import AWS_ERRORS
from jobs.model import Job
from jobs.rate_limits import Traffic
from jobs.readiness import check_pack, readiness
from jobs.request import JobRequest
from jobs.upload_forms import upload_form

logger = Logger()
api = Endpoints(guards=(identify, limit))

SUBMISSIONS = Traffic.SUBMISSIONS

#: Preferences that are not understood are ignored (RFC 7240).
ANYTHING = "^[ -~]*$"

PREFER = {
    "Prefer": Header(
        "`wait=20` holds the answer until the status, stage or whole percent changes, 20 seconds at most.", ANYTHING
    )
}

HURRY = {"Prefer": Header("`wait=5` waits so many seconds for the result instead of 25.", ANYTHING)}

#: When to ask after a job whose result was not there in time, in seconds.
LOOK_AGAIN_AFTER = 2

IDEMPOTENCY = {
    "Idempotency-Key": Header(
        "Of any number of requests with the same key and body within 24 hours, one makes a job.",
        f"^[ -~]{{1,{LONGEST_KEY}}}$",
    )
}

#: A page made of a stranger's book may show itself and do nothing else.
HARMLESS = {"Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; sandbox"}


def tenant() -> str:
    """Return whose jobs the caller of the present request may see."""
    return api.caller.tenant


def logged(job: Job) -> Job:
    """Return the job, having made every later line of the request's log name it."""
    logger.append_keys(**job.log_context(), stage=job.stage)
    return job


def submitted(body: Submission) -> Job:
    """Return the job that the present request submits, or the one that its idempotency key stands for."""
    if key := idempotency_key_of(api.event):
        return logged(jobs().submit_once(body, body.text, tenant(), key))
    return logged(jobs().submit(body, body.text, tenant()))


def accepted(job: Job) -> JobAccepted:
    """Return the answer about a job that was accepted, which nothing that fails from now on may turn into an error.

    Its caller would submit it again. A job that waits no more was taken up as the next to run.
    """
    try:
        return JobAccepted.of(job, jobs().queue_position(job) or 1)
    except AWS_ERRORS as error:
        logger.warning("A place in the queue could not be read", exc_info=error)
        return JobAccepted.of(job, None)


def shown(*found: Job) -> tuple[JobStatus, ...]:
    """Return the answers about jobs, with their places in the queue and how far their callbacks are."""
    places, callbacks = jobs().queue_positions(found), jobs().callbacks.latest(found)
    return tuple(JobStatus.of(job, places.get(job.job_id), callbacks.get(job.job_id)) for job in found)


@api.endpoint("POST", "/v1/jobs", headers=IDEMPOTENCY, refuses=(400, 413, 415, 422, 503), traffic=SUBMISSIONS)
def submit(body: Submission) -> JobAccepted:
    """Submit a text: it is stored and queued, and read when its turn comes."""
    return accepted(submitted(body))


@api.endpoint(
    "POST",
    "/v1/analyze",
    headers=IDEMPOTENCY | HURRY,
    gives=JobResult,
    later=JobStatus,
    refuses=(303, 400, 404, 409, 413, 415, 422, 503),
    traffic=SUBMISSIONS,
)
def analyze(body: ShortSubmission) -> Response[str]:
    """Submit a short text and get its result, or the job if that takes longer than 25 seconds."""
    begun = received_at(api.event) or jobs().clock()
    asked = preferred_wait(api.event, LONGEST_ANALYSIS)
    applied = {} if asked is None else {"Preference-Applied": f"wait={asked}"}
    wait = LONGEST_ANALYSIS if asked is None else asked
    job = submitted(body)
    try:
        job = logged(jobs().await_end(job, begun + timedelta(seconds=wait)))
        if job.status.ended:
            return deliver(jobs().result(job.job_id, tenant()), JSON, api.event, api.answer_headers | applied)
        (answer,) = shown(job)
    except AWS_ERRORS as error:  # The job is accepted: an error would have its caller submit it again.
        logger.warning("An accepted job could not be looked at", exc_info=error)
        answer = JobStatus.of(job, None)
    where = {"Location": f"/v1/jobs/{job.job_id}", "Retry-After": str(LOOK_AGAIN_AFTER)}
    return json_response(answer, HTTPStatus.ACCEPTED, where | applied)


@api.endpoint("POST", "/v1/uploads", headers=IDEMPOTENCY, refuses=(400, 413, 415, 503), traffic=SUBMISSIONS)
def upload(body: JobRequest) -> Upload:
    """Get a form to upload a text by that is too large for one request; the upload is the submission."""
    form = upload_form(jobs(), body, tenant(), idempotency_key_of(api.event))
    logger.append_keys(job_id=form.job_id)
    return Upload.of(form)


@api.endpoint("GET", "/v1/jobs", refuses=(400, 503))
def list_jobs(query: JobsQuery) -> JobsPage:
    """List your jobs, newest first."""
    page = jobs().page(tenant(), query.to_domain(), query.limit, query.cursor)
    return JobsPage(jobs=shown(*page.jobs), cursor=page.cursor)


@api.endpoint("GET", "/v1/jobs/latest", refuses=(400, 404, 503))
def latest(query: BookQuery) -> JobStatus:
    """Tell how your newest job stands, or your newest of one book."""
    (answer,) = shown(logged(jobs().latest(tenant(), query.book_id)))
    return answer


@api.endpoint("GET", "/v1/jobs/stats", refuses=(503,))
def stats() -> JobStats:
    """Count your jobs by state and tell the deployment's limits."""
    return JobStats.of(jobs().stats(tenant()), jobs().queue_size(), jobs().settings)


@api.endpoint("GET", "/v1/jobs/<job_id>", headers=PREFER, gives=JobStatus, refuses=(404, 503))
def status(job_id: JobId) -> Response[str]:
    """Tell how a job stands. An expired one is told of for a day."""
    wait = preferred_wait(api.event, LONGEST_WAIT) or 0
    (answer,) = shown(logged(jobs().watch(job_id, tenant(), wait)))
    applied = {"Preference-Applied": f"wait={wait}"} if wait else {}
    return json_response(answer, HTTPStatus.OK, applied)


@api.endpoint("DELETE", "/v1/jobs/<job_id>", refuses=(404, 409, 503))
def cancel(job_id: JobId) -> JobCancelled:
    """Call off a job that waits."""
    job = logged(jobs().cancel(job_id, tenant()))
    return JobCancelled(job_id=job.job_id)


@api.endpoint("POST", "/v1/jobs/<job_id>/cancel", status=HTTPStatus.ACCEPTED, refuses=(404, 409, 503))
def stop(job_id: JobId) -> StopRequested:
    """Call off a job, whether it waits or runs; a running one is `cancelled` within 5 seconds. It may be repeated."""
    job = logged(jobs().stop(job_id, tenant()))
    return StopRequested(job_id=job.job_id, status=job.status)


@api.endpoint("POST", "/v1/jobs/<job_id>/retry", refuses=(404, 409, 503), traffic=SUBMISSIONS)
def retry(job_id: JobId) -> JobAccepted:
    """Queue a failed or cancelled job again; it goes on after the last stage that it finished."""
    return accepted(logged(jobs().retry(job_id, tenant())))


@api.endpoint("GET", "/v1/jobs/<job_id>/result", gives=JobResult, refuses=(303, 404, 409, 425, 503))
def result(job_id: JobId) -> Response[str]:
    """Fetch a completed job's result; one that is too large for an answer is linked to."""
    return deliver(jobs().result(job_id, tenant()), JSON, api.event, api.answer_headers)


@api.endpoint("DELETE", "/v1/jobs/<job_id>/result", status=HTTPStatus.NO_CONTENT, refuses=(404, 409, 503))
def discard(job_id: JobId) -> None:
    """Delete an ended job's text and result now; the job is `expired` from then on."""
    jobs().discard(job_id, tenant())


@api.endpoint("GET", "/v1/jobs/<job_id>/files/<name>", types=(TSV, JSON, HTML), refuses=(303, 404, 409, 425, 503))
def file(job_id: JobId, name: FileName) -> Response[str]:
    """Fetch one of BookNLP's own files, byte for byte."""
    stored = jobs().file(job_id, tenant(), name)
    headers = api.answer_headers | (HARMLESS if name == "book.html" else {})
    return deliver(stored, FILES[name], api.event, headers)


@api.endpoint("GET", "/v1/webhooks/secret", refuses=(503,))
def webhook_secret() -> WebhookSecret:
    """Tell the secret that your callbacks are signed with; it is made when it is first asked for."""
    return WebhookSecret.of(jobs().callbacks.secrets.of(tenant()), jobs().clock())


@api.endpoint("POST", "/v1/webhooks/secret/rotate", refuses=(409, 503))
def rotate_webhook_secret() -> WebhookSecret:
    """Get a new secret; for 24 hours callbacks are signed with both. 409 while there are two already."""
    now = jobs().clock()
    return WebhookSecret.of(jobs().callbacks.secrets.rotate(tenant(), now), now)


@api.endpoint("GET", "/health", is_open=True)
@api.endpoint("GET", "/v1/health", is_open=True)
def health() -> Health:
    """Tell that the API runs; nothing else is asked."""
    installed = check_pack(jobs().settings).ok
    return Health(model_status="ready" if installed else "error", version=VERSION, timestamp=utc_now())


@api.endpoint("GET", "/ready", gives=Readiness, refuses=(503,), is_open=True)
@api.endpoint("GET", "/v1/ready", gives=Readiness, refuses=(503,), is_open=True)
def ready() -> Response[str]:
    """Ask everything that a job needs on its way; 503 unless all of it answers."""
    checks = Readiness.of(readiness(jobs()))
    return json_response(checks, HTTPStatus.OK if checks.status == "ready" else HTTPStatus.SERVICE_UNAVAILABLE)


@api.endpoint("GET", "/metrics", types=(PROMETHEUS,), refuses=(503,), is_open=True)
def metrics() -> Response[str]:
    """Tell the numbers of the deployment, all tenants' together, in Prometheus' text format."""
    body = exposition(jobs().stats(tenant=None), jobs().queue_size(), jobs().settings.max_queue_size)
    return Response(HTTPStatus.OK.value, content_type=PROMETHEUS, body=body)


@api.endpoint("GET", "/openapi.json", is_open=True)
def openapi() -> Response[str]:
    """Describe this API in OpenAPI 3.1."""
    return Response(HTTPStatus.OK.value, content_type=JSON, body=openapi_json(api.table), compress=True)


@api.endpoint("GET", "/docs", types=(HTML,), is_open=True)
def docs() -> Response[str]:
    """Show this API in Swagger UI."""
    return Response(HTTPStatus.OK.value, content_type=HTML, body=swagger_page(api.table), compress=True)
