"""Which addresses a callback may be sent to, as far as their text tells; `addresses` looks at what they resolve to.

A caller names an address, and the service connects to it from inside the cloud. So it must not lead anywhere that
only the service can reach (server-side request forgery).
"""

import re
from dataclasses import dataclass
from ipaddress import ip_address
from typing import NoReturn
from urllib.parse import urlsplit

from jobs.callbacks.addresses import is_loopback, is_public
from jobs.errors import InvalidRequest

#: The longest address that a job may come with, in characters; it must fit into the metadata of an upload.
LONGEST_URL = 1024

#: The ports that a callback may be sent to.
PORTS = (443, 8443)

#: What addresses are written in; others read a backslash as a slash, or drop what is no character of a URL.
PRINTABLE = re.compile(r"[!-\[\]-~]+")

#: A full domain name, whose last label begins with a letter: no number that some resolvers take for an address.
FULL_NAME = re.compile(r"(?=.{1,253}$)(?:[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9])?\.)+[a-z][a-z0-9-]{0,61}[a-z0-9]")

#: The ends of names that lead to no public host.
PRIVATE_NAMES = (".localhost", ".local", ".internal", ".home.arpa")


@dataclass(frozen=True, slots=True)
class Target:
    """Where a callback is sent to, taken apart."""

    tls: bool
    host: str
    port: int
    #: Path and query.
    path: str
    #: Whether it is this very machine, which only a deployment allows that was told to.
    loopback: bool


def target_of(url: str, *, loopback: bool) -> Target:
    """Return the parts of an address; raises InvalidRequest, which says why a callback cannot be sent there.

    With `loopback`, this machine is allowed too, by any port and without TLS.
    """
    if not PRINTABLE.fullmatch(url):
        _refuse("it has characters that are none of a URL's; percent-encode them, and write a host as punycode")
    try:
        parts = urlsplit(url)
        host, port = (parts.hostname or "").removesuffix("."), parts.port
    except ValueError:
        _refuse("it cannot be read as a URL; give one such as https://example.com/hook")
    if "@" in parts.netloc or "#" in url:
        _refuse("it has a user's name or a fragment; leave it out, since callbacks are signed")
    tls, path = parts.scheme == "https", (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    if loopback and parts.scheme in ("http", "https") and (host == "localhost" or is_loopback(host)):
        return Target(tls, host, port or (443 if tls else 80), path, loopback=True)
    if not tls:
        _refuse("it must begin with https://")
    if (port or 443) not in PORTS:
        _refuse(f"its port must be one of {', '.join(map(str, PORTS))}")
    _check_host(host)
    return Target(tls, host, port or 443, path, loopback=False)


def check_callback_url(url: str | None, *, loopback: bool) -> None:
    """Raise InvalidRequest when callbacks cannot be sent to the address."""
    if url is not None:
        target_of(url, loopback=loopback)


def _check_host(host: str) -> None:
    try:
        ip_address(host)
    except ValueError:
        if not FULL_NAME.fullmatch(host) or host.endswith(PRIVATE_NAMES):
            _refuse("its host must be the full name of a public host, such as hooks.example.com")
    else:
        if not is_public(host):
            _refuse("its host must be a public address")


def _refuse(sentence: str) -> NoReturn:
    raise InvalidRequest(f"callback_url: {sentence}")
