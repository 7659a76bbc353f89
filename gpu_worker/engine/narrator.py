"""Under what name somebody tells a book in the first person.

Upstream's narrator is who says "I" outside of quotes, and bears no name: the Watson to whom Holmes speaks is another
person. Yet such a name gives itself away. Others say it to the narrator's face, and the narration hardly ever has it.
"""

from collections import Counter
from collections.abc import Sequence

from gpu_worker.engine.document import Mention, Token
from gpu_worker.engine.names import NARRATOR, UNRESOLVED

# With these bounds, 11 of the 35 texts of LitBank's training and dev splits that somebody tells (5,000 words each)
# name their narrator, and so do *The Hound of the Baskervilles* and *David Copperfield*; all thirteen rightly.
#: A book in the first person says "I" at least so often among its words outside of quotes.
_RATE = 0.01
#: A name is said at least so often to somebody's face, and in so large a share of all the times it is said in quotes.
_ADDRESSES, _ADDRESSING = 3, 0.5
#: So large a share of a name's mentions stand in quotes.
_QUOTED = 0.85
#: Of two such names, one is the narrator's only if it is said so many times as often as the other.
_CLEARLY = 2

#: What stands around the name of somebody spoken to.
_MARKS = frozenset({",", ".", "!", "?", ";", ":", "-", "--", "—", "...", "…", "“", "”", '"', "‘", "’", "'", "``", "''"})
_BEFORE_A_NAME = _MARKS | {
    "my", "dear", "dearest", "old", "good", "o", "oh", "ah", "well", "yes", "no", "and", "but", "now", "come", "why",
}  # fmt: skip


def named(
    tokens: Sequence[Token], mentions: Sequence[Mention], refs: Sequence[int], in_quote: Sequence[int]
) -> list[int]:
    """Return each mention's cluster, the narrator's name joined to `NARRATOR`.

    `refs` are those of `names.cluster`, and come back unchanged where nobody narrates or the name is not certain.
    `in_quote` holds a flag for each token.
    """
    name = _name_of_narrator(tokens, mentions, refs, in_quote)
    return [NARRATOR if ref == name else ref for ref in refs]


def _name_of_narrator(
    tokens: Sequence[Token], mentions: Sequence[Mention], refs: Sequence[int], in_quote: Sequence[int]
) -> int | None:
    if refs.count(NARRATOR) < max(_RATE * (len(tokens) - sum(in_quote)), 1):
        return None
    addressed: Counter[int] = Counter()
    quoted: Counter[int] = Counter()
    everywhere: Counter[int] = Counter()
    for mention, ref in zip(mentions, refs, strict=True):
        if mention.category == "PER" and ref not in (NARRATOR, UNRESOLVED):
            everywhere[ref] += 1
            if in_quote[mention.start]:
                quoted[ref] += 1
                addressed[ref] += _is_address(mention, tokens)
    likely = [
        (count, ref)
        for ref, count in addressed.most_common()
        if count >= max(_ADDRESSES, _ADDRESSING * quoted[ref]) and quoted[ref] >= _QUOTED * everywhere[ref]
    ]
    if not likely or (len(likely) > 1 and likely[0][0] < _CLEARLY * likely[1][0]):
        return None
    return likely[0][1]


def _is_address(mention: Mention, tokens: Sequence[Token]) -> bool:
    """Tell whether a name in a quote calls somebody: "I say, Watson, ..."."""
    before = tokens[mention.start - 1].word.lower() if mention.start else "."
    after = tokens[mention.end + 1].word if mention.end + 1 < len(tokens) else "."
    return before in _BEFORE_A_NAME and after in _MARKS
