"""Where people read what the command line says."""

import re
from collections.abc import Iterable
from typing import Final

import rich.console
from rich.console import ConsoleOptions, RenderableType
from rich.segment import Segment

#: Characters that a terminal obeys instead of showing them, but for the end of a line.
_CONTROLS: Final = re.compile(r"[\x00-\x09\x0b-\x1f\x7f-\x9f]")


class Console(rich.console.Console):
    """A console on which the words of a book or a service are shown and never obeyed, whatever sequences they hold."""

    def render(self, renderable: RenderableType, options: ConsoleOptions | None = None) -> Iterable[Segment]:
        """Yield what is to be written, without the control characters that are not the console's own."""
        for segment in super().render(renderable, options):
            yield segment if segment.control else segment._replace(text=_CONTROLS.sub("", segment.text))
