"""Web pages of other origins: which of them a browser lets call the bucket, as the template sets it up.

The emulator keeps the API's own rules under names that it does not read, so those are held to the template alone, in
`tests/unit/test_template.py`.
"""

import pytest
from botocore.exceptions import ClientError

from infra.local.clients import client
from infra.local.deploy import Deployer


def test_the_pages_that_are_allowed_may_send_uploads_and_fetch_results(emulator_port: int) -> None:
    pages = ["https://books.example", "https://other.example"]
    deployment = Deployer(emulator_port, {"AllowedOrigins": ",".join(pages)}).deploy(None)
    found = client("s3", emulator_port).get_bucket_cors(Bucket=deployment.outputs["BucketName"])
    (rule,) = found["CORSRules"]
    assert rule["AllowedOrigins"] == pages
    assert {"GET", "POST"} <= set(rule["AllowedMethods"])


def test_by_default_no_page_may(emulator_port: int) -> None:
    deployment = Deployer(emulator_port, {}).deploy(None)
    with pytest.raises(ClientError, match="NoSuchCORSConfiguration"):
        client("s3", emulator_port).get_bucket_cors(Bucket=deployment.outputs["BucketName"])
