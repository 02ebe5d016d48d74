"""What `spacetime` prints never moves a terminal's cursor, sets its title, or turns its text around."""

import io
import json
from pathlib import Path

import pytest
from tqdm import tqdm

from spacetime.cli import main
from spacetime.terminal import Terminal, shortened, shown

HOSTILE = "\x1b]0;owned\x07Snow \x1b[2Jfell\u202ein Kent\x9b31m on\u2066 the hills"
OBEYED = ("\x1b", "\x07", "\x9b", "\u202e", "\u2066")


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SPACETIME_CACHE", str(tmp_path / "cache"))


def corpus(folder: Path) -> str:
    """A file whose name, columns, texts and labels all try to write to the terminal."""
    path = folder / f"{HOSTILE}.jsonl"
    row = {"text": HOSTILE, "month": "2019-01", "region": "Kent", HOSTILE: "x"}
    path.write_text("\n".join(json.dumps(row | change) for change in ({}, {"region": HOSTILE}, {"month": HOSTILE})))
    return str(path)


@pytest.mark.parametrize(
    "words",
    ["data check FILE", "data check FILE --month HOSTILE", "data check FILE --text nowhere", "index FILE --output DIR "
     "--model plain", "locate HOSTILE", "search DIR HOSTILE", "search HOSTILE x", "run FILE --output DIR",
     "encode FILE --output DIR/x.npy", "data check FILE --months HOSTILE"],
)  # fmt: skip
def test_no_command_lets_a_file_write_to_the_terminal(
    words: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file, folder = corpus(tmp_path), str(tmp_path / "out")
    if words.startswith("search DIR"):
        main(["index", file, "--model", "plain", "--output", folder])
    given = [word.replace("DIR", folder).replace("FILE", file).replace("HOSTILE", HOSTILE) for word in words.split()]
    main(given)
    printed = "".join(capsys.readouterr())
    assert [one for one in OBEYED if one in printed] == []
    assert "x1b" in printed or "u001b" in printed  # shown, not left out


def test_json_holds_texts_whole(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["locate", HOSTILE, "--json", "--top", "1"]) == 0
    printed = capsys.readouterr().out
    assert json.loads(printed)[0]["text"] == HOSTILE
    assert [one for one in OBEYED if one in printed] == []


def test_words_of_every_script_are_left_as_they_are() -> None:
    for text in ("雪が降る", "नमस्ते क्\u200dष", "שלום", "👩\u200d🚀", "a\tb\nc", "naïve – “so”"):
        assert shown(text) == text


def test_half_a_character_is_shown_and_stops_nothing() -> None:
    stream = io.TextIOWrapper(io.BytesIO(), encoding="utf-8")
    print("a\ud800b", file=Terminal(stream))  # type: ignore[arg-type]
    stream.flush()
    assert stream.buffer.getvalue() == b"a\\ud800b\n"  # type: ignore[attr-defined]


def test_progress_bars_still_move() -> None:
    plain, guarded = io.StringIO(), io.StringIO()
    for stream, file in ((plain, plain), (guarded, Terminal(guarded))):
        outer, inner = (tqdm(total=2, file=file, desc=name, position=place) for place, name in enumerate("ab"))
        inner.update()
        outer.close()
        inner.close()
        assert stream.getvalue().count("\r") > 2 and "\x1b[A" in stream.getvalue()
    hostile = io.StringIO()
    tqdm(total=1, file=Terminal(hostile), desc=HOSTILE).close()
    assert "\x1b]" not in hostile.getvalue() and "\r" in hostile.getvalue()


@pytest.mark.parametrize(
    "text", ["雪" * 300, "https://example.org/" + "a" * 300, "The " + "x" * 300, "word " * 100, HOSTILE * 9]
)
def test_a_long_text_is_cut_where_it_is_long(text: str) -> None:
    cut = shortened(text)
    assert 48 < len(cut) <= 100 and cut.endswith(" ...") and cut[:40] == shown(text)[:40]
