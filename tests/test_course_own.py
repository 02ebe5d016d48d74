"""What course.own promises: a file of one's own to a model, a report and a map, and clear words when not."""

import base64
import json
import random
import re
import shlex
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from chromium import Chromium, needs_browser
from test_folders import after

from course.own import Profile, read_rows, run_corpus, running
from course.own.page import evaluation_table, in_short, limits, write_report
from spacetime.cli import main
from spacetime.encoder import SpaceTimeEncoder
from spacetime.months import MonthRange
from spacetime.regions import RegionSet
from spacetime.training.loop import read_log
from spacetime.training.own import LEAST_ROWS, NothingToLearn

THINGS = ("bakery", "library", "harbour", "school", "station", "market", "museum", "bridge", "orchard", "clinic")
DEEDS = ("opens its doors", "closes early", "raises its prices", "hires ten people", "is painted green", "floods again")
WHO = ("for the mayor", "after a vote", "before the fair", "in spite of the rain", "with a small party", "at last")
HEADER = "headline,date,country"


def lines(count: int, regions: tuple[str, ...] = ("UK", "Canada"), months: int = 6, seed: int = 0) -> list[str]:
    """Rows of different short texts, spread over months and regions."""
    draw = random.Random(seed)
    texts = [f"The {thing} {deed} {who}" for thing in THINGS for deed in DEEDS for who in WHO]
    draw.shuffle(texts)
    rows = []
    for number in range(count):
        text = texts[number % len(texts)] + ("" if number < len(texts) else f" for the {number}th time")
        month, region = number % months + 1, regions[number // months % len(regions)]
        rows.append(f"{text}.,2019-{month:02d}-{draw.randint(1, 28):02d},{region}")
    return rows


def written(folder: Path, rows: list[str], header: str = HEADER) -> Path:
    path = folder / "my.csv"
    path.write_text("\n".join([header, *rows]) + "\n", encoding="utf-8")
    return path


COLUMNS: dict[str, Any] = {"text": "headline", "month": "date", "region": "country"}


@pytest.fixture(autouse=True)
def _own_cache(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SPACETIME_CACHE", str(tmp_path_factory.getbasetemp() / "cache"))


# --- reading ------------------------------------------------------------------------------------------


def test_every_row_of_the_file_is_used_or_counted_as_left_out(tmp_path):
    rows = lines(400)
    rows[7] = "A row with a date that is none.,someday,UK"
    rows[8] = "A row that leaves open which number is the month.,03/04/2019,UK"
    rows += [f"News {number} from far away.,2019-02-03,NZ" for number in range(3)]
    read = read_rows(written(tmp_path, rows), **COLUMNS)
    sides = sum(len(side) for side in (read.split.train, read.split.validation, read.split.test))
    assert sides + sum(read.left_out().values()) == read.report.rows == 403
    assert read.rare_regions == {"NZ": 3}
    assert [(reject.row, reject.value) for reject in read.report.rejects] == [(8, "someday"), (9, "03/04/2019")]
    assert "no other row settles it" in read.report.rejects[1].reason
    assert list(read.regions) == ["UK", "Canada"]


def test_a_frame_is_read_and_split_as_its_file_would_be(tmp_path):
    path = written(tmp_path, [*lines(300), "A row without a date.,someday,UK"])
    read, from_file = read_rows(pd.read_csv(path), **COLUMNS), read_rows(path, **COLUMNS)
    assert [side.to_list() for side in (read.split.train, read.split.test)] == [
        side.to_list() for side in (from_file.split.train, from_file.split.test)
    ]
    assert [reject.row for reject in read.report.rejects] == [301]
    assert read.report.path == "DataFrame"


def test_dates_of_any_precision_and_countries_of_any_spelling_are_folded(tmp_path):
    rows = lines(400)
    rows[0] = "An hour is known.,2019-01-05T10:22:05Z,united kingdom"
    rows[1] = "A month is known.,Jan 2019, GBR"
    rows[2] = "A day is known.,31/01/2019,canada"
    rows[3] = "Another day follows it.,01/02/2019,UK"
    read = read_rows(written(tmp_path, rows), **COLUMNS)
    assert read.report.rejected == 0
    assert list(read.regions) == ["United Kingdom", "Canada"] and sum(read.by_region.values()) == 400
    assert read.months == MonthRange("2019-01", "2019-06")


def test_dates_that_the_file_does_not_settle_are_read_as_told(tmp_path):
    rows = [row.replace("-", "/") for row in lines(400)]
    rows = [re.sub(r",2019/(..)/(..),", r",\1/01/2019,", row) for row in rows]
    with pytest.raises(ValueError, match=r"could be 2019-01 or 2019-02; .* give --day-first or --month-first \("):
        read_rows(written(tmp_path, rows), **COLUMNS)
    read = read_rows(written(tmp_path, rows), **COLUMNS, month_first=True)
    assert read.months == MonthRange("2019-01", "2019-06") and read.report.rejected == 0
    with pytest.raises(ValueError, match="have one month, 2019-01"):
        read_rows(written(tmp_path, rows), **COLUMNS, day_first=True)


def test_rows_with_days_are_split_by_days_and_others_by_their_text(tmp_path):
    (tmp_path / "days").mkdir()
    by_days = read_rows(written(tmp_path / "days", lines(1200)), **COLUMNS)
    by_text = read_rows(written(tmp_path, [row.replace("-", "/") for row in lines(400)]), **COLUMNS)
    assert by_days.split_made == {"by": "date", "seed": 0}
    assert set(by_days.split.test["date"]).isdisjoint(by_days.split.train["date"])
    assert by_text.split_made == {"by": "hash", "seed": 0}


def test_one_date_that_is_no_day_is_named_as_the_reason_for_a_split_by_text(tmp_path):
    rows = lines(1200)
    rows[5] = "One date is coarser.,Jan 2019,UK"
    read = read_rows(written(tmp_path, rows), **COLUMNS)
    assert read.split_made["by"] == "hash"
    assert "1 of 1,200 values of column 'date' are no days, such as 'Jan 2019'" in read.split_reason


def test_regions_that_are_no_known_country_are_named(tmp_path):
    read = read_rows(written(tmp_path, lines(600, ("UK", "Ruritania"))), **COLUMNS)
    assert read.unknown_places() == ["Ruritania"]


def test_wanted_months_and_regions_leave_the_others_out_and_count_them(tmp_path):
    path = written(tmp_path, lines(600, ("UK", "Canada", "Japan")))
    read = read_rows(path, **COLUMNS, months=MonthRange("2019-01", "2019-05"), regions=RegionSet(["CAN", "UK"]))
    assert list(read.regions) == ["CAN", "UK"]
    assert read.report.outside == 600 - sum(read.by_region.values())
    assert max(read.by_month) == "2019-05"


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        (lines(LEAST_ROWS - 1), f"my.csv: 199 of 199 rows could be read, .* a run needs {LEAST_ROWS}"),
        (lines(300, months=1), "my.csv: all 300 rows that can be used have one month, 2019-01 .*SpaceTimeIndex.build"),
        (lines(300, ("UK",)), "my.csv: all 300 rows that can be used have one region, UK .*SpaceTimeIndex.build"),
        (
            [row.replace("2019-", "spring ") for row in lines(300)],
            r"none of its 300 rows can be used; the first: row 1 .*'spring 01-",
        ),
        (
            [row.replace("2019-", "spring ") if number % 3 else row for number, row in enumerate(lines(300))],
            "my.csv: 200 of 300 rows cannot be read, .* the first: row 2 ",
        ),
        (
            [*lines(400), "A stray date.,1900-01-01,UK"],
            r"my.csv: months run from 1900-01 to 2019-06, .* rows lie in 2019-01\.\.2019-06; give months=MonthRange",
        ),
    ],
    ids=["too few", "one month", "one region", "unreadable", "mostly unreadable", "a stray date"],
)
def test_a_file_that_cannot_be_used_is_refused_in_one_line_that_says_what_works(tmp_path, rows, message):
    path = written(tmp_path, rows)
    with pytest.raises(ValueError, match=message) as error:
        read_rows(path, **COLUMNS)
    assert "\n" not in str(error.value)


