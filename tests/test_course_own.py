"""Promises of lesson 12 and `spacetime run`: from a file to a model, a report and a map, and clear words when not."""

import json
import random
import re
import shlex
import signal
import sys
import threading
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import nbformat
import pandas as pd
import psutil
import pytest
from chromium import Chromium, needs_browser
from test_folders import after

from course.own import findings, running
from course.own import rows as own
from course.own.figures import told_apart
from course.own.rows import LEAST_ROWS, NothingToLearn, OwnRows, read_rows, train_own
from course.site import single_page
from course.viewer import MOST_REGIONS
from spacetime.cli import main
from spacetime.encoder import SpaceTimeEncoder
from spacetime.months import MonthRange
from spacetime.regions import RegionSet
from spacetime.training.loop import read_log

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
    with pytest.raises(ValueError, match=r"could be 2019-01 or 2019-02; .* give day_first=True or month_first=True"):
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
            r"my.csv: months run from 1900-01 to 2019-06, .* rows lie in 2019-01\.\.2019-06; give these as the wanted",
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
    metrics = findings.asked_for(METRICS | {"locate": LOCATED}, read)
    page = " ".join([*findings.in_short(metrics), *findings.evaluation_table(metrics).index])
    assert ("Months:" in page, "Decay:" in page, "middle month" in page) == ((kind == "region",) * 3)
    assert ("Regions:" in page, "Region gap" in page, "the region of" in page) == ((kind == "month",) * 3)
    assert metrics["skipped"][f"{kind}s"].startswith(reason)
    assert {line["region"] for line in metrics.get("decay_table", [])} == ({"same"} if kind == "region" else set())


def test_both_ranges_that_the_error_about_stray_dates_names_can_be_given(tmp_path):
    path = written(tmp_path, [*lines(400), "A stray date.,1900-01-01,UK"])
    with pytest.raises(ValueError) as error:
        read_rows(path, **COLUMNS)
    found = re.findall(r"(\d{4}-\d\d)\.\.(\d{4}-\d\d)", str(error.value))
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


def run_words(path: Path, out: Path, *more: str) -> list[str]:
    return [
        "run",
        str(path),
        "--text",
        "headline",
        "--month",
        "date",
        "--region",
        "country",
        "--output",
        str(out),
        *more,
    ]


def refused(capsys: pytest.CaptureFixture[str], words: list[str]) -> str:
    """The one line by which a command says that it did not run."""
    assert main(words) == 2
    (error,) = [line for line in capsys.readouterr().err.splitlines() if line.startswith("spacetime: error")]
    return error


def test_what_a_refused_file_left_behind_does_not_stop_the_next_run(tmp_path, capsys):
    path = written(tmp_path, [*lines(LEAST_ROWS - 1), "A stray date.,2019-13,UK"])
    for _ in range(2):
        assert "199 of 200 rows could be read" in refused(capsys, run_words(path, tmp_path / "out"))
        assert [path.name for path in (tmp_path / "out").iterdir()] == ["rejects.csv"]


def test_a_folder_that_holds_something_else_is_left_alone(tmp_path, capsys):
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "letter.txt").write_text("Dear reader")
    for overwrite in ([], ["--overwrite"]):
        words = run_words(written(tmp_path, lines(300)), tmp_path / "out", *overwrite)
        assert "out holds something else; name an empty or a new folder" in refused(capsys, words)
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["letter.txt"]


def test_an_earlier_run_is_neither_overwritten_nor_mixed_up_unasked(tmp_path, capsys):
    out = tmp_path / "out"
    out.mkdir()
    (out / "run.json").write_text(json.dumps({"corpus": "other.csv"}))
    (out / "report.html").touch()  # it was complete
    words = run_words(written(tmp_path, lines(300)), out)
    assert "already holds a run; go on with it (--resume)" in refused(capsys, words)
    assert "out was run with another corpus; resume with the same" in refused(capsys, [*words, "--resume"])


