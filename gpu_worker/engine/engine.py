"""BookNLP's pipeline from a text to its analysis, stage by stage (upstream's `EnglishBookNLP`)."""

import hashlib
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING, TypeVar

from gpu_worker.engine import characters, gender, names, narrator, quotes
from gpu_worker.engine import checkpoints as codecs
from gpu_worker.engine.analysis import Analysis
from gpu_worker.engine.characters import Character
from gpu_worker.engine.checkpoints import Checkpoints, Codec, NamesFound, SpeakersFound
from gpu_worker.engine.document import Mention, Quote, Tagging, Task, Token
from gpu_worker.engine.errors import EngineError
from gpu_worker.engine.memory import ask_for_huge_pages, returning_memory
from gpu_worker.engine.options import Options
from gpu_worker.engine.progress import Advance, Meter, Progress
from gpu_worker.engine.tokens import read

if TYPE_CHECKING:
    from spacy.language import Language

    from gpu_worker.engine.mention_vectors import MentionReader
    from gpu_worker.engine.pack import Pack
    from gpu_worker.engine.parser_process import ParserProcess

Output = TypeVar("Output")

#: The share of the speakers' stage that reading narration takes.
_NARRATING = 0.1


class Engine:
    """spaCy and a model pack in memory, ready for any number of texts, one after the other."""

    def __init__(self, nlp: "Language", parsers: "Sequence[ParserProcess]", pack: "Pack") -> None:
        self._nlp = nlp
        self._parsers = parsers
        self._pack = pack
        self._in_use = Lock()
        self._process = os.getpid()

    @classmethod
    def load(cls, pack_folder: Path, *, device: str | None = None, precision: str = "f32") -> "Engine":
        """Load all models.

        `device` is a torch device, by default the GPU where there is one; `precision` is a value of
        `gpu_worker.engine.pack.Precision`.
        Raises `PackError` where the folder holds no pack that this engine can run.
        """
        ask_for_huge_pages()
        # Imported here, so that a caller who only looks at the types does not wait for torch and spaCy.
        from gpu_worker.engine import parser_process, syntax
        from gpu_worker.engine.pack import Precision, load_pack

        parsers = parser_process.start()  # they load spaCy while this process does the same
        pack = load_pack(pack_folder, device=device, precision=Precision(precision))
        return cls(syntax.load(), parsers, pack)

    @property
    def pack(self) -> "Pack":
        """The pack that is loaded."""
        return self._pack

    def analyze(
        self,
        text: str,
        options: Options | None = None,
        *,
        on_progress: Callable[[Progress], None] = lambda _: None,
        checkpoints: Checkpoints | None = None,
        cancelled: Callable[[], bool] = lambda: False,
    ) -> Analysis:
        """Analyse a text.

        `on_progress` hears how far the run is and `cancelled` is asked whether to stop, both several times a second
        on a CPU. With `checkpoints`, stages that an earlier run of the same text finished are not run again.
        Calls from several threads wait for one another: spaCy's memory is that of one text.
        Raises `UnreadableText` for a text without a word or too long, `Cancelled` when asked to stop, and `EngineError`
        in a fork of the process that loaded the engine.
        """
        if os.getpid() != self._process:
            raise EngineError(
                "this engine was loaded in another process, and torch hangs in a fork: load one in each process, for "
                'example with multiprocessing.get_context("spawn")'
            )
        options = options or Options()
        with self._in_use:
            run = _Run(
                text,
                options,
                self._nlp,
                self._parsers,
                self._pack,
                Meter(options.tasks, on_progress, cancelled),
                checkpoints,
                self._key(text, options),
            )
            return run.analyze()

    def _key(self, text: str, options: Options) -> str:
        """Return a digest of all that decides the output of a run."""
        parts = (
            text,
            ",".join(sorted(options.tasks)),
            options.pronominal_coref_only,
            options.referential_gender_cats,
            options.compat,
            self._pack.digest,
            self._pack.precision,
        )
        digest = hashlib.sha256()
        for part in parts:
            digest.update(hashlib.sha256(str(part).encode("utf-8", "surrogatepass")).digest())
        return digest.hexdigest()


