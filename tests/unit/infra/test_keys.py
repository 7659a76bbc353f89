"""What the operator is told when a deployment's keys cannot be reached."""

import pytest

from infra.keys import KeyDesk, KeysOutOfReach


def test_an_operator_without_a_region_is_told_the_variable_that_boto3_reads(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_CONFIG_FILE", "")
    monkeypatch.delenv("AWS_DEFAULT_REGION", raising=False)
    monkeypatch.setenv("AWS_REGION", "us-east-1")
    with pytest.raises(KeysOutOfReach, match=r"a region\. Look at .* \(AWS_DEFAULT_REGION, AWS_PROFILE\)"):
        KeyDesk.of_stack("bookjob")
