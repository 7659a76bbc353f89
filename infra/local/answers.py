"""Whether an HTTP server on this machine answers, asked without any proxy that the environment may name."""

import httpx


def answers(url: str, timeout: float = 5.0) -> bool:
    """Tell whether a GET of the URL succeeds within `timeout` seconds."""
    try:
        with httpx.Client(trust_env=False, timeout=timeout) as client:
            return client.get(url).is_success
    except httpx.TransportError:
        return False
