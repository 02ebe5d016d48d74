"""A corpus from Current Events: pages of a local server, in the forms of their years and with its faults."""

import contextlib
import datetime
import email.utils
import json
import threading
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pyarrow.parquet as pq
import pytest

from data_samples.current_events import fetching
from data_samples.current_events.__main__ import main
from data_samples.current_events.building import build_current_events
from data_samples.current_events.extracting import extract_events
from data_samples.current_events.fetching import Wiki, days_of, page_title
from data_samples.current_events.gazetteer import meanings
from data_samples.current_events.placing import find_region, place_event
from spacetime.corpus import load_corpus

NEW_FORM = """{{Current events|year=2019|month=11|day=3|content=

<!-- All news items below this line -->
'''Disasters and accidents'''
* [[2019 Atlantis floods]]
** [[Flooding of the mill]]
*** Ice fills the '''mill''' of [[Toronto|Toronto's]] bay, {{convert|5|km|mi}} wide.&nbsp;It melts. [http://x.org (Day)]
** Two bridges close for a [[Day|day]] near Ottawa.<ref name="a">{{cite web|url=http://x.org}}</ref><ref name="a"/>
'''[[Law]] and crime'''
* A judge in Lima hears both sides. [https://x.org/c (Daily)] [https://y.org (''The Hour'')]
<!-- All news items above this line -->}}
"""
MIDDLE_FORM = """{{Current events header|2012|05|04}}
<!-- All news items below this line -->
;Sport
*[[Chess|Chess cup]]: Nobody wins [http://x.org the final] of Oslo, Norway. ([[Daily]])
;Politics and elections:
*'''[[Kenyan election, 2012|Kenyan election]]''':
**The minister counts the votes again. [http://x.org (Daily)]
**The minister counts the votes again. [http://x.org (Hour)]
|}
"""
OLD_FORM = """=== [[May 4]], [[2004]] (Tuesday) ===
* The ferry {{USS|Paper Boat}} sails from [[Sydney]] at noon today. ([http://x.org Daily])
* Snow falls on the Alps for nine days [http://x.org/b Hour]
==== Arts ====
* A painter shows [http://x.org forty paintings].
"""


class FakeWiki:
    """MediaWiki's API as far as it is used, over pages that the tests write.

    `faults` are used up first, one a request; each answers in place of the wiki, or lets it (returning False).
    """

    def __init__(self) -> None:
        self.pages: dict[str, tuple[int, str]] = {}
        self.redirects: dict[str, str] = {}
        self.faults: list[Callable[[BaseHTTPRequestHandler], bool]] = []
        self.parts = 1
        self.requests: list[dict[str, str]] = []
        self.agents: list[str] = []
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:  # noqa: N802  the base class's name
                asked = {name: values[0] for name, values in parse_qs(urlsplit(self.path).query).items()}
                outer.requests.append(asked)
                outer.agents.append(self.headers["User-Agent"])
                if outer.faults and outer.faults.pop(0)(self):
                    return
                send(self, 200, json.dumps(outer.answer(asked)).encode())

            def log_message(self, *_: Any) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
        self.api = f"http://127.0.0.1:{self.server.server_port}/w/api.php"

    def add(self, day: str, wikitext: str, revision: int) -> None:
        self.pages[page_title(datetime.date.fromisoformat(day))] = (revision, wikitext)

    def answer(self, asked: dict[str, str]) -> dict[str, Any]:
        if "titles" in asked:
            leads = [{"from": title, "to": self.redirects[title]} for title in asked["titles"].split("|")
                     if title in self.redirects]  # fmt: skip
            titles = dict.fromkeys(self.redirects.get(title, title) for title in asked["titles"].split("|"))
            pages: list[dict[str, Any]] = [
                {"title": title, "revisions": [{"revid": self.pages[title][0]}]} if title in self.pages
                else {"title": title, "missing": True} for title in titles
            ]  # fmt: skip
            return {"query": {"redirects": leads, "pages": pages}}
        wanted = [int(number) for number in asked["revids"].split("|")]
        part = int(asked.get("rvcontinue", "0"))
        pages = [
            {"title": title, "revisions": [{"revid": number, "timestamp": "2022-01-01T00:00:00Z",
                                            "slots": {"main": {"content": text}}}]}
            for title, (number, text) in self.pages.items() if number in wanted[part :: self.parts]
        ]  # fmt: skip
        more = {"continue": {"rvcontinue": str(part + 1), "continue": "||"}} if part + 1 < self.parts else {}
        return {"query": {"pages": pages}, **more}

    def texts_asked(self) -> list[str]:
        """Every revision whose text was asked for, as often as it was."""
        return [number for asked in self.requests for number in asked.get("revids", "").split("|") if number]


