"""Client programs that know nothing but the contract read a short text from end to end."""

import json
import shutil
import subprocess

import httpx
import pytest

from tests.e2e.conftest import TEXT, Installation

pytestmark = pytest.mark.timeout(300)  # whole starts and stops, on a machine that may be busy

FILES = ("tokens", "entities", "supersense", "quotes", "book", "book.html")

NODE = """
const [base, text] = process.argv.slice(1)
const sleep = seconds => new Promise(resolve => setTimeout(resolve, 1000 * seconds))
const submitted = await (await fetch(`${base}/v1/jobs`, {
  method: 'POST', headers: {'Content-Type': 'application/json'}, body: JSON.stringify({text, book_id: 'node'})
})).json()
let job
do {
  await sleep(0.5)
  job = await (await fetch(`${base}/v1/jobs/${submitted.job_id}`)).json()
} while (job.status === 'pending' || job.status === 'running')
const answer = await fetch(`${base}/v1/jobs/${submitted.job_id}/result`)
console.log(JSON.stringify({status: job.status, tokens: (await answer.json()).result.tokens.length}))
"""

CURL = """
set -euo pipefail
id=$(jq -n --arg text "$TEXT" '{$text, model: "mini"}' |
     curl -sf "$BASE/v1/jobs" -H 'Content-Type: application/json' -d @- | jq -r .job_id)
while status=$(curl -sf "$BASE/v1/jobs/$id" | jq -r .status); [[ $status == pending || $status == running ]]; do
  sleep 0.5
done
curl -sf "$BASE/v1/jobs/$id/result" | jq -c '{status: .status, tokens: (.result.tokens | length)}'
"""


def needs(*programs: str) -> pytest.MarkDecorator:
    missing = [program for program in programs if shutil.which(program) is None]
    return pytest.mark.skipif(bool(missing), reason=f"not installed on this machine: {', '.join(missing)}")


def test_a_program_in_python_gets_the_result_and_every_file(service: Installation) -> None:
    with httpx.Client(base_url=service.url, timeout=60) as client:
        submitted = client.post("/v1/jobs", json={"text": TEXT, "model": "small", "book_id": "short"}).json()
        job = service.finish(submitted["job_id"])
        assert (job["status"], job["progress"], job["attempt"]) == ("completed", 100.0, 1), job
        assert job["pack"].startswith("mini@")
        assert "'mini' ran in its place" in job["warnings"][0]
        result = client.get(f"/v1/jobs/{submitted['job_id']}/result").json()
        assert result["token_count"] == len(result["result"]["tokens"]) == job["token_count"]
        assert any("Aldermouth" in quote["quote"] for quote in result["result"]["quotes"])
        for name in FILES:
            answer = client.get(f"/v1/jobs/{submitted['job_id']}/files/{name}")
            assert answer.status_code == 200, name
            assert answer.content, name


@needs("node")
def test_a_program_in_javascript_gets_the_result(service: Installation) -> None:
    finished = subprocess.run(
        ["node", "--input-type=module", "-e", NODE, service.url, TEXT], capture_output=True, text=True, timeout=100
    )
    assert finished.returncode == 0, finished.stderr
    answer = json.loads(finished.stdout)
    assert answer["status"] == "completed"
    assert answer["tokens"] > 30


@needs("curl", "jq")
def test_a_shell_script_gets_the_result(service: Installation) -> None:
    finished = subprocess.run(
        ["bash", "-c", CURL],
        env={**service.environment, "BASE": service.url, "TEXT": TEXT},
        capture_output=True,
        text=True,
        timeout=100,
    )
    assert finished.returncode == 0, finished.stderr
    answer = json.loads(finished.stdout)
    assert answer["status"] == "completed"
    assert answer["tokens"] > 30


@needs("curl")
def test_a_body_over_the_gateways_limit_is_refused_in_words(service: Installation) -> None:
    curl = ["curl", "-s", "-w", "%{http_code}", f"{service.url}/v1/jobs", "-H", "Content-Type: application/json"]
    body = json.dumps({"text": "x" * 11_000_000})
    answer = subprocess.run([*curl, "-d", "@-"], input=body, capture_output=True, text=True, timeout=60).stdout
    assert answer.endswith("413")
    assert "POST /v1/uploads" in json.loads(answer.removesuffix("413"))["detail"]


def test_each_part_tells_that_it_is_well(service: Installation) -> None:
    told = service.bookjob("health", "--json")
    assert told.returncode == 0, told.stdout
    assert {name for name, part in json.loads(told.stdout).items() if part["healthy"]} == {
        "emulator", "queue", "worker", "front", "api",
    }  # fmt: skip
