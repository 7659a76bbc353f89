"""A server of files as a university has one: it knows ranges, and can be told to misbehave."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from tests.serving import in_background


@dataclass
class Files:
    """What is served, under which version, and how."""

    content: dict[str, bytes] = field(default_factory=dict)
    version: str | None = '"one"'
    #: After so many bytes of an answer the connection breaks, as often as the list has numbers.
    breaks: list[int] = field(default_factory=list)
    #: The range that each request asked for, and its condition.
    asked: list[tuple[str, str | None, str | None]] = field(default_factory=list)
    url: str = ""


class _Handler(BaseHTTPRequestHandler):
    files: Files

    def do_GET(self) -> None:
        name = self.path.rpartition("/")[2]
        wanted, condition = self.headers.get("Range"), self.headers.get("If-Range")
        self.files.asked.append((name, wanted, condition))
        content = self.files.content.get(name)
        if content is None:
            self.send_error(404)
            return
        first = 0
        if wanted and condition == self.files.version:
            first = int(wanted.removeprefix("bytes=").removesuffix("-"))
        if first > 0 and first >= len(content):
            self.send_response(416)
            self.send_header("Content-Range", f"bytes */{len(content)}")
            self.end_headers()
            return
        self.send_response(206 if first else 200)
        if first:
            self.send_header("Content-Range", f"bytes {first}-{len(content) - 1}/{len(content)}")
        if self.files.version:
            self.send_header("ETag", self.files.version)
        self.send_header("Content-Length", str(len(content) - first))
        self.end_headers()
        rest = content[first:]
        self.wfile.write(rest[: self.files.breaks.pop(0)] if self.files.breaks else rest)

    def log_message(self, *_: object) -> None:
        pass


@contextmanager
def serving() -> Iterator[Files]:
    """Serve on a free port of the loopback until the block is left."""
    files = Files()
    handler = type("Handler", (_Handler,), {"files": files})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    files.url = f"http://127.0.0.1:{server.server_port}/models"
    with in_background(server):
        yield files
