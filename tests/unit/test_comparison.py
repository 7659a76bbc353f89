from benchmarks.comparison import compare, with_clusters_named

ENTITIES = "COREF\tstart_token\tend_token\tprop\tcat\ttext\n{0}\t1\t1\tPROP\tPER\tAnn\n{1}\t4\t5\tNOM\tPER\tthe boy\n"
QUOTES = (
    "quote_start\tquote_end\tmention_start\tmention_end\tmention_phrase\tchar_id\tquote\n7\t9\t1\t1\tAnn\t{0}\t“ 5 ”\n"
)


def files(ann: int, boy: int) -> dict[str, str]:
    return {
        "entities": ENTITIES.format(ann, boy),
        "quotes": QUOTES.format(ann),
        "book": f'{{"characters": [{{"id": {ann}}}, {{"id": {boy}}}]}}',
        "book.html": f"<sub>{ann}-ann</sub> <sub>[{ann}-ann]</sub> 1 <sub>{boy}-the boy</sub>",
    }


def test_lines_count_as_alike_wherever_they_stand() -> None:
    likeness = compare("entities", "a\nb\nc", "a\nc\nx")
    assert (likeness.alike, likeness.lines, likeness.examples) == (2, 3, (("b", "x"),))


def test_characters_are_the_lines_of_a_book() -> None:
    likeness = compare("book", '{"characters": [1, 2]}', '{"characters": [2, 3]}')
    assert (likeness.alike, likeness.lines) == (1, 2)


def test_clusters_named_by_their_first_mention_do_not_depend_on_numbers() -> None:
    assert files(1, 2) != files(3, 9)
    assert with_clusters_named(files(1, 2)) == with_clusters_named(files(3, 9))
    assert with_clusters_named(files(1, 2)) != with_clusters_named(files(1, 1))
