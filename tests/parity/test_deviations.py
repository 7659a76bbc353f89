"""What `docs/deviations.md` lists and a whole run shows: both outputs, upstream's in `compat` and the corrected one."""

from gpu_worker.engine import Analysis, Engine, Options
from gpu_worker.engine.names import NARRATOR

WEATHER = (
    "The rain fell on the stones and on the grass, and the wind bent the grass, and the water ran from the stones to "
    "the river. The river rose. It rose over the reeds and over the meadow, and in the night it rose over the road. "
    "The clouds were low and dark, and there was thunder far away. In the morning the road was gone, and the reeds "
    "stood in the water, and the light upon the water was as grey as lead."
)
A_SHOUT_THEN_A_TALK = (
    f"“Fire!”\n\n{WEATHER}\n\n“Come in,” said Anna to her brother.\n\n“No,” said Robert to his sister."
)
A_TALK_WITHOUT_CUES = (
    "Anna met her brother at the gate. “Where have you been?” said Anna.\n\n“In the garden,” said Robert.\n\n"
    "“Alone?”\n\n“Alone.”\n\n“And did you see the gardener?”\n\n“I saw nobody at all.”"
)


A_NARRATOR_WHO_IS_ADDRESSED = (
    "I had called upon my friend Holmes. “Come in, Watson,” said Holmes.\n\nI came in, and I sat down. “My dear "
    "Watson,” said he, “you are wet.” I said that I was. “Well, Watson?” said Holmes, and I told him all that I knew."
)


ONE_CALLS_THE_OTHER = (
    "Mr. Bingley came to press Mr. Darcy to join the dance.\n\n“Come, Darcy,” said he, “I must have you dance.”\n\n"
    "“I shall not.”\n\n“I would not be so fastidious as you are,” cried Mr. Bingley.\n"
)


A_DAUGHTER_AND_HER_FATHER = (
    "Emma Woodhouse lived at Hartfield with Mr. Woodhouse. Mr. Woodhouse was old. Emma loved her father. “I am tired,” "
    "said her father, and Mr. Woodhouse sat down by Emma. Emma smiled at her father. Harriet came. Harriet thought of "
    "her father."
)


def both(engine: Engine, text: str) -> tuple[Analysis, Analysis]:
    """Return the analysis in `compat` and the corrected one."""
    return engine.analyze(text, Options(compat=True)), engine.analyze(text, Options())


def speakers(analysis: Analysis) -> list[str | None]:
    return [item["mention_phrase"] for item in analysis.document()["quotes"]]


def people(analysis: Analysis) -> list[str | None]:
    """Return the first name of whom each quote is given to."""
    mentions = zip(analysis.tagging.mentions, analysis.refs, strict=True)
    names = {ref: mention.text for mention, ref in reversed(list(mentions)) if mention.prop == "PROP"}
    return [None if mention is None else names.get(analysis.refs[mention]) for mention in analysis.speakers]


def fathers(analysis: Analysis) -> set[int]:
    """Return the clusters of "her father"."""
    mentions = zip(analysis.tagging.mentions, analysis.refs, strict=True)
    return {ref for mention, ref in mentions if mention.text == "her father"}


def called_watson(analysis: Analysis) -> set[int]:
    """Return the clusters of the mentions with that name."""
    mentions = zip(analysis.tagging.mentions, analysis.refs, strict=True)
    return {ref for mention, ref in mentions if "Watson" in mention.text}


def test_a_quote_without_candidates_shifts_no_speaker(engine: Engine) -> None:
    upstreams, corrected = both(engine, A_SHOUT_THEN_A_TALK)
    assert speakers(upstreams) == ["Anna", "Robert", None]
    assert speakers(corrected) == [None, "Anna", "Robert"]


def test_people_who_talk_take_turns(engine: Engine) -> None:
    upstreams, corrected = both(engine, A_TALK_WITHOUT_CUES)
    assert speakers(upstreams) != ["Anna", "Robert"] * 3
    assert speakers(corrected) == ["Anna", "Robert"] * 3


def test_turns_tell_whom_said_he_means_but_in_compat(engine: Engine) -> None:
    upstreams, corrected = both(engine, ONE_CALLS_THE_OTHER)
    assert people(upstreams) == ["Mr. Darcy"] * 3 + ["Mr. Bingley"]
    assert people(corrected) == ["Mr. Bingley"] * 2 + ["Mr. Darcy", "Mr. Bingley"]


def test_names_tell_who_her_father_is_but_in_compat(engine: Engine) -> None:
    upstreams, corrected = both(engine, A_DAUGHTER_AND_HER_FATHER)
    assert people(upstreams) == [None]
    assert people(corrected) == ["Mr. Woodhouse"]
    assert len(fathers(upstreams)) == 1, "all are one"
    assert len(fathers(corrected)) == 2, "Harriet's is another"


def test_a_narrator_has_the_name_that_others_call_them_but_in_compat(engine: Engine) -> None:
    upstreams, corrected = both(engine, A_NARRATOR_WHO_IS_ADDRESSED)
    assert called_watson(upstreams).isdisjoint({NARRATOR})
    assert called_watson(corrected) == {NARRATOR}


def test_offsets_are_those_of_the_bytes_as_given(engine: Engine) -> None:
    text = "\ufeffÉlise saw him.\r\n\r\nHe saw Élise."
    upstreams, corrected = both(engine, text)
    last = corrected.document()["tokens"][-2]
    assert text.encode()[last["byte_onset"] : last["byte_offset"]].decode() == last["word"] == "Élise"
    in_compat = upstreams.document()["tokens"][-2]
    assert text.replace("\r\n", "\n")[in_compat["byte_onset"] : in_compat["byte_offset"]] == "Élise"
    assert upstreams.document()["tokens"][0]["word"] == "\ufeffÉlise"
    assert corrected.document()["tokens"][0]["word"] == "Élise"


def test_a_book_without_narrator_has_no_entity_of_that_number(engine: Engine) -> None:
    upstreams, corrected = both(engine, "London is far from Paris. Robert lives in Paris, and Robert likes London.")
    assert 0 in upstreams.refs
    assert 0 not in corrected.refs
