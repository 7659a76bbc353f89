"""What AWS charges: a dated table, and an owner's own prices laid over it."""

import tomllib
from datetime import date
from pathlib import Path
from typing import Annotated, Any, Final, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from infra.costs.errors import InvalidPrices

#: The list prices that come with the code.
LIST_PRICES: Final = Path(__file__).with_name("prices.toml")

#: US dollars for one of what the field names.
Dollars = Annotated[float, Field(ge=0, allow_inf_nan=False)]


class Prices(BaseModel):
    """US dollars for one unit of each thing that a deployment uses."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    #: When the prices were what they are here.
    as_of: date
    region: str

    lambda_gb_second: Dollars
    lambda_request: Dollars
    #: For every 512 KiB that a request carries.
    api_request: Dollars
    table_write_unit: Dollars
    table_read_unit: Dollars
    table_gb_month: Dollars
    table_backup_gb_month: Dollars
    storage_gb_month: Dollars
    storage_write: Dollars
    storage_read: Dollars
    transfer_out_gb: Dollars
    fifo_request: Dollars
    queue_request: Dollars
    log_gb: Dollars
    metric_month: Dollars
    alarm_metric_month: Dollars
    dashboard_month: Dollars
    trace: Dollars
    key_month: Dollars
    image_gb_month: Dollars
    disk_gb_month: Dollars
    #: For each zone that it is in.
    endpoint_hour: Dollars
    nat_hour: Dollars
    spot_hour: Dollars
    on_demand_hour: Dollars
    fargate_cpu_hour: Dollars
    fargate_gb_hour: Dollars
    sagemaker_hour: Dollars

    @classmethod
    def read(cls, own: Path | None = None) -> Self:
        """Return the list prices, with those of the owner's file in their place; raises InvalidPrices."""
        table = _table(LIST_PRICES) | (_table(own) if own is not None else {})
        try:
            return cls.model_validate(table)
        except ValidationError as error:
            faults = "; ".join(f"{fault['loc'][0]}: {fault['msg']}" for fault in error.errors())
            raise InvalidPrices(f"{own} is not a table of prices ({faults}). {LIST_PRICES} shows the names.") from error


def _table(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise InvalidPrices(f"The prices in {path} cannot be read: {error}.") from error