ONE_MONTH = [*lines(400, months=1), *(f"Late news {month}.,2019-{month:02d}-02,UK" for month in range(9, 13))]
ONE_REGION = [*lines(400, ("UK",)), *(f"News {row} from far away.,2019-02-03,Canada" for row in range(20))]


@pytest.mark.parametrize(
    ("rows", "kind", "reason"),
    [
        (ONE_MONTH, "month", "400 of 404 rows are of one month, 2019-01"),
        ([*ONE_MONTH, "A stray date.,1960-01-01,UK"], "month", "400 of 405 rows are of one month, 2019-01"),
        (ONE_REGION, "region", "400 of 420 rows are of one region, UK"),
    ],
)
def test_what_nearly_all_rows_share_is_said_and_not_asked_about(tmp_path, rows, kind, reason):
    read = read_rows(written(tmp_path, rows), **COLUMNS)
    assert read.not_asked == {kind: reason}
    metrics = running._asked_for(METRICS | {"locate": LOCATED}, read.not_asked)
    page = " ".join([*in_short(metrics), *(row["measure"] for row in evaluation_table(metrics))])
    assert ("Months:" in page, "Decay:" in page, "middle month" in page) == ((kind == "region",) * 3)
    assert ("Regions:" in page, "Region gap" in page, "the region of" in page) == ((kind == "month",) * 3)
    assert metrics["skipped"][f"{kind}s"].startswith(reason)
    assert {line["region"] for line in metrics.get("decay_table", [])} == ({"same"} if kind == "region" else set())


