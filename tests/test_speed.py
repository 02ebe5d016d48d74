"""Promises of `benchmarks.speed`: every section runs, is kept, and comes into the page. No time is asserted."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from benchmarks.speed import cost as cost_module
from benchmarks.speed.__main__ import NAMES, _sections, main, page_lines
from benchmarks.speed.encoding import BASE, encoding_lines, published_attention
from benchmarks.speed.timing import QUICK, in_turns, mixed_sentences
from spacetime.encoder import SpaceTimeEncoder
from spacetime.model import SpaceTimeConfig, SpaceTimeMiniLM, load_tokenizer, precision

PAGE = Path(__file__).parent.parent / "benchmarks/README.md"


def test_contenders_take_turns_in_both_orders() -> None:
    order: list[str] = []
    seconds = in_turns({name: lambda name=name: order.append(name) for name in "ab"}, 2)  # type: ignore[misc]
    assert order == ["a", "b", "a", "b", "b", "a"], "once unmeasured, then there and back"
    assert set(seconds["seconds"]) == set(seconds["processor_seconds"]) == {"a", "b"}


def test_sentences_are_of_mixed_length_and_the_same_for_a_seed() -> None:
    sentences, months, regions = mixed_sentences(500)
    assert mixed_sentences(500)[0] == sentences and len(months) == len(regions) == 500
    lengths = [len(ids) for ids in SpaceTimeEncoder.load("plain", "cpu").word_pieces(sentences)]
    assert 23 < np.mean(lengths) < 28 and min(lengths) < 10 and max(lengths) > 60


def test_every_section_has_a_name(tmp_path: Path) -> None:
    assert tuple(_sections(tmp_path)) == NAMES


def test_an_unknown_section_is_named(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["--only", "encoding,decoding"])
    assert "no section 'decoding'; sections: encoding, conditioning" in capsys.readouterr().err


def test_a_measured_section_is_not_measured_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[str] = []
    monkeypatch.setattr("benchmarks.speed.__main__._sections", lambda *_: {"data": lambda size: calls.append("data")})
    monkeypatch.setattr("benchmarks.speed.__main__.page_lines", lambda found, page, place: [])
    for more in ([], [], ["--again"], ["--threads", "1"]):
        main(["--quick", "--only", "data", "--output", str(tmp_path), *more])
    torch.set_num_threads(1)
    assert len(calls) == 3, "twice at first, once when asked, once for another number of threads"


def test_a_cost_curve_that_was_stopped_goes_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[tuple[str, str]] = []

    def measured(call: str, folder: str) -> dict[str, float]:
        calls.append((call, Path(folder).name))
        if len(calls) == 4:
            raise KeyboardInterrupt
        return {"seconds": len(calls), "peak_mb": 1.0}

    monkeypatch.setattr(cost_module, "apart", measured)
    monkeypatch.setattr(cost_module, "write_rows", lambda path, count: path.write_text(""))
    with pytest.raises(KeyboardInterrupt):
        cost_module.cost(QUICK, tmp_path)
    found = cost_module.cost(QUICK, tmp_path)["steps"]
    assert calls[3] == calls[4] and len(calls) == 2 * 4 + 1, "only the one that was stopped is measured twice"
    assert [one["seconds"] for one in found["corpus check"]] == [1, 6]


def test_what_loses_too_much_is_refused() -> None:
    result: dict[str, Any] = {
        "sentences": 10,
        "mean_pieces": 25.0,
        "difference": {"float32": 1e-7},
        "least_cosine": {"good": 0.9996, "bad": 0.98},
        "seconds": {"SentenceTransformer, float32": 4.0, "good": 1.0, "bad": 0.5},
        "processor_seconds": {"SentenceTransformer, float32": 6.0, "good": 1.0, "bad": 0.5},
    }
    lines = encoding_lines({"encoding": result})
    assert "| good | 10 | 4.00 | 6.00 | 0.99960 |" in lines
    assert "| bad | 20 | refused | refused | 0.98000 |" in lines


@pytest.mark.parametrize("quick", ["float32", "bfloat16"])
def test_captions_and_columns_say_which_precision_ran(quick: str, tmp_path: Path) -> None:
    contenders = dict.fromkeys([BASE, "float32", quick], 1.0)
    prices = {f"{p}, {way}": 1.0 for p in {"float32", quick} for way in ("with", "without")}
    found: dict[str, dict[str, Any]] = {
        "encoding": {
            "sentences": 10,
            "mean_pieces": 25.0,
            "difference": {"float32": 1e-7},
            "least_cosine": {},
            "seconds": contenders,
            "processor_seconds": contenders,
        },
        "conditioning": {"sentences": 10, "seconds": prices, "processor_seconds": prices},
        "published": {"difference": 1e-7, "seconds_each": {"published": 1.0, "float32": 0.1, quick: 0.1}},
        "training": {
            "precision": quick,
            "steps": [{"stage": "stage 1", "rows": 4, "length": 16, "rates": {"ours": 2.0, "plain": 1.0}}],
            "curve": {name: [1.0] * 4 for name in ("ours", "plain loop", "ours, other batches")},
        },
    }
    text = "\n".join(page_lines(found, tmp_path / "page.md", "speed_float32"))
    assert f"ours is {quick} without dropout" in text and f"| | rows | length | ours, {quick} |" in text
    assert ("bfloat16 is slower than float32 here, and left out" in text) == (quick == "float32")
    assert quick == "bfloat16" or text.count("bfloat16") == 1
    assert "(speed_float32_loss.svg)" in text and (tmp_path / "speed_float32_loss.svg").exists()


@pytest.mark.parametrize(("switch", "place"), [("on", "speed"), ("off", "speed_float32")])
def test_each_kind_of_processor_has_its_own_place_on_the_page(
    switch: str, place: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    written: list[str] = []
    monkeypatch.setenv(precision.SWITCH, switch)
    monkeypatch.setattr("benchmarks.speed.__main__._sections", lambda *_: {"data": lambda size: {}})
    monkeypatch.setattr("benchmarks.speed.__main__.page_lines", lambda found, page, place: [])
    monkeypatch.setattr("benchmarks.tables.write_between", lambda name, *_: written.append(name))
    main(["--only", "data", "--threads", "1", "--output", str(tmp_path)])
    assert written == [place] and precision.processor_kind() in capsys.readouterr().out


def test_what_another_kind_of_processor_measured_is_not_mixed_in(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls: list[str] = []
    monkeypatch.setattr("benchmarks.speed.__main__._sections", lambda *_: {"data": lambda size: calls.append("data")})
    monkeypatch.setattr("benchmarks.speed.__main__.page_lines", lambda found, page, place: [])
    for kind in ("one", "another", "another"):
        monkeypatch.setattr(precision, "processor_kind", lambda kind=kind: kind)
        main(["--quick", "--only", "data", "--threads", "1", "--output", str(tmp_path)])
    assert len(calls) == 2


def test_what_is_not_measured_is_said(tmp_path: Path) -> None:
    assert page_lines({}, tmp_path / "page.md") == [f"Not measured yet: {', '.join(NAMES)}."]


@pytest.mark.parametrize("place", ["speed", "speed_float32"])
def test_the_page_has_a_place_for_the_table(place: str) -> None:
    text = PAGE.read_text(encoding="utf-8")
    assert text.count(f"<!-- {place}: begin -->") == text.count(f"<!-- {place}: end -->") == 1


def test_the_published_formula_as_written_is_the_models() -> None:
    """Else the ratio to the published way would be one to something else."""
    torch.manual_seed(0)
    sizes: dict[str, Any] = {"hidden_size": 24, "num_hidden_layers": 1, "num_attention_heads": 3}
    model = SpaceTimeMiniLM(SpaceTimeConfig(intermediate_size=32, **sizes))  # type: ignore[arg-type]
    for weight in model.parameters():
        weight.data.add_(torch.randn_like(weight) * 0.2)
    encoder = SpaceTimeEncoder(model, load_tokenizer(), "cpu")
    inputs: Any = ["It snows.", "It rains in the north, says the forecast."], ["2020-01", None], ["UK", "CAN"]
    expected = encoder.encode(*inputs)
    layers: Any = model.bert.encoder.layer
    layer = layers[0].attention.self
    layer.forward = published_attention.__get__(layer)
    np.testing.assert_allclose(encoder.encode(*inputs), expected, atol=1e-5)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "switch"),
    [(name, switch) for name in ("encoding", "conditioning", "published", "training") for switch in ("on", "off")]
    + [(name, "off") for name in ("data", "scale", "cost")],
)
def test_every_section_runs_and_shows_what_it_found(
    name: str, switch: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(precision.SWITCH, switch)
    assert main(["--quick", "--only", name, "--output", str(tmp_path)]) == 0
    stored = json.loads((tmp_path / "quick" / f"{name}.json").read_text())
    lines = page_lines({name: stored["result"]}, tmp_path / "page.md")
    assert any(line.startswith("**") for line in lines) and name not in lines[-1].split(": ")[-1].split(", ")
    assert "nan" not in "\n".join(lines)