def send(handler: BaseHTTPRequestHandler, status: int, body: bytes, **headers: str) -> bool:
    handler.send_response(status)
    for name, value in headers.items():
        handler.send_header(name.replace("_", "-"), value)
    handler.send_header("Content-Length", str(len(body)))
    handler.end_headers()
    handler.wfile.write(body)
    return True


def fault(status: int, body: bytes = b"", **headers: str) -> Callable[[BaseHTTPRequestHandler], bool]:
    return lambda handler: send(handler, status, body, **headers)


def cut_off(handler: BaseHTTPRequestHandler) -> bool:
    """Promise a thousand bytes and hang up after ten."""
    handler.send_response(200)
    handler.send_header("Content-Length", "1000")
    handler.end_headers()
    handler.wfile.write(b'{"query": ')
    handler.close_connection = True
    return True


def silent(handler: BaseHTTPRequestHandler) -> bool:
    """Take the request and say nothing until the client has gone."""
    handler.rfile.read(1)
    return True


def drip(handler: BaseHTTPRequestHandler) -> bool:
    """Send a byte now and then, each in time, without end."""
    handler.send_response(200)
    handler.end_headers()
    with contextlib.suppress(OSError):
        while True:
            handler.wfile.write(b" ")
            time.sleep(0.02)
    return True


def fine(_: BaseHTTPRequestHandler) -> bool:
    return False


@pytest.fixture
def wiki() -> Iterator[FakeWiki]:
    fake = FakeWiki()
    fake.add("2019-11-03", NEW_FORM, 103)
    fake.add("2019-11-04", MIDDLE_FORM, 104)
    fake.add("2019-12-31", OLD_FORM, 131)
    yield fake
    fake.server.shutdown()
    fake.server.server_close()


@pytest.fixture
def waits() -> list[float]:
    return []


@pytest.fixture
def build(wiki: FakeWiki, tmp_path: Path, waits: list[float]) -> Callable[..., Any]:
    """Build November and December 2019 into a folder of the test; waits are noted, not waited."""

    def run(first: str = "2019-11", last: str = "2019-12", name: str = "events.parquet", **given: Any) -> Any:
        options: dict[str, Any] = {"api": wiki.api, "cache_dir": tmp_path / "cache", "pause": 0, "timeout": 20} | given
        return build_current_events(first, last, tmp_path / name, sleep=lambda wait: note(wait), **options)

    def note(wait: float) -> None:
        if wait > 0:
            waits.append(wait)

    return run


def rows(path: Path) -> list[dict[str, Any]]:
    return pq.read_table(path).to_pylist()


# --- extracting ---------------------------------------------------------------------------------------


def found(wikitext: str) -> list[tuple[str, str | None, tuple[str, ...]]]:
    return [(event.text, event.category, event.topics) for event in extract_events(wikitext)[0]]


def test_the_new_form_has_bold_categories_and_topics_above_their_events() -> None:
    topics = ("Flooding of the mill", "2019 Atlantis floods")
    assert found(NEW_FORM) == [
        ("Ice fills the mill of Toronto's bay, 5 km wide. It melts.", "Disasters and accidents", topics),
        ("Two bridges close for a day near Ottawa.", "Disasters and accidents", topics[1:]),
        ("A judge in Lima hears both sides.", "Law and crime", ()),
    ]


