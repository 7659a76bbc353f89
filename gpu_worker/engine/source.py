"""The text as spaCy can read it, and the way back to positions in the text as it was given."""

import re
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from gpu_worker.engine.errors import UnreadableText

#: The longest text that upstream lets spaCy read (`SpacyPipeline.__init__`).
MAX_CHARACTERS = 10_000_000

#: spaCy's tokenizer strips affixes one by one, in time quadratic in a word's length. No word is this long.
LONGEST_WORD = 1_000

_SURROGATE = re.compile("[\ud800-\udfff]")
_LONG_WORD = rf"\S{{{LONGEST_WORD}}}(?=\S)"
#: Shorter words are taken whole, or the search for long ones would begin again at each of their letters.
_LENGTH_CHANGING = re.compile(rf"\r\n|{_LONG_WORD}|(\S+)")
_BYTE_ORDER_MARK = "\ufeff"
_NO_WORD = "the text holds no word: send at least one character that is not white space"


@dataclass(frozen=True, slots=True)
class Source:
    """A text made readable, character for character but for the line ends and the cuts in endless words."""

    #: What spaCy reads: `\n` for every line end, no lone surrogate, no word above `LONGEST_WORD` characters.
    text: str
    #: Positions in `text` from which on the shift of the same index holds; ascending, the first is 0.
    _starts: npt.NDArray[np.int64]
    #: What to add to a position in `text` to have the position in the given text.
    _shifts: npt.NDArray[np.int64]

    @classmethod
    def of(cls, given: str, *, compat: bool) -> "Source":
        """Make `given` readable.

        With `compat`, positions count the characters after Python's universal newlines, since upstream reads
        its file that way, and a byte order mark stays a part of the first word.
        Raises `UnreadableText` for a text without a word or above `MAX_CHARACTERS`.
        """
        if not given or given.isspace():
            raise UnreadableText(_NO_WORD)
        if len(given) > MAX_CHARACTERS:
            raise UnreadableText(
                f"the text has {len(given):,} characters, more than the {MAX_CHARACTERS:,} that can be read at "
                "once: split it, for example at its chapters"
            )
        text = _SURROGATE.sub("\N{REPLACEMENT CHARACTER}", given)
        if compat:
            text = text.replace("\r\n", "\n").replace("\r", "\n")
        elif text.startswith(_BYTE_ORDER_MARK):
            text = " " + text[1:]
            if text.isspace():
                raise UnreadableText(_NO_WORD)
        return cls._from(text)

    @classmethod
    def _from(cls, text: str) -> "Source":
        pieces, starts, shifts = [], [0], [0]
        read = written = 0
        for found in _LENGTH_CHANGING.finditer(text):
            if found[1]:
                continue
            is_line_end = found[0] == "\r\n"
            piece = text[read : found.start()] + ("\n" if is_line_end else f"{found[0]} ")
            pieces.append(piece)
            read, written = found.end(), written + len(piece)
            starts.append(written)
            shifts.append(read - written)
        pieces.append(text[read:])
        return cls("".join(pieces).replace("\r", "\n"), np.asarray(starts), np.asarray(shifts))

    def positions(self, positions: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
        """Turn positions in `text` into positions in the given text."""
        shifted: npt.NDArray[np.int64] = (
            positions + self._shifts[np.searchsorted(self._starts, positions, side="right") - 1]
        )
        return shifted
