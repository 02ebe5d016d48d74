"""The viewer in a real browser without network: what a reader does with mouse and keys, and what it shows then."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from chromium import Chromium, needs_browser
from test_course_viewer import HARMLESS, sample

from course.geometry import nearest
from course.viewer import write
from spacetime import terminal

pytestmark = [
    pytest.mark.slow,
    needs_browser,
]

COUNT = 240
DRAW = np.random.default_rng(0)
EMBEDDINGS, PLAIN = DRAW.normal(size=(2, COUNT, 8))
MONTHS = [f"{2019 + i % 24 // 12}-{i % 12 + 1:02d}" if i % 40 else None for i in range(COUNT)]  # 6 without a month
REGIONS = [("UK", "US", "AUS", "CAN")[i % 4] if i % 80 != 1 else None for i in range(COUNT)]  # 3 without a region
TEXTS = [
    *HARMLESS,
    *(f"Sentence {i} about {'frost' if i % 10 == 0 else 'markets'}." for i in range(len(HARMLESS), COUNT)),
]
STATUS = "document.getElementById('status').textContent"
CAPTION = "document.getElementById('caption').textContent"


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write(
        EMBEDDINGS,
        TEXTS,
        MONTHS,
        REGIONS,
        tmp_path_factory.mktemp("viewer") / "map.html",
        (EMBEDDINGS[:, :2], PLAIN[:, :2]),
        PLAIN,
        ["cold" if "frost" in text else "money" if "markets" in text else None for text in TEXTS],
        title="A map & more",
    )


@pytest.fixture(scope="module")
def window() -> Iterator[Chromium]:
    with Chromium() as opened:
        yield opened


@pytest.fixture
def browser(window: Chromium, written: Path) -> Iterator[Chromium]:
    """The page as it opens; no test may leave an error on its console."""
    window.resize(1300, 900)
    window.page.emulate_media(color_scheme="light", reduced_motion="reduce")
    window.errors.clear()
    window.requests.clear()
    load(window, written)
    yield window
    assert window.errors == []


def load(browser: Chromium, path: Path) -> None:
    browser.open(path)
    browser.wait("window.spacetimeViewer")
    browser.settle()


def drawn(browser: Chromium) -> str:
    """The picture of the points."""
    browser.settle()
    return str(browser.run("document.getElementById('points').toDataURL()"))


def shown(browser: Chromium) -> list[int]:
    return list(browser.run("spacetimeViewer.shown()"))


def set_control(browser: Chromium, name: str, value: Any, event: str = "input") -> None:
    browser.run(
        f"(() => {{ const c = document.getElementById('{name}'); c.value = {value!r}; "
        f"c.dispatchEvent(new Event('{event}', {{bubbles: true}})); }})()"
    )


def click(browser: Chromium, selector: str) -> None:
    browser.run(f"document.querySelector({selector!r}).click()")


def on_page(browser: Chromium, row: int) -> tuple[float, float]:
    """Where a row's point lies in the window."""
    x, y = browser.run(
        "(() => { const b = document.getElementById('over').getBoundingClientRect(), "
        f"p = spacetimeViewer.place({row}); return [b.left + p[0], b.top + p[1]]; }})()"
    )
    return x, y


def rows_listed(browser: Chromium) -> list[int]:
    return list(browser.run("[...document.querySelectorAll('#rows [data-row]')].map(b => Number(b.dataset.row))"))


def neighbours_listed(browser: Chromium, space: str) -> list[int]:
    return list(
        browser.run(
            f"[...document.querySelectorAll('[data-space={space}] [data-row]')].map(b => Number(b.dataset.row))"
        )
    )


# ------------------------------------------------------------------------------------------------------- it opens


def test_it_loads_without_network_and_asks_for_nothing_else(browser: Chromium, written: Path) -> None:
    assert browser.run("navigator.onLine") is False
    assert [url for url in browser.requests if not url.startswith("data:")] == [written.resolve().as_uri()]
    assert browser.run("document.title") == "A map & more"
    assert browser.run(STATUS).startswith("240 of 240 sentences shown, all months")
    assert "6 without a month, 3 without a region" in browser.run(STATUS)