def test_the_middle_form_has_semicolons_and_topics_before_a_colon() -> None:
    assert found(MIDDLE_FORM) == [
        ("Nobody wins the final of Oslo, Norway.", "Sport", ("Chess cup",)),
        ("The minister counts the votes again.", "Politics and elections", ("Kenyan election",)),
    ]


def test_the_old_form_has_headings_and_a_date_is_no_category() -> None:
    assert found(OLD_FORM) == [
        ("The ferry USS Paper Boat sails from Sydney at noon today.", None, ()),
        ("Snow falls on the Alps for nine days", None, ()),
        ("A painter shows forty paintings.", "Arts", ()),
    ]


def test_a_sentence_above_its_details_is_an_event_and_no_topic() -> None:
    page = "* The lake freezes in the night.\n** Skaters cross it before the sun is up.\n"
    assert found(page) == [
        ("The lake freezes in the night.", None, ()),
        ("Skaters cross it before the sun is up.", None, ()),
    ]


def test_a_topic_may_end_with_a_dot_or_have_a_topic_before_its_colon() -> None:
    page = "* [[Banana Inc.]]\n** The shop closes its doors.\n* [[Trade]]: [[Bananas]]\n** The price of it falls.\n"
    assert found(page) == [
        ("The shop closes its doors.", None, ("Banana Inc.",)),
        ("The price of it falls.", None, ("Trade: Bananas",)),
    ]


@pytest.mark.parametrize(
    "marked, plain",
    [
        ("One ''two'' '''three''' [[Four|four]].", "One two three four."),
        ("Fish &amp; chips cost {{US$|5}} here now.", "Fish & chips cost US$5 here now."),
        ("The pier [[File:Pier.jpg|thumb|A [[pier]]]] stands for ever.", "The pier stands for ever."),
        ("He said <small>in a low voice</small> nothing at all.", "He said in a low voice nothing at all."),
        ("The roof of it leaks.{{citation needed|date=May 2012}}", "The roof of it leaks."),
        ("The roof of it leaks. (Daily) ([[Hour]])", "The roof of it leaks."),
        ("The club (founded in 1900) ends here.", "The club (founded in 1900) ends here."),
        ("It is over now. ([http://x.org Daily], [http://y.org Hour])", "It is over now."),
        ("It is over now. [http://x.org] http://y.org", "It is over now."),
        ("An article [http://x.org says so] in two words.", "An article says so in two words."),
        ("{{lang|fr|Bonjour}} is what they all say.", "Bonjour is what they all say."),
        ("The crowd <!-- hidden --> is {{nowrap|ten thousand}} strong.", "The crowd is ten thousand strong."),
        ("A citation {{cite news\n| title = x\n}} over lines is gone.", "A citation over lines is gone."),
        ("An ''unclosed mark is only dropped here.", "An unclosed mark is only dropped here."),
    ],
)
def test_markup_and_sources_go_and_words_stay(marked: str, plain: str) -> None:
    assert found(f"* {marked}\n") == [(plain, None, ())]


def test_what_is_left_out_is_counted_by_reason() -> None:
    page = (
        "* [[Lonely topic]]\n"
        "* The {{strange thing|1}} goes on and on.\n"
        "* Too short.\n"
        "*\n"
        "* The rain goes on and on.\n"
        "* The rain goes on and on.\n"
        "A line that is no bullet.\n"
        "{| class=\"frame\"\n|}\n[[Category:Days of a year]]\n__NOTOC__\n"
    )  # fmt: skip
    events, dropped = extract_events(page)
    assert [event.text for event in events] == ["The rain goes on and on."]
    assert dropped == {
        "topic without a sentence": 1,
        "template that is not known": 1,
        "fewer than four words": 1,
        "empty": 1,
        "said before on the page": 1,
        "outside a bullet": 1,
    }


@pytest.mark.parametrize(
    "page", ["", "<!-- never closed", "{{Current events|content=", "* [[", "* {{{{ }} [http://", "''"]
)
def test_a_page_without_events_or_with_broken_markup_gives_none(page: str) -> None:
    assert extract_events(page)[0] == []


