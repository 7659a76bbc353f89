"""Objects that the emulator could not write to disk when they came, for it was full: written when it is asked to stop.

ministack 1.5.33 keeps such an object's body in memory, with a line in its log, and does not try again.
"""

import logging
from dataclasses import dataclass

from ministack.core.responses import set_request_account_id
from ministack.services import s3

from infra.local.asgi import Application, Message, Receive, Send


@dataclass(frozen=True)
class Keeping:
    """The emulator's ASGI application, which writes what it could not before it ends."""

    inner: Application

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        """Pass everything on; the message that it is to end, once all is written that can be."""

        async def written_before_the_end() -> Message:
            message = await receive()
            if message["type"] == "lifespan.shutdown":
                _write()
            return message

        await self.inner(scope, written_before_the_end if scope["type"] == "lifespan" else receive, send)


def _write() -> None:
    for (account, bucket), standing in s3._buckets._data.items():  # noqa: SLF001 - no public way
        set_request_account_id(account)
        for key, stored in standing["objects"].items():
            if s3.S3_PERSIST and stored["body"] is not None:  # one that is on disk has none in memory
                logging.getLogger(__name__).warning("Writing %s/%s, which found no room before", bucket, key)
                s3._persist_object(bucket, key, stored)  # noqa: SLF001 - nor to this