def test_no_sentence_becomes_part_of_the_page(browser: Chromium) -> None:
    click(browser, "#mark")
    while not browser.run("document.getElementById('next').disabled"):
        click(browser, "#next")
    for row, text in enumerate(HARMLESS):
        set_control(browser, "query", text.split()[0])
        browser.wait(f"document.querySelector('#rows [data-row=\"{row}\"]')")
        held = browser.run(f"document.querySelector('#rows [data-row=\"{row}\"]').textContent")
        assert held == terminal.shown(text.replace("\r\n", "\n"))  # controls are shown, not obeyed
    assert browser.run("document.scripts.length") == 3


def test_a_script_that_gets_in_is_not_run(browser: Chromium) -> None:
    browser.run(
        "document.body.append(Object.assign(document.createElement('script'), {textContent: 'window.intruder = 1'}))"
    )
    assert browser.run("window.intruder === undefined")
    assert any("Content Security Policy" in error for error in browser.errors)
    browser.errors.clear()


# ------------------------------------------------------------------------------------------------ months and regions


def test_the_slider_changes_what_is_drawn(browser: Chromium) -> None:
    before = drawn(browser)
    set_control(browser, "width", 3, "change")
    set_control(browser, "month", 5)
    assert drawn(browser) != before
    window = {"2019-06", "2019-07", "2019-08"}
    assert shown(browser) == [i for i in range(COUNT) if MONTHS[i] in window | {None}]
    assert browser.run("document.getElementById('when').textContent") == "2019-06 to 2019-08"


def test_points_stay_where_they_are_while_the_slider_moves(browser: Chromium) -> None:
    before = browser.run("spacetimeViewer.place(7)")
    set_control(browser, "month", 9)
    assert browser.run("spacetimeViewer.place(7)") == before


def test_play_goes_on_and_pauses(browser: Chromium) -> None:
    click(browser, "#play")
    browser.wait("Number(document.getElementById('month').value) >= 1")
    assert browser.run("document.getElementById('play').textContent") == "Pause"
    click(browser, "#play")
    assert browser.run("document.getElementById('play').textContent") == "Play"


def test_trails_and_paths_are_drawn(browser: Chromium) -> None:
    set_control(browser, "month", 12)
    before, rows = drawn(browser), shown(browser)
    click(browser, "#trails")
    assert drawn(browser) != before
    assert shown(browser) == rows  # a trail is no sentence of this month
    over = "document.getElementById('over').toDataURL()"
    before = browser.run(over)
    click(browser, "#paths")
    assert browser.run(over) != before


def test_a_region_and_the_rows_without_one_can_be_left_out(browser: Chromium) -> None:
    for place, label in enumerate(["UK", "US", "AUS", "CAN", "no region", "no month"]):
        boxes = browser.run("[...document.querySelectorAll('#regions label')].map(l => l.textContent)")
        here = next(i for i, words in enumerate(boxes) if words.startswith(label))
        browser.run(f"document.querySelectorAll('#regions input')[{here}].click()")
        left = ["UK", "US", "AUS", "CAN", "no region", "no month"][place + 1 :]
        assert shown(browser) == [
            i for i in range(COUNT) if (REGIONS[i] or "no region") in left and (MONTHS[i] or "no month" in left)
        ]


def test_a_cluster_can_be_looked_at_alone(browser: Chromium) -> None:
    options = browser.run("[...document.getElementById('cluster').options].map(o => [o.textContent, o.value])")
    value = next(value for words, value in options if words.startswith("cold"))
    set_control(browser, "cluster", value, "change")
    assert shown(browser) == [i for i in range(COUNT) if "frost" in TEXTS[i]]


# ----------------------------------------------------------------------------------------------- search and brush


def test_search_finds_whole_and_partial_words_in_any_case(browser: Chromium) -> None:
    browser.run("document.getElementById('query').focus()")
    browser.page.keyboard.insert_text("FROS about")
    browser.wait(f"{CAPTION}.includes('with')")
    expected = [i for i in range(COUNT) if "frost" in TEXTS[i]]
    assert browser.run(CAPTION) == f"{len(expected)} sentences with “FROS about”"
    assert rows_listed(browser) == expected[:25]