# --- placing ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "text, region",
    [
        ("Rain falls in London.", "UK"),
        ("Rain falls in London, Ontario.", "CAN"),
        ("Rain falls in Odessa, Texas.", "US"),
        ("Rain falls in Odessa.", "UKR"),
        ("Rain falls in Birmingham, Alabama.", "US"),
        ("Rain falls in Georgia.", None),  # a country and a state
        ("Rain falls in Georgia, Tbilisi and Batumi.", "GEO"),
        ("Rain falls in Atlanta, Georgia.", "US"),
        ("North Korean and Northern Irish are no Koreans.", None),
        ("A Northern Irish choir sings.", "UK"),
        ("A North American bird sings.", None),
        ("The Washington Post sells well in Sweden.", "SWE"),
        ("The fund has US$5 million for Ghana.", "GHA"),
        ("US soldiers in Iraq.", None),
        ("Europe looks at Poland.", "POL"),
        ("Nobody is here with us.", None),
        ("Kosovo and the European Union talk.", None),
        ("Kosovo votes.", "XKX"),
    ],
)
def test_a_text_names_a_region_if_one_country_fits_all_its_names(text: str, region: str | None) -> None:
    assert find_region(text) == region


def test_the_topic_decides_where_the_text_does_not_and_never_overrules_it() -> None:
    assert place_event("The lake dries up in Peru.", ["Chilean drought"]) == ("PER", "text")
    assert place_event("The lake dries up.", ["Chilean drought"]) == ("CHL", "topic")
    assert place_event("The lake dries up.", ["Of the weather", "Chilean drought"]) == ("CHL", "topic")
    assert place_event("Peru and Chile share it.", ["Chilean drought"]) == ("CHL", "topic")
    assert place_event("Peru and Brazil share it.", ["Chilean drought"]) == (None, None)
    assert place_event("The lake dries up.", ["Peru and Chile", "Chilean drought"]) == (None, None)


def test_every_country_of_the_gazetteer_has_a_label_that_corpora_know() -> None:
    from data_samples.current_events.placing import _label
    from spacetime.regions import find_place

    codes = {code for meaning in meanings().values() for code in meaning.codes}
    assert [code for code in codes if find_place(_label(code)) != code] == []


# --- building -----------------------------------------------------------------------------------------


def test_the_file_has_every_column_and_its_attribution(build: Callable[..., Any], tmp_path: Path) -> None:
    report = build(contact="me@example.org")
    written = rows(tmp_path / "events.parquet")
    assert written[0] == {
        "text": "Ice fills the mill of Toronto's bay, 5 km wide. It melts.",
        "month": "2019-11",
        "region": "CAN",
        "date": "2019-11-03",
        "category": "Disasters and accidents",
        "topic": "Flooding of the mill",
        "how": "text",
        "page": "Portal:Current events/2019 November 3",
        "revision": 103,
    }
    assert [(row["region"], row["how"]) for row in written[1:]] == [
        ("CAN", "text"), ("PER", "text"), ("NOR", "text"), ("KEN", "topic"), ("AUS", "text"),
        (None, None), (None, None),
    ]  # fmt: skip
    assert (report.kept, report.without_region, report.pages) == (8, 2, 3)
    assert report.dropped == {"said before on the page": 1} and report.bullets == 9
    assert report.days_without_page == {"no page": 58}
    told = (tmp_path / "events.ATTRIBUTION.txt").read_text()
    assert "CC BY-SA 4.0" in told and "Portal:Current events/2019 December 31\t131\t" in told and "oldid=103" in told
    assert pq.read_schema(tmp_path / "events.parquet").metadata[b"license"] == b"CC BY-SA 4.0"


def test_the_file_is_a_corpus_that_loads(build: Callable[..., Any], tmp_path: Path) -> None:
    build()
    corpus = load_corpus(tmp_path / "events.parquet", cache_dir=tmp_path / "corpora")
    assert (corpus.report.kept, corpus.report.rejected, corpus.report.missing_region) == (8, 0, 2)