def test_an_unknown_profile_names_those_there_are(tmp_path, capsys):
    with pytest.raises(SystemExit):
        main(run_words(tmp_path / "my.csv", tmp_path / "out", "--profile", "fast"))
    assert re.search("choose from '?quick'?, '?full'?", capsys.readouterr().err)
    assert list(running.PROFILES) == ["quick", "full"]


# --- the notebook's process ---------------------------------------------------------------------------


def in_place_of_the_lesson(monkeypatch: pytest.MonkeyPatch, folder: Path, code: str) -> None:
    cells = [nbformat.v4.new_code_cell("", metadata={"tags": ["parameters"]}), nbformat.v4.new_code_cell(code)]
    nbformat.write(nbformat.v4.new_notebook(cells=cells), folder / "lesson.ipynb")
    monkeypatch.setattr(running, "LESSON", folder / "lesson.ipynb")


@pytest.mark.parametrize(
    ("code", "said"),
    [
        ("raise ValueError('the loss is not finite; go on (resume=True)')", "the loss is not finite; go on (--resume)"),
        ("open('/proc/nothing/here')", "/proc/nothing/here: No such file or directory"),
        ("raise OSError(28, 'No space left on device')", "No space left on device; make room, then give the same "),
        ("{}['x']", "RuntimeError: in the notebook: KeyError: 'x' (--debug shows where)"),
    ],
)
def test_an_error_in_the_notebook_is_one_line_in_the_command_lines_own_words(tmp_path, monkeypatch, capsys, code, said):
    in_place_of_the_lesson(monkeypatch, tmp_path, code)
    assert f"spacetime: error: {said}" in refused(capsys, run_words(written(tmp_path, lines(300)), tmp_path / "out"))
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["run.json"]


def test_a_stopped_run_leaves_no_process_behind_and_says_how_it_goes_on(tmp_path, monkeypatch, capsys):
    flag = tmp_path / "running"
    in_place_of_the_lesson(monkeypatch, tmp_path, f"open({str(flag)!r}, 'w').close(); import time; time.sleep(600)")

    def stop() -> None:
        while not flag.exists():
            threading.Event().wait(0.1)
        signal.raise_signal(signal.SIGTERM)

    threading.Thread(target=stop, daemon=True).start()
    assert main(run_words(written(tmp_path, lines(300)), tmp_path / "out")) == 143
    assert "the same command goes on from the newest checkpoint" in capsys.readouterr().err
    assert [one for one in psutil.Process().children(recursive=True) if "ipykernel" in " ".join(one.cmdline())] == []


def test_without_a_clone_the_command_says_what_is_missing(tmp_path, monkeypatch, capsys):
    for module in ("course.own.running", "course.own"):
        monkeypatch.delitem(sys.modules, module)
    monkeypatch.setitem(sys.modules, "course", None)
    assert "lies in a clone" in refused(capsys, run_words(tmp_path / "my.csv", tmp_path / "out"))


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
        self.text += data

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
def odd(tmp_path: Path) -> OwnRows:
    """Rows of a file whose every name wants to be markup."""
    rows = lines(400, ("<b>Here</b>", "There & $x$"))
    rows[5] = "Direction.,turned\u202e,There & $x$"
    rows[3] = "Markup.,<script>alert(1)</script>,There & $x$"
    return read_rows(written(tmp_path, rows), **COLUMNS)


@pytest.fixture
def page(odd: OwnRows) -> Page:
    """What the report makes of such names, in its own cells and in the tables that the lesson shows."""
    state = {"corpus": "<i>my</i>_$x$.csv", "seed": 0, "sha256": "0" * 64, "profile": {"steps": 10}}
    notebook = running._lesson_for(odd, state, "spacetime run '<my>.csv'", ["spacetime index '<my>_a.csv' --x"])
    tables = [findings.whereabouts(odd), findings.decisions(odd), findings.rejects(odd)]
    found = nbformat.v4.new_code_cell("secret = 1")
    found.outputs = [nbformat.v4.new_output("display_data", {"text/html": table.to_html()}) for table in tables]
    notebook.cells = [notebook.cells[0], found, notebook.cells[-1]]
    return Page(single_page(notebook, "<i>my</i>.csv"))