def test_a_rectangle_lists_the_sentences_inside(browser: Chromium) -> None:
    places = np.array([on_page(browser, row) for row in range(COUNT)])
    low, high = np.quantile(places, [0.4, 0.6], axis=0).round()  # a mouse knows whole pixels
    browser.drag((low[0], low[1]), (places[0][0], low[1]), (high[0], high[1]))
    inside = np.flatnonzero(((places > low) & (places < high)).all(axis=1)).tolist()
    assert inside
    browser.wait(f"{CAPTION}.startsWith('{len(inside)} sentence')")
    assert rows_listed(browser) == inside[:25]


def test_a_lasso_lists_the_sentence_it_is_drawn_around(browser: Chromium) -> None:
    click(browser, "input[value=lasso]")
    places = np.array([on_page(browser, row) for row in range(COUNT)])
    distance = np.linalg.norm(places[:, None] - places, axis=2) + 1e9 * np.eye(COUNT)
    row = int(distance.min(axis=1).argmax())  # the loneliest point
    x, y = places[row]
    reach = min(distance[row].min() / 2, 12)
    browser.drag((x, y - reach), (x + reach, y), (x, y + reach), (x - reach, y), (x, y - reach))
    browser.wait(f"{CAPTION}.startsWith('1 sentence in')")
    assert rows_listed(browser) == [row]


# ---------------------------------------------------------------------------------------- neighbours and embeddings


def test_a_clicked_sentence_lists_its_true_neighbours_in_both_spaces(browser: Chromium) -> None:
    places = np.array([on_page(browser, row) for row in range(COUNT)])
    distance = np.linalg.norm(places[:, None] - places, axis=2) + 1e9 * np.eye(COUNT)
    row = int(distance.min(axis=1).argmax())
    browser.drag(tuple(places[row]))
    browser.wait("document.querySelector('#detail blockquote')")
    assert browser.run("document.querySelector('#detail blockquote').textContent") == TEXTS[row]
    assert neighbours_listed(browser, "space-time") == nearest(EMBEDDINGS, 10)[row].tolist()
    assert neighbours_listed(browser, "plain") == nearest(PLAIN, 10)[row].tolist()


def test_the_other_embedding_moves_points_and_back(browser: Chromium) -> None:
    before, place = drawn(browser), browser.run("spacetimeViewer.place(3)")
    click(browser, "#embeddings input[value='1']")
    assert drawn(browser) != before
    assert browser.run("spacetimeViewer.place(3)") != place
    assert "plain embedding" in browser.run("document.getElementById('quality').textContent")
    click(browser, "#embeddings input[value='0']")
    assert drawn(browser) == before


def test_the_move_is_gradual_unless_the_reader_asks_for_less_motion(browser: Chromium, written: Path) -> None:
    there = "document.querySelectorAll('#embeddings input')[1].click(), spacetimeViewer.place(3)"
    at_once = browser.run(there)
    browser.page.emulate_media(reduced_motion="no-preference")
    load(browser, written)
    assert np.hypot(*np.subtract(browser.run(there), at_once)) > 1  # has hardly left
    browser.wait(
        f"Math.hypot(spacetimeViewer.place(3)[0] - {at_once[0]}, spacetimeViewer.place(3)[1] - {at_once[1]}) < .01"
    )


# ------------------------------------------------------------------------------------------------------- by keyboard


def focused(browser: Chromium) -> str:
    return str(
        browser.run(
            "(a => a.id || a.name && `${a.name}=${a.value}` || a.dataset.region && 'region' || "
            "a.dataset.zoom && 'zoom' || a.tagName.toLowerCase())(document.activeElement)"
        )
    )


