"""Clients of the emulator's services for this process, whatever its user's settings say of AWS or of proxies."""

import os
from typing import Any

import boto3
import botocore.session
from botocore.config import Config

from infra.local import emulator

#: A session that looks for no profile and reads none of the user's files: what AWS_PROFILE names may not exist on this
#: machine, and a file may not be readable.
OF_ITS_OWN = {
    "profile": (None, None, None, None),
    "config_file": (None, None, os.devnull, None),
    "credentials_file": (None, None, os.devnull, None),
}


def client(service: str, port: int) -> Any:
    """Return a client of one service of the emulator on the port."""
    session = boto3.Session(
        aws_access_key_id=emulator.CREDENTIALS["AWS_ACCESS_KEY_ID"],
        aws_secret_access_key=emulator.CREDENTIALS["AWS_SECRET_ACCESS_KEY"],
        region_name=emulator.CREDENTIALS["AWS_DEFAULT_REGION"],
        botocore_session=botocore.session.Session(session_vars=OF_ITS_OWN),
    )
    calls = Config(proxies={}, retries={"total_max_attempts": 3}, connect_timeout=5, read_timeout=60)
    return session.client(service, endpoint_url=emulator.url(port), config=calls)  # type: ignore[call-overload]  # any service
