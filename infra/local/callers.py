"""Who asks: a program of this machine, or a web page from anywhere that a browser on this machine shows.

That a server listens on loopback alone keeps no page out, for its requests come from the user's own browser, under a
name of its own choosing if that is made to lead here (DNS rebinding). But the browser tells in each request which
server it takes this one for (`Host`) and for whom it asks (`Origin`, `Sec-Fetch-Site`). No page can change that, and
programs do not send the last two.
"""

import re

from infra.local.asgi import Message

#: The names of this machine, which can lead nowhere else, and all below them, such as `{api}.execute-api.localhost`.
THIS_MACHINE = re.compile(rb"(([a-z0-9._-]+\.)?(localhost|127\.0\.0\.1)|\[::1\])(:[0-9]+)?", re.IGNORECASE)

#: What browsers put into Sec-Fetch-Site when no page asks, but the user, who typed the address.
NO_PAGE = b"none"


def asks_for_this_machine(scope: Message) -> bool:
    """Tell whether the request names this machine as the one that it is for."""
    hosts = _values(scope, b"host")
    return bool(hosts) and all(THIS_MACHINE.fullmatch(host) for host in hosts)


def is_a_page(scope: Message) -> bool:
    """Tell whether a web page asks, wherever it came from; for an image there is no Origin, and it is told as well."""
    return bool(_values(scope, b"origin")) or any(site != NO_PAGE for site in _values(scope, b"sec-fetch-site"))


def is_a_page_from_elsewhere(scope: Message) -> bool:
    """Tell whether a web page asks that did not come from the server which it asks, to change something or to read it.

    What it may do without an Origin, to follow a link or to show an image, changes nothing and tells it nothing.
    """
    own = [b"http://" + host for host in _values(scope, b"host")]
    return any(origin not in own for origin in _values(scope, b"origin"))


def _values(scope: Message, header: bytes) -> list[bytes]:
    return [value for name, value in scope["headers"] if name == header]