def test_the_page_escapes_whatever_the_file_holds(page):
    assert not {"script", "b", "i"} & {tag for tag, _ in page.tags}
    assert "<script>alert(1)</script>" in page.text and "<i>my</i>_$x$.csv" in page.text and "<b>Here</b>" in page.text
    assert hints(page.text) == [["index", "<my>_a.csv", "--x"]]


def test_the_page_shows_what_would_turn_the_direction_of_its_words(page):
    assert "turned\\u202e" in page.text and "\u202e" not in page.text


def test_the_page_asks_for_nothing_leads_nowhere_but_to_its_map_and_hides_the_code(page):
    assert {attributes["href"] for attributes in page.all("a")} == {"map.html"}
    assert not page.all("link") and not page.all("script")
    policy = next(a["content"] for a in page.all("meta") if a.get("http-equiv") == "Content-Security-Policy")
    assert policy is not None and policy.startswith("default-src 'none'")
    assert "secret" not in page.text


def test_the_page_counts_what_was_left_out_and_names_rows_that_could_not_be_read(page):
    text = " ".join(page.text.split())
    assert "rejected (not readable; see the list) 2 " in text
    assert "4 date <script>alert(1)</script>" in text


def test_a_run_leaves_out_what_only_teaches(odd):
    cells = running._lesson_for(odd, {"corpus": "x", "seed": 0, "sha256": None, "profile": {"steps": 1}}, "", []).cells
    said = " ".join(cell.source for cell in cells)
    for word in ("Exercise", "Check yourself", "almanac are", "typed", "record(", "References", "The almanac is"):
        assert word not in said, word
    assert [len(cell.get("outputs", [])) for cell in cells if cell.cell_type == "code"][0] == 0


def test_findings_follow_the_numbers():
    weak = METRICS | {"decay": METRICS["decay"] | {"decay_cosine_farthest": 0.95}}
    assert "months hardly count yet" in " ".join(findings.in_short(weak))
    assert "hardly count yet" not in " ".join(findings.in_short(METRICS))
    assert findings.evaluation_table(METRICS)["this model"].iloc[0] == "0.900"


def test_limits_name_what_is_weak_about_this_very_run(tmp_path):
    read = read_rows(written(tmp_path, [row.replace("-", "/") for row in lines(400)]), **COLUMNS)
    weak = " ".join(findings.limits(read, METRICS, 10))
    strong = " ".join(findings.limits(read, METRICS | {"run": {"test_rows": 5000}}, 5000))
    for sign in ("Only 40 test rows", "10 steps are a short training"):
        assert sign in weak and sign not in strong
    assert "split by their text alone" in weak


def test_as_many_regions_are_learned_as_there_are_and_the_map_shows_the_rarest_as_one(tmp_path):
    regions = tuple(f"Place {number}" for number in range(MOST_REGIONS + 4))
    read = read_rows(written(tmp_path, lines(len(regions) * 24, regions, months=4)), **COLUMNS)
    assert len(read.regions) == len(regions)
    shown = told_apart([*regions, *regions[:-1]])
    assert len(set(shown)) == MOST_REGIONS and shown.count("other regions") == 2 * 5 - 1


# --- the training -------------------------------------------------------------------------------------