def test_both_ranges_that_the_error_about_stray_dates_names_can_be_given(tmp_path):
    path = written(tmp_path, [*lines(400), "A stray date.,1900-01-01,UK"])
    with pytest.raises(ValueError) as error:
        read_rows(path, **COLUMNS)
    found = re.findall(r"MonthRange\('(.+?)', '(.+?)'\)", str(error.value))
    assert found == [("2019-01", "2019-06"), ("1900-01", "2019-06")]
    assert [read_rows(path, **COLUMNS, months=MonthRange(*given)).report.outside for given in found] == [1, 0]


def test_a_file_of_which_nothing_can_be_asked_is_refused(tmp_path):
    rows = [*lines(400, ("UK",), months=1), *(f"News {row}.,2019-02-03,Canada" for row in range(20))]
    with pytest.raises(NothingToLearn, match="400 of 420 rows are of one month, 2019-01 and 400 .* of one region, UK"):
        read_rows(written(tmp_path, rows), **COLUMNS)


def test_a_wrong_column_is_answered_with_those_there_are(tmp_path, capsys):
    path = written(tmp_path, lines(300))
    assert main(["run", str(path), "--text", "title", "--output", str(tmp_path / "out")]) == 2
    error = capsys.readouterr().err
    assert "has no column 'title'; it has 'headline', 'date', 'country'" in error
    assert error.count("\n") == 1


def test_strict_stops_at_the_first_bad_row(tmp_path):
    rows = lines(300)
    rows[4] = "Some day.,soon,UK"
    with pytest.raises(ValueError, match="row 5 .*'soon'"):
        read_rows(written(tmp_path, rows), **COLUMNS, strict=True)


# --- the folder ---------------------------------------------------------------------------------------


def test_what_a_refused_file_left_behind_does_not_stop_the_next_run(tmp_path):
    rows = [*lines(LEAST_ROWS - 1), "A stray date.,2019-13,UK"]
    for _ in range(2):
        with pytest.raises(ValueError, match="199 of 200 rows could be read"):
            run_corpus(written(tmp_path, rows), tmp_path / "out", **COLUMNS)
        assert [path.name for path in (tmp_path / "out").iterdir()] == ["rejects.csv"]


def test_a_folder_that_holds_something_else_is_left_alone(tmp_path):
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "letter.txt").write_text("Dear reader")
    for overwrite in (False, True):
        with pytest.raises(ValueError, match="out holds something else; name an empty or a new folder"):
            run_corpus(written(tmp_path, lines(300)), tmp_path / "out", **COLUMNS, overwrite=overwrite)
    assert (tmp_path / "out" / "letter.txt").read_text() == "Dear reader"


def test_an_earlier_run_is_neither_overwritten_nor_mixed_up_unasked(tmp_path):
    out = tmp_path / "out"
    out.mkdir()
    (out / "run.json").write_text(json.dumps({"corpus": "other.csv"}))
    (out / "report.html").touch()  # it was complete
    path = written(tmp_path, lines(300))
    with pytest.raises(ValueError, match="already holds a run; go on with it .resume=True."):
        run_corpus(path, out, **COLUMNS)
    with pytest.raises(ValueError, match="out was run with another corpus; resume with the same file and settings"):
        run_corpus(path, out, **COLUMNS, resume=True)