def test_a_second_run_asks_for_nothing_and_writes_the_same_bytes(
    build: Callable[..., Any], wiki: FakeWiki, tmp_path: Path
) -> None:
    build()
    sent = len(wiki.requests)
    report = build(name="again.parquet")
    assert len(wiki.requests) == sent and report.requests == 0
    assert (tmp_path / "again.parquet").read_bytes() == (tmp_path / "events.parquet").read_bytes()
    first, again = ((tmp_path / f"{name}.ATTRIBUTION.txt").read_text() for name in ("events", "again"))
    assert again.replace("again.parquet", "events.parquet") == first


def test_the_agent_names_the_project_and_the_contact(build: Callable[..., Any], wiki: FakeWiki) -> None:
    build(contact="me@example.org")
    assert all(agent.startswith("spacetime-minilm/") and "me@example.org" in agent for agent in wiki.agents)
    assert {asked["maxlag"] for asked in wiki.requests} == {"5"}


def test_months_without_events_are_named(build: Callable[..., Any]) -> None:
    assert build("2019-10", "2020-01").months_without_events == ["2019-10", "2020-01"]


def test_no_event_at_all_is_an_error_that_says_why(build: Callable[..., Any], tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="no event from 2018-01 to 2018-01 .*no page 31"):
        build("2018-01", "2018-01")
    assert not (tmp_path / "events.parquet").exists()


def test_requests_keep_their_distance(build: Callable[..., Any], waits: list[float]) -> None:
    build(pause=500)
    assert len(waits) == 3 and all(400 < wait <= 500 for wait in waits)  # four requests, of less than 100 s each


# --- faults -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "broken, least_wait",
    [
        (fault(429, Retry_After="7"), 7),
        (fault(503), 1),
        (fault(500, b"<html>"), 1),
        (lambda handler: fault(503, Retry_After=email.utils.formatdate(time.time() + 90, usegmt=True))(handler), 80),
        (fault(429, Retry_After="soon"), 1),
        (fault(200, b'{"query": {"pages": [{"ti'), 1),
        (fault(200, json.dumps({"error": {"code": "maxlag", "info": "lagged"}}).encode(), Retry_After="5"), 5),
        (cut_off, 1),
    ],
    ids=["429", "503", "500", "503-date", "429-odd", "half-json", "maxlag", "cut-off"],
)  # fmt: skip
def test_a_request_that_fails_is_sent_again_after_a_wait(
    broken: Callable[..., bool], least_wait: float, build: Callable[..., Any], wiki: FakeWiki, waits: list[float]
) -> None:
    wiki.faults = [fine, broken]  # the first text is hit
    assert build().kept == 8
    assert len(wiki.requests) == 5 and len(waits) == 1 and waits[0] >= least_wait


@pytest.mark.parametrize("slow", [silent, drip])
def test_a_server_too_slow_to_answer_is_left_after_the_time_limit(
    slow: Callable[..., bool], build: Callable[..., Any], wiki: FakeWiki
) -> None:
    wiki.faults = [slow]
    with pytest.raises(ConnectionError, match="timed out|took more than 2 s"):
        build(timeout=0.2, tries=1)
    assert build().kept == 8


def test_an_answer_without_measure_is_refused(
    build: Callable[..., Any], wiki: FakeWiki, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fetching, "_MOST_BYTES", 100)
    with pytest.raises(ValueError, match="more than 100 bytes"):
        build()


def test_waits_grow_and_giving_up_says_where_the_pages_are(
    build: Callable[..., Any], wiki: FakeWiki, waits: list[float], tmp_path: Path
) -> None:
    wiki.faults = [fault(502)] * 9
    with pytest.raises(ConnectionError, match=r"could not be reached .*502.*try 4 of 4.*kept in .*cache") as error:
        build(tries=4)
    assert waits == [1, 2, 4] and "\n" not in str(error.value)


def test_a_server_that_asks_for_hours_is_left_alone(
    build: Callable[..., Any], wiki: FakeWiki, waits: list[float]
) -> None:
    wiki.faults = [fault(429, Retry_After="7200")]
    with pytest.raises(ConnectionError, match="asks to wait 7200 s"):
        build()
    assert waits == []