@dataclass(frozen=True, slots=True)
class _Run:
    """One analysis, from its first stage to its last."""

    text: str
    options: Options
    nlp: "Language"
    parsers: "Sequence[ParserProcess]"
    pack: "Pack"
    meter: Meter
    checkpoints: Checkpoints | None
    key: str

    def analyze(self) -> Analysis:
        """Run all stages that the tasks take."""
        tokens = self._stage(codecs.TOKENS, self._read)
        reader, shared = self._readers(tokens)
        tagging = self._stage(codecs.TAGGING, lambda advance: self._tag(tokens, shared, advance))
        found = self._stage(codecs.QUOTES, lambda _: quotes.find(tokens, compat=self.options.compat))
        speakers, refs, described = self._speakers_and_characters(tokens, tagging.mentions, found, reader)
        return Analysis(self.text, self.options, tokens, tagging, found, speakers, refs, described)

    def _speakers_and_characters(
        self,
        tokens: list[Token],
        mentions: Sequence[Mention],
        found: list[Quote],
        reader: "MentionReader | None",
    ) -> tuple[list[int | None], list[int], list[Character]]:
        """Run the stages that build on mentions."""
        tasks = self.options.tasks
        if Task.ENTITY not in tasks:
            return [], [], []
        named = self._stage(codecs.NAMES, lambda advance: self._name(tokens, mentions, found, advance))
        spoken = SpeakersFound([], named.refs)
        if Task.QUOTE in tasks:
            spoken = self._stage(
                codecs.SPEAKERS, lambda advance: self._attribute(tokens, mentions, named, found, reader, advance)
            )
        if Task.COREF not in tasks:
            return spoken.speakers, named.refs, []
        refs = self._stage(
            codecs.COREFERENCE,
            lambda advance: self._resolve(tokens, mentions, named, spoken, found, reader, advance),
        )
        described = self._stage(codecs.CHARACTERS, lambda _: self._describe(tokens, mentions, refs, named))
        return spoken.speakers, refs, described

    def _stage(self, codec: Codec[Output], compute: Callable[[Advance], Output]) -> Output:
        """Take a stage's output from its checkpoint, or run it and save that."""
        state = self.checkpoints.load(codec.stage) if self.checkpoints else None
        output = None if state is None else codec.load(state, self.key)
        if output is not None:
            self.meter.inherit(codec.stage)
            return output
        advance = returning_memory(self.meter.run(codec.stage))
        output = compute(advance)
        if self.checkpoints:
            self.checkpoints.save(codec.stage, codec.dump(output, self.key))
        advance(1.0)
        return output

    def _read(self, advance: Advance) -> list[Token]:
        return read(self.nlp, self.text, compat=self.options.compat, advance=advance, others=self.parsers)

    def _readers(self, tokens: Sequence[Token]) -> "tuple[MentionReader | None, MentionReader | None]":
        """Return what reads mentions for coreference, and again for the tagger to feed if they share an encoder."""
        from gpu_worker.engine.mention_vectors import MentionReader

        if Task.COREF not in self.options.tasks:
            return None, None
        shared = self.pack.shared_reader(tokens, compat=self.options.compat)
        return shared or MentionReader(tokens, self.pack.coref, compat=self.options.compat), shared

    def _tag(self, tokens: Sequence[Token], reader: "MentionReader | None", advance: Advance) -> Tagging:
        from gpu_worker.engine import tagging

        return tagging.tag(
            tokens,
            self.pack,
            tasks=self.options.tasks,
            compat=self.options.compat,
            advance=advance,
            reader=reader,
        )

    def _attribute(
        self,
        tokens: Sequence[Token],
        mentions: Sequence[Mention],
        named: NamesFound,
        found: Sequence[Quote],
        reader: "MentionReader | None",
        advance: Advance,
    ) -> SpeakersFound:
        from gpu_worker.engine import coreference, speakers

        if self.options.compat:
            each = speakers.attribute_each(found, mentions, tokens, self.pack, advance=advance)
            return SpeakersFound(each, named.refs)
        if Task.COREF not in self.options.tasks:
            persons = speakers.by_names(mentions, named.refs)
            turns = speakers.attribute(found, mentions, persons, tokens, self.pack, advance=advance)
            return SpeakersFound([None if turn is None else turn.mention for turn in turns], named.refs)
        narration = coreference.narrate(
            tokens,
            mentions,
            named.refs,
            named.genders,
            found,
            self.pack,
            gender_cats=self.options.referential_gender_cats,
            pronominal_only=self.options.pronominal_coref_only,
            advance=lambda share: advance(share * _NARRATING),
            reader=reader,
        )
        turns = speakers.attribute(
            found,
            mentions,
            narration.persons(),
            tokens,
            self.pack,
            advance=lambda share: advance(_NARRATING + share * (1 - _NARRATING)),
        )
        meant = ((turn.mention, turn.person) for turn in turns if turn is not None)
        return SpeakersFound([None if turn is None else turn.mention for turn in turns], narration.settled(meant))

    def _name(
        self, tokens: Sequence[Token], mentions: Sequence[Mention], found: Sequence[Quote], advance: Advance
    ) -> NamesFound:
        in_quote = quotes.inside(found, len(tokens))
        refs = names.cluster(tokens, mentions, in_quote, compat=self.options.compat)
        if not self.options.compat:
            refs = narrator.named(tokens, mentions, refs, in_quote)
        advance(0.5)
        categories = self.options.referential_gender_cats
        return NamesFound(refs, gender.infer(tokens, mentions, refs, categories))

    def _resolve(
        self,
        tokens: Sequence[Token],
        mentions: Sequence[Mention],
        named: NamesFound,
        spoken: SpeakersFound,
        found: Sequence[Quote],
        reader: "MentionReader | None",
        advance: Advance,
    ) -> list[int]:
        from gpu_worker.engine import coreference

        return coreference.resolve(
            tokens,
            mentions,
            spoken.refs,
            named.genders,
            spoken.speakers,
            found,
            self.pack,
            gender_cats=self.options.referential_gender_cats,
            pronominal_only=self.options.pronominal_coref_only,
            compat=self.options.compat,
            advance=advance,
            reader=reader,
        )

    def _describe(
        self, tokens: Sequence[Token], mentions: Sequence[Mention], refs: Sequence[int], named: NamesFound
    ) -> list[Character]:
        categories = self.options.referential_gender_cats
        genders = gender.complete(named.genders, mentions, refs, categories)
        return characters.describe(tokens, mentions, refs, genders)