def test_an_unknown_profile_names_those_there_are(tmp_path):
    with pytest.raises(ValueError, match="profile 'fast' is not known; give one of quick, full"):
        run_corpus(written(tmp_path, lines(300)), tmp_path / "out", **COLUMNS, profile="fast")


# --- the report ---------------------------------------------------------------------------------------


def hints(text: str) -> list[list[str]]:
    """The commands by which a report says that its model is used."""
    return [shlex.split(found) for found in re.findall(r"(?m)^ *spacetime ((?:index|search) .*?) *$", text)]


class Page(HTMLParser):
    """What a page holds: tags with attributes, and its text."""

    def __init__(self, source: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self.feed(source)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self.text += f" {data} "

    def all(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.tags if name == tag]


LOCATED = {
    "locate_region_accuracy": 0.6,
    "majority_region_accuracy": 0.5,
    "locate_month_error_median": 1.0,
    "majority_month_error_median": 2.0,
}
METRICS: dict[str, Any] = {
    "meaning": {"rank_agreement": 0.9, "rank_agreement_no_context": 1.0},
    "pairs": {"pair_spearman": 0.8, "pair_spearman_plain": 0.5, "pair_mae": 0.1},
    "decay": {
        "decay_cosine_nearest": 0.9,
        "decay_cosine_farthest": 0.7,
        "decay_falling_share": 0.8,
        "region_gap": 0.2,
        "region_gap_low": 0.1,
        "region_gap_high": 0.3,
    },
    "decay_table": [
        {"months_apart": apart, "region": "same", "cosine": 1 - apart / 20, "low": 0.9 - apart / 20, "high": 1.0}
        for apart in (0, 1, 3)
    ],
    "asked": {"decay_cosine_farthest": 0.65, "region_gap": 0.3},
    "skipped": {"probes": "a reason"},
    "map": {"sentences": 40, "trustworthiness": 0.9, "neighbours_kept": 0.5, "neighbours_kept_chance": 0.1},
    "run": {"test_rows": 40, "test_texts_in_train": 0, "versions": {"python": "3"}, "machine": "a machine"},
}


@pytest.fixture
def page(tmp_path: Path) -> Page:
    """A report of a file whose every name wants to be markup; the numbers are made up, only the page is looked at."""
    rows = lines(400, ("<b>Here</b>", "There & $x$"))
    rows[5] = "Direction.,turned\u202e,There & $x$"
    rows[3] = "Markup.,<script>alert(1)</script>,There & $x$"
    read = read_rows(written(tmp_path, rows), **COLUMNS)
    sides = {side: len(getattr(read.split, side)) for side in ("train", "validation", "test")}
    metrics = METRICS | {"corpus": {"left_out": read.left_out(), "sides": sides, "trained_on": sides["train"]}}
    mapped = read.split.train.select(range(40))
    path = write_report(
        tmp_path / "report.html",
        rows=read,
        metrics=metrics,
        log=[{"step": step, "losses": {"cosines": 1 / step, "words": 7.0}} for step in range(1, 11)],
        training={
            "result": {"steps": 10, "seconds": 2.0},
            "recipe": {"others": 40},
            "conditioning": "prefix",
            "time_encoding": "sinusoidal",
        },
        state={"corpus": "<i>my</i>.csv", "columns": COLUMNS, "seed": 0, "sha256": "0" * 64},
        coordinates=np.random.default_rng(0).normal(size=(40, 2)),
        mapped=mapped,
        command="spacetime run '<my>.csv'",
        use=["spacetime index '<my>.csv' --model out/model"],
        seconds=90.0,
    )
    return Page(path.read_text(encoding="utf-8"))


def test_the_page_escapes_whatever_the_file_holds(page):
    assert not {"script", "b", "i"} & {tag for tag, _ in page.tags}
    assert "<script>alert(1)</script>" in page.text and "<i>my</i>.csv" in page.text and "<b>Here</b>" in page.text


def test_the_page_shows_what_would_turn_the_direction_of_its_words(page):
    assert "turned\\u202e" in page.text and "\u202e" not in page.text


def test_the_page_asks_for_nothing_and_leads_nowhere_but_to_its_map(page):
    assert {attributes["href"] for attributes in page.all("a")} == {"map.html"}
    sources = [attributes["src"] for attributes in page.all("img")] + [a["srcset"] for a in page.all("source")]
    assert sources and all(source is not None and source.startswith("data:image/png;base64,") for source in sources)
    assert not page.all("link")
    policy = next(a["content"] for a in page.all("meta") if a.get("http-equiv") == "Content-Security-Policy")
    assert policy is not None and policy.startswith("default-src 'none'")


def test_every_figure_says_what_it_shows_and_has_a_dark_form(page):
    images = page.all("img")
    assert len(images) == len(page.all("source")) == 7
    assert all(len(attributes["alt"] or "") > 40 for attributes in images)
    assert all(base64.b64decode((a["src"] or "").split(",")[1]).startswith(b"\x89PNG") for a in images)


def test_the_page_counts_what_was_left_out_and_names_rows_that_could_not_be_read(page):
    text = " ".join(page.text.split())
    assert "left out: rejected (not readable; see the list) 2 " in text
    assert "4 date <script>alert(1)</script>" in text
    assert "Not measured, probes: a reason" in text


def test_findings_follow_the_numbers(tmp_path):
    weak = METRICS | {"decay": METRICS["decay"] | {"decay_cosine_farthest": 0.95}}
    assert "months hardly count yet" in " ".join(in_short(weak))
    assert "hardly count yet" not in " ".join(in_short(METRICS))
    assert evaluation_table(METRICS)[0]["here"] == 0.9


def test_limits_name_what_is_weak_about_this_very_run(tmp_path):
    read = read_rows(written(tmp_path, [row.replace("-", "/") for row in lines(400)]), **COLUMNS)
    weak = " ".join(limits(read, METRICS, {"result": {"steps": 10}}))
    strong = " ".join(limits(read, METRICS | {"run": {"test_rows": 5000}}, {"result": {"steps": 5000}}))
    for sign in ("Only 40 test rows", "10 steps are a short training"):
        assert sign in weak and sign not in strong
    assert "split by their text alone" in weak


# --- the whole run ------------------------------------------------------------------------------------

SMALL = Profile(steps=4, training_rows=200, tested_rows=60, measured=30, mapped=120)


@pytest.fixture(scope="module")
def done(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Path, Path]]:
    """A file and the folder of a short but whole run on it."""
    folder = tmp_path_factory.mktemp("own")
    path = written(folder, lines(400, ("UK", "Canada", "Japan")))
    run_corpus(path, folder / "out", **COLUMNS, profile=SMALL)
    yield path, folder / "out"