@pytest.mark.parametrize(
    "broken, message",
    [
        (fault(403), "403 Forbidden; give --contact"),
        (fault(404), "404 Not Found"),
        (fault(200, b"<html>hello</html>"), "no JSON; check the address"),
        (fault(200, b"[]"), "does not answer as MediaWiki's API does"),
        (fault(200, b'{"batchcomplete": true}'), "does not answer as MediaWiki's API does"),
        (fault(200, b'{"query": {"pages": {"7": {}}}}'), "does not answer as MediaWiki's API does"),
        (fault(200, b'{"query": {"pages": []}}'), "did not say whether it has"),
        (fault(200, b'{"error": {"code": "badvalue", "info": "no such thing"}}'), "badvalue: no such thing"),
    ],
    ids=["403", "404", "html", "list", "no-query", "other-format", "nothing", "error"],
)
def test_a_refusal_or_another_service_is_not_asked_again(
    broken: Callable[..., bool], message: str, build: Callable[..., Any], wiki: FakeWiki
) -> None:
    wiki.faults = [broken]
    with pytest.raises(ValueError, match=message):
        build()
    assert len(wiki.requests) == 1


def test_a_stop_in_the_middle_goes_on_without_fetching_twice(
    build: Callable[..., Any], wiki: FakeWiki, tmp_path: Path
) -> None:
    wiki.faults = [fine, fine, fault(503), fault(503)]  # November is done when the server goes down
    with pytest.raises(ConnectionError):
        build(tries=2)
    wiki.faults = []
    assert build().kept == 8
    assert sorted(wiki.texts_asked()) == ["103", "104", "131"]


def test_a_stop_between_the_parts_of_an_answer_keeps_the_first(build: Callable[..., Any], wiki: FakeWiki) -> None:
    wiki.parts = 2
    wiki.faults = [fine, fine, fault(503)]
    with pytest.raises(ConnectionError):
        build(tries=1)
    wiki.parts, wiki.faults, already = 1, [], len(wiki.requests)
    assert build().kept == 8
    assert [asked["revids"] for asked in wiki.requests[already:] if "revids" in asked] == ["104", "131"]


def test_an_answer_in_parts_is_read_to_its_end(build: Callable[..., Any], wiki: FakeWiki) -> None:
    wiki.parts = 3
    assert build().kept == 8


def test_a_damaged_page_on_disk_is_fetched_again(build: Callable[..., Any], wiki: FakeWiki, tmp_path: Path) -> None:
    build()
    (page,) = (tmp_path / "cache").rglob("103.json")
    page.write_text(page.read_text()[:40])
    assert build().kept == 8 and sorted(wiki.texts_asked()) == ["103", "103", "104", "131"]


def test_refresh_fetches_only_what_was_edited(build: Callable[..., Any], wiki: FakeWiki, tmp_path: Path) -> None:
    build()
    wiki.add("2019-11-04", "* The page has one new event now.\n", 204)
    assert build().kept == 8
    assert build(refresh=True).kept == 7
    assert sorted(wiki.texts_asked()) == ["103", "104", "131", "204"]


def test_a_renamed_page_is_followed_and_one_page_for_several_days_is_nobodys(
    build: Callable[..., Any], wiki: FakeWiki
) -> None:
    title = {day: page_title(datetime.date(2019, 11, day)) for day in (4, 5, 6, 7)}
    wiki.redirects = {title[4]: "Portal:Moved", title[6]: "Portal:Month", title[7]: "Portal:Month"}
    wiki.pages["Portal:Moved"] = wiki.pages.pop(title[4])
    wiki.pages["Portal:Month"] = (999, "* All the events of a month stand here.\n")
    report = build()
    assert report.kept == 8
    assert report.days_without_page == {"no page": 56, "redirect to a page of other days": 2}


def test_an_address_that_moved_is_followed(build: Callable[..., Any], wiki: FakeWiki) -> None:
    wiki.faults = [lambda handler: send(handler, 301, b"", Location=handler.path)]
    assert build().kept == 8