def test_the_tab_key_reaches_everything_in_the_order_of_the_page(browser: Chromium) -> None:
    order = []
    for _ in range(40):
        browser.page.keyboard.press("Tab")
        order.append(focused(browser))
        if order[-1] == "width":
            break
    assert order == [
        *("query", "clear", "space=0", "summary", "region", "region", "region", "region", "region", "undated"),
        *("cluster", "names", "trails", "paths", "size", "tool=rectangle", "mark", "zoom", "zoom", "zoom"),
        *("over", "play", "month", "width"),
    ]


def test_every_control_has_a_name(browser: Chromium) -> None:
    tree = browser.call("Accessibility.getFullAXTree")["nodes"]
    controls = {"button", "checkbox", "radio", "slider", "combobox", "searchbox", "application"}
    found = [node for node in tree if node.get("role", {}).get("value") in controls and not node["ignored"]]
    assert len(found) > 20
    assert [node["role"]["value"] for node in found if not node["name"]["value"].strip()] == []


def test_keys_walk_choose_zoom_and_clear(browser: Chromium) -> None:
    browser.run("document.getElementById('over').focus()")
    browser.page.keyboard.press("ArrowRight")
    browser.page.keyboard.press("ArrowRight")
    browser.page.keyboard.press("Enter")
    words = browser.run("document.querySelector('#detail blockquote').textContent")
    assert words in TEXTS
    browser.wait("document.getElementById('say').textContent.includes('10 neighbours listed')")
    before = browser.run("spacetimeViewer.place(0)")
    browser.page.keyboard.press("+")
    assert browser.run("spacetimeViewer.place(0)") != before
    browser.page.keyboard.press("0")
    assert browser.run("spacetimeViewer.place(0)") == before
    browser.page.keyboard.press("]")
    browser.wait("document.getElementById('when').textContent === '2019-02 to 2019-03'")
    browser.page.keyboard.press("Escape")
    assert browser.run("document.querySelector('#detail blockquote')") is None


def test_a_sentence_of_the_table_is_chosen_by_key(browser: Chromium) -> None:
    click(browser, "#mark")
    browser.run("document.querySelector('#rows [data-row]').focus()")
    row = rows_listed(browser)[0]
    browser.page.keyboard.press("Enter")
    assert browser.run("document.querySelector('#detail blockquote').textContent") == TEXTS[row]
    assert focused(browser) == "detail"


# ---------------------------------------------------------------------------------------------- screens and amounts


def test_in_the_dark_the_paper_is_dark(browser: Chromium) -> None:
    corner = """(() => { const c = new OffscreenCanvas(1, 1).getContext('2d', {willReadFrequently: true});
        c.drawImage(document.getElementById('points'), -2, -2); return [...c.getImageData(0, 0, 1, 1).data]; })()"""
    assert min(browser.run(corner)) > 200
    browser.page.emulate_media(color_scheme="dark")
    browser.settle()
    assert max(browser.run(corner)[:3]) < 60


def test_a_phone_shows_it_without_scrolling_sideways(browser: Chromium, written: Path) -> None:
    browser.resize(360, 740, scale=2, phone=True)
    load(browser, written)
    click(browser, "#mark")
    browser.run("document.querySelector('#rows [data-row]').click()")
    assert browser.run("document.documentElement.scrollWidth") <= 360


def test_ten_thousand_points_take_less_than_five_megabytes_and_thirty_milliseconds(
    browser: Chromium, tmp_path: Path
) -> None:
    """Without a graphics card.  Measured: 2.3 MB; 1.5 ms a frame on a machine at rest."""
    written = write(**sample(10_000), path=tmp_path / "large.html")
    assert written.stat().st_size < 5e6
    load(browser, written)
    frames = browser.run("Array.from({length: 30}, () => spacetimeViewer.frame())")
    assert np.median(frames) < 33


def test_a_page_without_months_regions_or_neighbours_works(browser: Chromium, tmp_path: Path) -> None:
    load(browser, write([[1.0]], ["Alone."], None, None, tmp_path / "one.html"))
    browser.run("document.getElementById('over').focus()")
    for key in ("]", "ArrowRight", "Enter"):
        browser.page.keyboard.press(key)
    assert browser.run("document.querySelector('#detail blockquote').textContent") == "Alone."
    assert "1 of 1 sentences shown, no months" in browser.run(STATUS)
