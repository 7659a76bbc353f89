"""Clients of the emulator's services for this process, whatever its environment says of AWS or of proxies."""

from typing import Any

import boto3
from botocore.config import Config

from infra.local import emulator


def client(service: str, port: int) -> Any:
    """Return a client of one service of the emulator on the port."""
    return boto3.client(  # type: ignore[call-overload]
        service,
        endpoint_url=emulator.url(port),
        region_name=emulator.CREDENTIALS["AWS_DEFAULT_REGION"],
        aws_access_key_id=emulator.CREDENTIALS["AWS_ACCESS_KEY_ID"],
        aws_secret_access_key=emulator.CREDENTIALS["AWS_SECRET_ACCESS_KEY"],
        config=Config(proxies={}, retries={"total_max_attempts": 3}, connect_timeout=5, read_timeout=60),
    )