@pytest.mark.slow
@pytest.mark.parametrize("name", ["report.html", "map.html", "metrics.json", "log.jsonl", "training.json", "run.json"])
def test_a_run_leaves(done, name):
    assert (done[1] / name).stat().st_size > 0


@pytest.mark.slow
@pytest.mark.parametrize("rows", [ONE_MONTH, ONE_REGION])
def test_a_run_reports_nothing_on_what_nearly_all_rows_share(tmp_path, rows, capsys):
    words = ["--text", "headline", "--month", "date", "--region", "country", "--output", str(tmp_path / "out")]
    assert main(["run", str(written(tmp_path, rows)), *words, "--steps", "2"]) == 0
    said, about = "".join(capsys.readouterr()), "month" if rows is ONE_MONTH else "region"
    assert f"nothing can be asked about {about}s, and the report leaves them out" in said
    page = Page((tmp_path / "out/report.html").read_text())
    assert f"Not measured, {about}s: 400 of " in page.text
    for command in hints(page.text):
        assert main(command) == 0


@pytest.mark.slow
def test_a_frame_needs_no_file_to_be_run(tmp_path):
    frame = pd.read_csv(written(tmp_path, lines(400, ("UK", "Canada", "Japan"))))
    found = run_corpus(frame, tmp_path / "out", **COLUMNS, profile=SMALL)
    state = json.loads((tmp_path / "out/run.json").read_text(encoding="utf-8"))
    assert state["corpus"] == "DataFrame" and len(state["sha256"]) == 64
    assert "spacetime.load_corpus(dataframe" in (tmp_path / "out/report.html").read_text(encoding="utf-8")
    assert found.rows.report.kept == 400


@pytest.mark.slow
def test_the_model_loads_and_leaves_texts_without_context_as_they_were(done):
    encoder = SpaceTimeEncoder.load(done[1] / "model")
    assert list(encoder.regions) == ["UK", "Canada", "Japan"]
    plain = SpaceTimeEncoder.load("plain").encode("The market opens.")
    assert encoder.encode("The market opens.") @ plain > 0.9999
    assert encoder.encode("The market opens.", "2019-02", "UK") @ plain < 0.9999
    assert encoder.locate("The market opens.").region_probabilities.shape == (1, 3)


