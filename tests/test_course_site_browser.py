"""The built site in a real browser without network: nothing sticks out, everything can be read, search finds."""

from collections.abc import Iterator

import pytest
from chromium import Chromium, needs_browser

from course.running import NOTEBOOKS
from course.site import Site, build_site

pytestmark = [
    pytest.mark.slow,
    needs_browser,
]

# Every piece of text with the colour behind it: contrast by WCAG 2 (relative luminance of sRGB), below 4.5.
FAINT = """(() => {
    const parse = (colour) => { const n = colour.match(/[\\d.]+/g).map(Number); return n.length < 4 ? [...n, 1] : n; };
    const light = (c) => c.slice(0, 3).map((v) => v / 255)
        .map((v) => v <= .04045 ? v / 12.92 : ((v + .055) / 1.055) ** 2.4)
        .reduce((sum, v, i) => sum + v * [.2126, .7152, .0722][i], 0);
    const behind = (e) => { for (; e; e = e.parentElement) {
        const c = parse(getComputedStyle(e).backgroundColor); if (c[3] === 1) return c; } return [255, 255, 255, 1]; };
    for (const box of document.querySelectorAll('details')) box.open = true;
    const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT), faint = new Set(); let seen = 0;
    while (walker.nextNode()) {
        const text = walker.currentNode.textContent.trim(), e = walker.currentNode.parentElement;
        if (!text || !e.checkVisibility()) continue;
        seen += 1;
        const [a, b] = [light(parse(getComputedStyle(e).color)), light(behind(e))].sort((x, y) => y - x);
        const contrast = (a + .05) / (b + .05);
        if (contrast < 4.5) faint.add(`${e.tagName}.${e.className} ${contrast.toFixed(2)}: ${text.slice(0, 30)}`);
    }
    return {seen, faint: [...faint]};
})()"""

# What reaches past the page's right edge and lies in no box that scrolls by itself.
STICKING_OUT = """[...document.querySelectorAll('main *')].filter((e) =>
    e.getBoundingClientRect().right > innerWidth + .5 && !e.closest('pre, .scroll, math, .unseen')
).map((e) => e.outerHTML.slice(0, 120))"""

LIGHTNESS = "getComputedStyle(document.body).backgroundColor.match(/\\d+/g).slice(0, 3).map(Number)"


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Site:
    """The lessons as they lie here."""
    return build_site(NOTEBOOKS.parent, tmp_path_factory.mktemp("built") / "site")


@pytest.fixture(scope="module")
def window() -> Iterator[Chromium]:
    with Chromium() as opened:
        yield opened


@pytest.fixture
def browser(window: Chromium, site: Site) -> Iterator[Chromium]:
    """The start page; no test may leave an error on the console, or ask for anything but the site's own files."""
    window.resize(1280, 900)
    window.page.emulate_media(color_scheme="light")
    window.open(site.folder / "index.html")
    window.run("localStorage.clear()")
    window.run("delete document.documentElement.dataset.theme")
    window.errors.clear()
    window.requests.clear()
    yield window
    assert window.errors == []
    own = (site.folder.as_uri(), "data:")
    assert [address for address in window.requests if not address.startswith(own)] == []


def look_for(browser: Chromium, words: str) -> list[str]:
    """Type into the search box and read the headings of what is found."""
    # A page that still loads listens to nothing yet, and takes the focus for its address's section when it is there.
    browser.wait("document.readyState === 'complete' && !document.getElementById('Search').hidden")
    browser.run("document.getElementById('Query').value = ''; document.getElementById('Query').focus()")
    browser.page.keyboard.insert_text(words)
    browser.wait("!document.getElementById('Found').hidden")
    return list(browser.run("[...document.querySelectorAll('#Hits a')].map((a) => a.textContent)"))


@pytest.mark.parametrize("width", [390, 1280])
def test_no_page_scrolls_sideways(browser: Chromium, site: Site, width: int) -> None:
    browser.resize(width, 844, phone=width < 600)
    wide = {}
    for page in site.pages:
        browser.open(site.folder / page)
        browser.run("document.querySelectorAll('details').forEach((box) => { box.open = true; })")
        if browser.run("document.documentElement.scrollWidth") > width or browser.run(STICKING_OUT):
            wide[page] = browser.run(STICKING_OUT)
    assert wide == {}


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_all_text_stands_out_from_what_is_behind_it(browser: Chromium, site: Site, scheme: str) -> None:
    browser.page.emulate_media(color_scheme=scheme)  # type: ignore[arg-type]
    faint = {}
    for page in site.pages:
        browser.open(site.folder / page)
        found = browser.run(FAINT)
        assert found["seen"] > 30, page
        if found["faint"]:
            faint[page] = found["faint"]
    assert faint == {}


