import gzip
import hashlib
import io
import tarfile
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import httpx
import pytest

from tests.serving import in_background
from training import sources
from training.errors import DataError

NAF = b"""<NAF><text>
<wf id="w0" sent="1">The</wf><wf id="w1" sent="1">Fulton_County</wf><wf id="w2" sent="1">said</wf>
<wf id="w3" sent="2">good</wf></text><terms>
<term lemma="group"><span><target id="w1"/></span><externalReferences>
<externalRef reference="1" reftype="sense_number"/><externalRef reference="1:03:00::" reftype="lexical_key"/>
</externalReferences></term>
<term lemma="say"><span><target id="w2"/></span><externalReferences>
<externalRef reference="2:32:00::" reftype="lexical_key"/></externalReferences></term>
<term lemma="good"><span><target id="w3"/></span><externalReferences>
<externalRef reference="3:00:00::" reftype="lexical_key"/></externalReferences></term>
</terms></NAF>"""
WORDS_AND_TAGS = b"br-a01\tThe O\tFulton B-noun.group\tCounty I-noun.group\tsaid B-verb.communication\nbr-a01\tgood O\n"
ORIGINAL = b"x" * 40_000
FILES = {
    "coref/tsv/1_brat.txt": b"Anne met Tom .\n",
    "original_head/1.txt": ORIGINAL[:30_000],
    "train.ids": b"1_brat.tsv\n",
}
ARCHIVES = {
    sources.LITBANK: {"coref/tsv/1_brat.txt": FILES["coref/tsv/1_brat.txt"], "original/1.txt": ORIGINAL, "other": b""},
    sources.SPLIT: {"data/litbank/train.ids": FILES["train.ids"], "data/ace/train.ids": b"2\n"},
    sources.WSD_CORPORA: {"semcor1.6/brown1/br-a01.naf": NAF, "semcor1.6/brownv/br-a03.naf": b"not read"},
}


def digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def archive(repository: sources.Repository) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as files:
        for path, content in ARCHIVES[repository].items():
            member = tarfile.TarInfo(f"{repository.name.split('/')[1]}-{repository.commit}/{path}")
            member.size = len(content)
            files.addfile(member, io.BytesIO(content))
    return buffer.getvalue()


@pytest.fixture
def host(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """Serve archives of the pinned commits as GitHub does, and pin what is in them."""
    paths = {repository.url(""): archive(repository) for repository in ARCHIVES}

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            content = paths.get(self.path)
            self.send_response(404 if content is None else 200)
            self.end_headers()
            self.wfile.write(content or b"")

        def log_message(self, *_: object) -> None:
            pass

    monkeypatch.setattr(sources, "litbank_files", lambda: {path: digest(content) for path, content in FILES.items()})
    monkeypatch.setattr(sources, "_SEMCOR", digest(WORDS_AND_TAGS))
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    with in_background(server):
        yield f"http://127.0.0.1:{server.server_port}"


@pytest.fixture
def encoder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "encoder"
    folder.mkdir()
    (folder / "vocab.txt").write_bytes(b"[PAD]")
    monkeypatch.setattr(sources, "_ENCODER_FILES", {"vocab.txt": digest(b"[PAD]")})
    return folder


def test_corpora_are_fetched_at_their_commits_and_put_where_training_reads_them(
    host: str, encoder: Path, tmp_path: Path
) -> None:
    said: list[str] = []
    sources.prepare(tmp_path, encoder, said.append, host)
    assert {path: (tmp_path / "litbank" / path).read_bytes() for path in FILES} == FILES
    lines = gzip.decompress((tmp_path / "semcor" / "semcor.tsv.gz").read_bytes()).decode().splitlines()
    assert [line.split("\t")[0] for line in lines] == ["br-a01", "br-a01"]
    assert lines[0].split("\t")[2].split(" ")[::2] == ["Fulton", "B-noun.group"]
    assert len(said) == 2


def test_what_is_there_and_right_is_not_fetched_again(host: str, encoder: Path, tmp_path: Path) -> None:
    sources.prepare(tmp_path, encoder, lambda _: None, host)
    said: list[str] = []
    sources.prepare(tmp_path, encoder, said.append, "http://127.0.0.1:9")
    assert said == []


def test_a_file_that_is_not_the_pinned_one_is_refused(
    host: str, encoder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(FILES, "train.ids", b"something else\n")
    with pytest.raises(DataError, match=r"train\.ids is missing, or not the file that is pinned"):
        sources.prepare(tmp_path, encoder, lambda _: None, host)


def test_a_host_that_does_not_answer_says_what_else_can_be_done(host: str, encoder: Path, tmp_path: Path) -> None:
    with pytest.raises(DataError, match="name a folder that has it"):
        sources.prepare(tmp_path, encoder, lambda _: None, f"{host}/nowhere")


def test_a_folder_that_cannot_be_written_is_told(host: str, encoder: Path, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(DataError, match=r"cannot be put there \(.*file.*\): make room, or name another folder"):
        sources.prepare(tmp_path / "file", encoder, lambda _: None, host)


def test_a_semcor_of_other_tags_is_fetched_anew_and_a_damaged_one_told(
    host: str, encoder: Path, tmp_path: Path
) -> None:
    sources.prepare(tmp_path, encoder, lambda _: None, host)
    semcor, said = tmp_path / "semcor" / "semcor.tsv.gz", list[str]()
    whole = semcor.read_bytes()
    semcor.write_bytes(gzip.compress(b"br-a01\tThe DET B-noun.act\n"))
    sources.prepare(tmp_path, encoder, said.append, host)
    assert len(said) == 1
    for damaged in (whole[:-12], whole[:30] + b"\xff" * 40):
        semcor.write_bytes(damaged)
        with pytest.raises(DataError, match="is damaged"):
            sources.prepare(tmp_path, encoder, lambda _: None, host)


def test_an_archive_that_ends_too_early_is_told(
    host: str, encoder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stream = httpx.Response.iter_bytes
    monkeypatch.setattr(httpx.Response, "iter_bytes", lambda self: iter([b"".join(stream(self))[:-40]]))
    with pytest.raises(DataError, match="did not give an archive"):
        sources.prepare(tmp_path, encoder, lambda _: None, host)