def test_redirects_without_end_are_an_error(build: Callable[..., Any], wiki: FakeWiki) -> None:
    wiki.faults = [lambda handler: send(handler, 302, b"", Location=handler.path)] * 50
    with pytest.raises(ValueError, match="redirects without end"):
        build()


def test_a_hidden_text_is_a_day_without_page(build: Callable[..., Any], wiki: FakeWiki) -> None:
    answer = {"query": {"badrevids": {"104": {"revid": 104, "missing": True}}, "pages": [
        {"title": "x", "revisions": [{"revid": 103, "slots": {"main": {"texthidden": True}}}]}]}}  # fmt: skip
    wiki.faults = [fine, fault(200, json.dumps(answer).encode())]
    assert build().days_without_page == {"no page": 58, "text is hidden or deleted": 2}


def test_a_text_that_is_left_out_without_a_reason_is_an_error(build: Callable[..., Any], wiki: FakeWiki) -> None:
    wiki.faults = [fine, fault(200, b'{"query": {"pages": []}}')]
    with pytest.raises(ValueError, match="left out revision 103 without a reason"):
        build()


def test_a_month_that_was_not_over_is_listed_again_on_another_day(wiki: FakeWiki, tmp_path: Path) -> None:
    def pages(today: str, **options: Any) -> int:
        day = datetime.date.fromisoformat(today)
        return len(Wiki(tmp_path, wiki.api, pause=0, today=day, **options).month("2019-11").pages)

    assert pages("2019-11-05") == 2
    wiki.add("2019-11-06", "* A page is written on the sixth day.\n", 106)
    assert pages("2019-11-05") == 2
    assert pages("2019-12-01") == 3
    wiki.add("2019-11-07", "* A page is written very late in time.\n", 107)
    assert pages("2020-01-01") == 3
    assert wiki.texts_asked() == ["103", "104", "106"]


def test_a_month_has_its_days() -> None:
    assert [len(days_of(month)) for month in ("2019-11", "2019-12", "2020-02", "2021-02")] == [30, 31, 29, 28]


# --- options and the command --------------------------------------------------------------------------


@pytest.mark.parametrize(
    "options, message",
    [
        ({"first": "2019-12", "last": "2019-11"}, "2019-11"),
        ({"first": "2019-13"}, "2019-13"),
        ({"last": "9999-01"}, "future"),
        ({"name": "events.csv"}, "must end in .parquet"),
        ({"api": "en.wikipedia.org"}, "no address"),
        ({"contact": "me\r\nX-Evil: 1"}, "on one line"),
        ({"tries": 0}, "tries=0"),
        ({"pause": -1}, "pause=-1"),
        ({"timeout": 0}, "timeout=0"),
    ],
)
def test_a_wrong_option_is_named_before_anything_is_fetched(
    options: dict[str, Any], message: str, build: Callable[..., Any], wiki: FakeWiki
) -> None:
    with pytest.raises(ValueError, match=message):
        build(**options)
    assert wiki.requests == []


def test_the_command_builds_and_reports(wiki: FakeWiki, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    output = tmp_path / "events.parquet"
    command = f"--from 2019-11 --to 2019-12 --output {output} --api {wiki.api} --pause 0"
    assert main([*command.split(), "--cache-dir", str(tmp_path / "cache")]) == 0
    printed = capsys.readouterr().out
    assert "8 rows of 3 pages (4 requests sent)" in printed
    assert "region: text 5, topic 1, missing 2" in printed and "said before on the page 1" in printed
    assert len(rows(output)) == 8


def test_without_a_network_the_command_says_so_in_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    command = "--from 2019-11 --to 2019-12 --tries 1 --api http://127.0.0.1:9/w/api.php"
    assert main([*command.split(), "--cache-dir", str(tmp_path), "--output", str(tmp_path / "x.parquet")]) == 2
    told = capsys.readouterr().err
    assert told.count("\n") == 1 and "http://127.0.0.1:9/w/api.php could not be reached" in told
    assert "kept in" in told and not (tmp_path / "x.parquet").exists()