def test_search_finds_a_word_and_goes_to_its_section(browser: Chromium) -> None:
    assert look_for(browser, "temperature published")[0].startswith("02 ")
    browser.page.keyboard.press("Enter")
    browser.wait("location.pathname.includes('/notebooks/02_')")
    browser.wait("document.getElementById(location.hash.slice(1))")
    # And from a page in a folder, where addresses begin with ../
    assert any("Masking, by hand" in found for found in look_for(browser, "masking"))
    assert browser.run(FAINT)["faint"] == []


def test_search_says_that_nothing_was_found(browser: Chromium) -> None:
    assert look_for(browser, "zzyzx") == []
    assert browser.run("document.getElementById('Count').textContent") == "Nothing found"


def test_escape_closes_what_was_found(browser: Chromium) -> None:
    look_for(browser, "cosine")
    browser.page.keyboard.press("Escape")
    assert browser.run("document.getElementById('Found').hidden")


def test_the_theme_can_be_turned_and_stays_on_the_next_page(browser: Chromium, site: Site) -> None:
    assert min(browser.run(LIGHTNESS)) > 200
    browser.run("document.getElementById('Theme').click()")
    assert max(browser.run(LIGHTNESS)) < 60
    browser.open(site.folder / site.pages[1])
    assert max(browser.run(LIGHTNESS)) < 60
    browser.run("document.getElementById('Theme').click()")
    assert min(browser.run(LIGHTNESS)) > 200


def test_the_readers_own_choice_of_dark_is_followed(browser: Chromium) -> None:
    browser.page.emulate_media(color_scheme="dark")
    assert max(browser.run(LIGHTNESS)) < 60


def test_the_keyboard_comes_to_the_skip_link_first_and_then_to_the_text(browser: Chromium, site: Site) -> None:
    browser.open(site.folder / site.pages[1])
    order = []
    for _ in range(4):
        browser.page.keyboard.press("Tab")
        order.append(browser.run("document.activeElement.id || document.activeElement.className"))
    assert order == ["skip", "home", "Query", "Theme"]
    browser.open(site.folder / site.pages[1])
    browser.page.keyboard.press("Tab")
    browser.page.keyboard.press("Enter")
    browser.wait("document.activeElement.id === 'Main'")


def test_what_has_the_focus_has_a_frame(browser: Chromium) -> None:
    for place in ("skip", "home", "Query", "Theme"):
        browser.page.keyboard.press("Tab")
        assert float(browser.run("parseFloat(getComputedStyle(document.activeElement).outlineWidth)")) >= 2, place
        assert browser.run("getComputedStyle(document.activeElement).outlineStyle") == "solid", place


def test_the_contents_show_the_entry_of_the_page_that_one_reads(browser: Chromium, site: Site) -> None:
    browser.open(site.folder / site.pages[-1])
    where = browser.run("document.querySelector('#Contents [aria-current=page]').getBoundingClientRect().top")
    assert 0 < where < 900


def test_a_figure_has_the_whole_width_of_a_phone(browser: Chromium, site: Site) -> None:
    browser.resize(390, 844, phone=True)
    browser.open(site.folder / site.pages[1])
    width = browser.run("document.querySelector('.outputs img').getBoundingClientRect().width")
    assert width == pytest.approx(390, abs=0.5)


def test_a_folded_answer_unfolds(browser: Chromium, site: Site) -> None:
    browser.open(site.folder / site.pages[1])
    height = "document.querySelector('main details').getBoundingClientRect().height"
    folded = browser.run(height)
    browser.run("document.querySelector('main details summary').click()")
    assert browser.run(height) > folded + 15


def test_on_paper_answers_are_unfolded_and_the_page_is_light(browser: Chromium, site: Site) -> None:
    browser.run("document.getElementById('Theme').click()")
    browser.open(site.folder / site.pages[1])
    browser.run("dispatchEvent(new Event('beforeprint'))")
    assert browser.run("document.querySelectorAll('main details:not([open])').length") == 0
    browser.page.emulate_media(media="print")
    assert min(browser.run(LIGHTNESS)) > 200
    assert not browser.run("document.querySelector('header').checkVisibility()")
    browser.page.emulate_media(media="null")


def test_formulas_are_drawn(browser: Chromium, site: Site) -> None:
    page = next(page for page in site.pages if "/02_" in page)
    browser.open(site.folder / page)
    assert browser.run("document.querySelector('math[display=block] mfrac').getBoundingClientRect().height") > 20
    assert browser.run("document.querySelector('main').textContent.includes('$$')") is False
