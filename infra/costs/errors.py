"""What can be wrong with what the model is given."""


class CostsError(Exception):
    """The model cannot calculate with this; the text says why and what to do."""


class InvalidPrices(CostsError):
    """The file of prices cannot be used."""


class InvalidArrivals(CostsError):
    """The file of arrivals cannot be used."""