@pytest.mark.slow
@pytest.mark.parametrize("where", ["spacetime.training.loop.save_checkpoint", "spacetime.training.recipes.environment"])
def test_a_training_that_was_stopped_goes_on_to_the_same_weights(tmp_path, monkeypatch, where):
    read = read_rows(pd.read_csv(written(tmp_path, lines(400, ("UK", "Canada", "Japan")))), **COLUMNS)
    training = own.at_most(read.split.train, 200, 0)
    whole = train_own(training, read, tmp_path / "whole", steps=4)

    def stop() -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(own, "CHECKPOINT_EVERY", 2)
    with monkeypatch.context() as stopping, pytest.raises(KeyboardInterrupt):
        after(stopping, where, 1, stop)
        train_own(training, read, tmp_path / "out", steps=4)
    again = train_own(training, read, tmp_path / "out", steps=4, resume=True)
    steps = [line["step"] for line in read_log(tmp_path / "out/log.jsonl") if "losses" in line]
    assert steps == [1, 2, 3, 4] and not list((tmp_path / "out").glob("checkpoint-*"))
    for first, second in zip(whole.model.parameters(), again.model.parameters(), strict=True):
        assert first.equal(second)
    with pytest.raises(ValueError, match="out was trained with other settings"):
        train_own(training, read, tmp_path / "out", steps=5, resume=True)
    loaded = train_own(training, read, tmp_path / "out", steps=4, resume=True)
    assert (
        loaded.encode("The market opens.", "2019-02", "UK") @ whole.encode("The market opens.", "2019-02", "UK")
        > 0.9999
    )


# --- the whole run ------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def done(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Path, Path]]:
    """A file and the folder of a short but whole run on it."""
    folder = tmp_path_factory.mktemp("own")
    path = written(folder, lines(400, ("UK", "Canada", "Japan")))
    assert main(run_words(path, folder / "out", "--steps", "4")) == 0
    yield path, folder / "out"


@pytest.mark.slow
def test_a_run_leaves_everything_and_nothing_half_done(done):
    names = {path.name for path in done[1].iterdir()}
    numbers = {"metrics.json", "log.jsonl", "training.json", "run.json"}
    assert names == {"report.html", "map.html", "notebook.ipynb", "model"} | numbers
    assert all(path.stat().st_size > 0 for path in done[1].iterdir())
    page = Page((done[1] / "report.html").read_text(encoding="utf-8"))
    images = page.all("img")
    assert len(images) == 7 and all(len(attributes["alt"] or "") > 40 for attributes in images)
    assert all((attributes["src"] or "").startswith("data:image/png;base64,") for attributes in images)
    assert page.text.index("Pairs: cosines of held-out pairs") < page.text.index("What is in the file?")


@pytest.mark.slow
@pytest.mark.parametrize("rows", [ONE_MONTH, ONE_REGION])
def test_a_run_reports_nothing_on_what_nearly_all_rows_share(tmp_path, rows, capsys):
    assert main(run_words(written(tmp_path, rows), tmp_path / "out", "--steps", "2")) == 0
    said, about = "".join(capsys.readouterr()), "month" if rows is ONE_MONTH else "region"
    assert f"nothing can be asked about {about}s, and the report leaves them out" in said
    page = Page((tmp_path / "out/report.html").read_text(encoding="utf-8"))
    assert f"Not measured, {about}s: 400 of " in page.text
    for command in hints(page.text):
        assert main(command) == 0


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
    before, log = json.loads((out / "metrics.json").read_text()), (out / "log.jsonl").stat().st_mtime_ns
    assert main(run_words(path, out, "--steps", "4", "--resume")) == 0
    assert (out / "log.jsonl").stat().st_mtime_ns == log
    assert json.loads((out / "metrics.json").read_text())["pairs"] == before["pairs"]


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
        elements = "[...document.querySelectorAll('body *')].filter(e => !e.closest('.scroll'))"
        assert browser.run(f"{elements}.filter(e => e.getBoundingClientRect().right > 391).map(e => e.tagName)") == []
        assert browser.run("[...document.images].every(i => i.complete && i.naturalWidth > 0)")
        paper = browser.run("getComputedStyle(document.body).backgroundColor")
        assert paper == {"light": "rgb(255, 255, 255)", "dark": "rgb(22, 24, 27)"}[scheme]
