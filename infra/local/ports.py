"""Ports of this machine's loopback: a free one, and who holds one that is not."""

import socket

import psutil

from infra.local.errors import PortNotPermitted


def free_port() -> int:
    """Return a port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    return port


def loopback() -> list[str]:
    """Return the addresses that `localhost` leads to on this machine: a client may ask any of them first."""
    return [address for address in ("127.0.0.1", "::1") if _is_here(address)]


def is_free(port: int) -> bool:
    """Tell whether nobody listens on the port; raises PortNotPermitted when this user could not either."""
    try:
        for address in loopback():
            _bind(address, port)
    except PermissionError as refused:
        raise PortNotPermitted(port) from refused
    except OSError:
        return False
    return True


def holder(port: int) -> str | None:
    """Return the name and number of the process that listens on the port, where the system tells us."""
    try:
        connections = psutil.net_connections("tcp")
    except psutil.AccessDenied:
        return None
    for connection in connections:
        listens = connection.status == psutil.CONN_LISTEN and connection.laddr and connection.laddr[1] == port
        if listens and connection.pid:
            return f"{psutil.Process(connection.pid).name()} (process {connection.pid})"
    return None


def _is_here(address: str) -> bool:
    try:
        _bind(address, 0)
    except OSError:
        return False
    return True


def _bind(address: str, port: int) -> None:
    """Bind the port and let go of it; raises OSError."""
    with socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        probe.bind((address, port))
