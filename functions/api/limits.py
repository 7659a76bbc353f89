"""What AWS Lambda takes and gives, and what an answer weighs against it. Sizes are in bytes.

Lambda's limits are on the serialised event and the serialised response, so a body counts with its JSON escapes or its
base64. They are asserted here because an emulator does not.
"""

import json
from collections.abc import Mapping

#: The largest event of a synchronous invocation: 6 MiB, the body being nearly all of it.
REQUEST_LIMIT = 6 * 1024 * 1024

#: The largest response of a synchronous invocation, as the runtime's own error message states it.
RESPONSE_LIMIT = 6_291_556


def base64_size(size: int) -> int:
    """Return the length of that many bytes in base64, padding included."""
    return 4 * ((size + 2) // 3)


def response_size(answer: Mapping[str, object]) -> int:
    """Return the length of the answer as the Lambda runtime serialises it.

    The runtime of Python 3.11 writes JSON in ASCII; later ones write UTF-8, which is never longer.
    """
    return len(json.dumps(answer))


def event_size(body: str) -> int:
    """Return the length that a request's body has inside its event."""
    return len(json.dumps(body, ensure_ascii=False).encode(errors="surrogatepass"))