@pytest.mark.slow
def test_its_index_can_be_built_and_searched_by_the_command_line(done, tmp_path, capsys):
    path, out = done
    columns = ["--text", "headline", "--month", "date", "--region", "country", "--any-spelling"]
    index = str(tmp_path / "index")
    assert main(["index", str(path), *columns, "--model", str(out / "model"), "--output", index]) == 0
    assert main(["search", index, "bakery", "--month", "2019-02", "--region", "UK", "-k", "2"]) == 0
    assert "bakery" in capsys.readouterr().out


@pytest.mark.slow
def test_a_run_that_is_resumed_when_complete_trains_nothing_and_measures_the_same(done):
    path, out = done
    before = json.loads((out / "metrics.json").read_text())
    said: list[str] = []
    run_corpus(path, out, **COLUMNS, profile=SMALL, resume=True, say=said.append)
    assert "trained already" in said
    assert json.loads((out / "metrics.json").read_text())["pairs"] == before["pairs"]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("where", "calls"),
    [
        ("spacetime.training.loop.save_checkpoint", 1),
        ("spacetime.training.recipes.environment", 1),  # the model is saved, its record is not
        ("course.own.running.evaluate", 1),
        ("spacetime.model.card.Record.copy", 2),  # while the model is saved a second time
        ("course.own.running.write_report", 1),
    ],
)
def test_a_run_that_was_stopped_goes_on_to_the_same_weights(done, tmp_path, monkeypatch, where, calls):
    path, out = done

    def stop() -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(running, "CHECKPOINT_EVERY", 2)
    with monkeypatch.context() as stopping, pytest.raises(KeyboardInterrupt):
        after(stopping, where, calls, stop)
        run_corpus(path, tmp_path / "out", **COLUMNS, profile=SMALL)
    # The report is the last thing to be written; before that the same call goes on.
    assert (tmp_path / "out" / "report.html").exists() == where.endswith("write_report")
    assert not [path for path in (tmp_path / "out").rglob("*") if path.name.endswith((".part", ".lock"))]
    again = run_corpus(path, tmp_path / "out", **COLUMNS, profile=SMALL, resume=where.endswith("write_report"))
    # Bit for bit is what tests/test_training.py holds.  Here UMAP ran in this process before, and numba gives torch
    # another number of threads than OMP_NUM_THREADS=1 did: the last bits of a gradient differ, and Adam's first steps,
    # mere signs, made 2e-4 of that.
    whole, gone_on = (
        [line for line in read_log(each / "log.jsonl") if "losses" in line] for each in (out, tmp_path / "out")
    )
    assert [line["step"] for line in gone_on] == [1, 2, 3, 4]
    for before, later in zip(whole, gone_on, strict=True):
        assert later["losses"]["loss"] == pytest.approx(before["losses"]["loss"], rel=2e-3)
    first = SpaceTimeEncoder.load(out / "model").encode("The market opens.", "2019-02", "UK")
    assert again.encoder.encode("The market opens.", "2019-02", "UK") @ first > 0.99995
    assert not list((tmp_path / "out").glob("checkpoint-*"))


@pytest.mark.slow
@needs_browser
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_report_opens_without_errors_and_fits_a_phone(done, scheme):
    with Chromium(390, 844) as browser:
        browser.resize(390, 844, scale=2, phone=True)
        browser.page.emulate_media(color_scheme=scheme)
        browser.open(done[1] / "report.html")
        browser.settle()
        assert browser.errors == []
        assert [address for address in browser.requests if not address.startswith(("file:", "data:"))] == []
        assert browser.run("document.documentElement.scrollWidth") <= 390
        elements = "[...document.querySelectorAll('body *')].filter(e => !e.closest('.wide'))"
        assert browser.run(f"{elements}.filter(e => e.getBoundingClientRect().right > 391).map(e => e.tagName)") == []
        assert browser.run("[...document.images].every(i => i.complete && i.naturalWidth > 0)")
        paper = browser.run("getComputedStyle(document.body).backgroundColor")
        assert paper == {"light": "rgb(255, 255, 255)", "dark": "rgb(22, 24, 27)"}[scheme]
