"""Day pages of Wikipedia's Current Events over MediaWiki's public API, kept on disk by revision.

A month is asked for in two requests: which revision each day's page has, and the text of those that are not on disk
yet. A revision never changes, so it is never fetched twice; a month's list of revisions is written when all of its
texts are there, so a stop in the middle loses no more than that list.

Manners (https://www.mediawiki.org/wiki/API:Etiquette): one request at a time with a pause between, a user agent that
names this project and whom to write to, ``maxlag`` so that a busy server may refuse, and waits that grow, or that the
server asks for with ``Retry-After``, before a request is tried again.
"""

import contextlib
import datetime
import email.utils
import hashlib
import json
import re
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import httpx

from spacetime import __version__
from spacetime.folders import write_text

__all__ = ["API", "DayPage", "MonthOfPages", "Wiki", "days_of", "page_title"]

API = "https://en.wikipedia.org/w/api.php"

_MAX_LAG = 5  # seconds that the site's slowest copy may be behind, as its etiquette asks of tools
_FIRST_WAIT, _LONGEST_WAIT = 1.0, 60.0  # seconds before a new try, doubled each time
_LONGEST_ASKED_WAIT = 600.0  # a server that asks for more is left alone
_MOST_BYTES = 64_000_000  # a month's pages are under a thousandth of this
_MOST_PARTS = 100  # of one answer that the server cuts in parts
_BUSY = {"maxlag", "ratelimited", "readonly", "internal_api_error_DBQueryError"}
_MONTHS = (
    "January", "February", "March", "April", "May", "June", "July", "August", "September", "October", "November",
    "December",
)  # fmt: skip


@dataclass(frozen=True)
class DayPage:
    """One revision of a day's page.

    Attributes
    ----------
    revision : int
        The revision's number at its wiki, from which a permanent address is made.
    title : str
        The page's, after redirects.
    timestamp : str
        When the revision was saved, as the API gives it.
    fetched : str
        The day on which it was fetched, YYYY-MM-DD.
    wikitext : str
    """

    revision: int
    title: str
    timestamp: str
    fetched: str
    wikitext: str


@dataclass(frozen=True)
class MonthOfPages:
    """A month's pages by day, and the reason for each day that has none."""

    pages: dict[datetime.date, DayPage]
    without: dict[datetime.date, str]


class _TryAgain(Exception):
    """A request that may go well later; `wait` is what the server asked for, in seconds."""

    def __init__(self, reason: str, wait: float | None = None) -> None:
        super().__init__(reason)
        self.wait = wait


class Wiki:
    """A wiki's day pages, from disk or from its API.

    Parameters
    ----------
    folder : path
        Where pages are kept.
    api : str
        Address of its ``api.php``.
    contact : str, optional
        An e-mail address or a page, for the user agent; Wikimedia asks tools for one.
    pause : float
        Least seconds between two requests.
    timeout : float
        Seconds to wait for a connection and for each part of an answer; a whole answer may take ten times as long.
    tries : int
        How often a request is sent before giving up.
    refresh : bool
        Ask anew which revision each page has, also for months that are on disk.
    sleep, today
        For tests: how to wait, and the day it is.

    Notes
    -----
    `fetched` counts the requests that were sent, `from_disk` the months that needed none.
    """

    def __init__(
        self,
        folder: Path,
        api: str = API,
        *,
        contact: str | None = None,
        pause: float = 1.0,
        timeout: float = 30.0,
        tries: int = 5,
        refresh: bool = False,
        sleep: Callable[[float], None] = time.sleep,
        today: datetime.date | None = None,
    ) -> None:
        if not re.match(r"https?://[^/\s]+", api):
            raise ValueError(f"api {api!r} is no address; write it like {API}")
        if contact is not None and not re.fullmatch(r"[\x20-\x7e]*[\x21-\x7e][\x20-\x7e]*", contact):
            raise ValueError(f"contact {contact!r} must be an e-mail address or a page, in ASCII letters on one line")
        if pause < 0 or timeout <= 0 or tries < 1:
            raise ValueError(
                f"pause={pause} must be 0 or more, timeout={timeout} more than 0, tries={tries} at least 1"
            )
        self.api = api
        self.fetched = self.from_disk = 0
        host = re.sub(r"[^\w.-]", "_", api.split("/")[2])
        self.folder = Path(folder) / f"{host}-{hashlib.sha256(api.encode()).hexdigest()[:8]}"
        self._agent = f"spacetime-minilm/{__version__} (corpus builder{f'; {contact}' if contact else ''})"
        self._pause, self._timeout, self._tries, self._refresh, self._sleep = pause, timeout, tries, refresh, sleep
        self._today = today or datetime.datetime.now(datetime.UTC).date()
        self._next_request = 0.0

    def month(self, month: str) -> MonthOfPages:
        """Return the pages of a month such as ``2019-11``, fetching what is not on disk.

        Raises
        ------
        ConnectionError
            If the wiki cannot be reached, or stays busy, after all tries.
        ValueError
            If it refuses, or answers with something else than MediaWiki's API does.
        """
        index = self.folder / "months" / f"{month}.json"
        listed = None if self._refresh else _read(index)
        if listed is not None and not self._is_settled(month, str(listed["fetched"])):
            listed = None
        kept = None if listed is None else self._kept(listed)
        if kept is not None:
            self.from_disk += 1
            return kept
        try:
            listed = {"fetched": self._today.isoformat(), "days": self._ask_revisions(month)}
            wanted = [of_day["revision"] for of_day in listed["days"].values() if "revision" in of_day]
            hidden = self._fetch([revision for revision in wanted if self._revision(revision) is None])
        except (AttributeError, KeyError, TypeError) as error:
            raise ValueError(f"{self.api} does not answer as MediaWiki's API does: {error!r}") from None
        for day, of_day in listed["days"].items():
            if of_day.get("revision") in hidden:
                listed["days"][day] = {"without": "text is hidden or deleted"}
        _write(index, listed)
        kept = self._kept(listed)
        if kept is None:
            raise OSError(f"{self.folder} does not keep what is written to it; is the disk full?")
        return kept

    def _is_settled(self, month: str, fetched: str) -> bool:
        """Say whether a month was over when it was listed, or has been listed today."""
        after = days_of(month)[-1] + datetime.timedelta(days=1)
        return fetched >= after.isoformat() or fetched == self._today.isoformat()

    def _kept(self, listed: dict[str, Any]) -> MonthOfPages | None:
        """A month from disk, None where a page of it is missing."""
        pages, without = {}, {}
        for text, of_day in listed["days"].items():
            day = datetime.date.fromisoformat(text)
            if "without" in of_day:
                without[day] = of_day["without"]
                continue
            page = self._revision(of_day["revision"])
            if page is None:
                return None
            pages[day] = page
        return MonthOfPages(pages, without)

    def _revision_path(self, revision: int) -> Path:
        return self.folder / "revisions" / str(revision % 100).zfill(2) / f"{revision}.json"

    def _revision(self, revision: int) -> DayPage | None:
        values = _read(self._revision_path(revision))
        return None if values is None else DayPage(**values)

    def _ask_revisions(self, month: str) -> dict[str, dict[str, Any]]:
        """Which revision each day's page has, or why it has none."""
        titles = {day.isoformat(): page_title(day) for day in days_of(month)}
        revisions: dict[str, int] = {}
        leads_to: dict[str, str] = {}
        known_missing = set()
        for query in self._query(titles="|".join(titles.values()), redirects="1", rvprop="ids", prop="revisions"):
            for renamed in query.get("normalized", []) + query.get("redirects", []):
                leads_to[renamed["from"]] = renamed["to"]
            for page in query.get("pages", []):
                if page.get("missing") or page.get("invalid"):
                    known_missing.add(page["title"])
                for revision in page.get("revisions", []):
                    revisions[page["title"]] = int(revision["revid"])
        final = {day: _followed(title, leads_to) for day, title in titles.items()}
        days: dict[str, dict[str, Any]] = {}
        for day, title in final.items():
            others = [other for other in final if final[other] == title]
            if title not in revisions:
                if title not in known_missing:
                    raise ValueError(f"{self.api} did not say whether it has {title!r}; run the command again later")
                days[day] = {"without": "no page"}
            elif len(others) > 1 and titles[day] != title:  # one page for several days tells no day's events
                days[day] = {"without": "redirect to a page of other days"}
            else:
                days[day] = {"revision": revisions[title]}
        return days

    def _fetch(self, wanted: list[int]) -> set[int]:
        """Fetch revisions to disk; return those whose text nobody may see."""
        if not wanted:
            return set()
        found, hidden = set(), set()
        ids = "|".join(str(revision) for revision in wanted)
        for query in self._query(revids=ids, prop="revisions", rvprop="ids|timestamp|content", rvslots="main"):
            hidden |= {int(revision) for revision in query.get("badrevids", {})}
            for page in query.get("pages", []):
                for revision in page.get("revisions", []):
                    number = int(revision["revid"])
                    main = revision.get("slots", {}).get("main", {})
                    if "content" not in main:
                        hidden |= {number} if main.get("texthidden") or main.get("missing") else set()
                        continue
                    found.add(number)
                    kept = DayPage(
                        number, page["title"], revision["timestamp"], self._today.isoformat(), main["content"]
                    )
                    _write(self._revision_path(number), asdict(kept))
        if missing := set(wanted) - found - hidden:
            raise ValueError(
                f"{self.api} left out revision {min(missing)} without a reason; run the command again later"
            )
        return hidden

    def _query(self, **what: str) -> Iterator[dict[str, Any]]:
        """Ask; an answer that comes in parts is asked for to its end."""
        asked = {"action": "query", "format": "json", "formatversion": "2", "maxlag": str(_MAX_LAG), **what}
        going_on: dict[str, str] = {}
        for _ in range(_MOST_PARTS):
            answer = self._answer(asked | going_on)
            if not isinstance(answer.get("query"), dict):
                raise ValueError(f"{self.api} does not answer as MediaWiki's API does; check the address")
            yield answer["query"]
            if "continue" not in answer:
                return
            going_on = {name: str(value) for name, value in answer["continue"].items()}
        raise ValueError(f"{self.api} gave {_MOST_PARTS} parts of one answer and no end")

    def _answer(self, asked: dict[str, str]) -> dict[str, Any]:
        wait = _FIRST_WAIT
        for one_try in range(1, self._tries + 1):
            self._sleep(max(0.0, self._next_request - time.monotonic()))
            self._next_request = time.monotonic() + self._pause
            self.fetched += 1
            try:
                return self._ask_once(asked)
            except _TryAgain as error:
                asked_wait = error.wait or 0.0
                if one_try == self._tries or asked_wait > _LONGEST_ASKED_WAIT:
                    later = f"; it asks to wait {asked_wait:.0f} s" if asked_wait > _LONGEST_ASKED_WAIT else ""
                    raise ConnectionError(
                        f"{self.api} could not be reached ({error}, try {one_try} of {self._tries}{later}); "
                        f"what was fetched is kept in {self.folder}: the same command goes on from there"
                    ) from None
                self._sleep(max(wait, asked_wait))
                wait = min(2 * wait, _LONGEST_WAIT)
        raise AssertionError  # the last try returns or raises

    def _ask_once(self, asked: dict[str, str]) -> dict[str, Any]:
        deadline = time.monotonic() + 10 * self._timeout
        body = bytearray()
        try:
            with httpx.stream(
                "GET",
                self.api,
                params=asked,
                headers={"User-Agent": self._agent, "Accept": "application/json"},
                timeout=self._timeout,
                follow_redirects=True,
            ) as response:
                for part in response.iter_bytes():
                    body += part
                    if len(body) > _MOST_BYTES:
                        raise ValueError(f"{self.api} answers with more than {_MOST_BYTES:,} bytes; check the address")
                    if time.monotonic() > deadline:
                        raise _TryAgain(f"the answer took more than {10 * self._timeout:.0f} s")
        except httpx.TooManyRedirects:
            raise ValueError(f"{self.api} redirects without end; check the address") from None
        except httpx.TransportError as error:
            raise _TryAgain(" ".join(str(error).split()) or type(error).__name__) from None
        asked_wait = _retry_after(response.headers.get("Retry-After"))
        status = f"{response.status_code} {response.reason_phrase}".strip()
        if response.status_code == 429 or response.status_code >= 500:
            raise _TryAgain(f"it answered {status}", asked_wait)
        if response.status_code >= 400:
            why = "; give --contact, as Wikimedia asks of tools" if response.status_code == 403 else ""
            raise ValueError(f"{self.api} refused: {status}{why}")
        try:
            answer = json.loads(body)
        except (UnicodeDecodeError, json.JSONDecodeError):
            if not body.lstrip().startswith((b"{", b"[")):
                raise ValueError(f"{self.api} answers with no JSON; check the address") from None
            raise _TryAgain("the answer was cut short", asked_wait) from None
        if not isinstance(answer, dict):
            raise ValueError(f"{self.api} does not answer as MediaWiki's API does; check the address")
        if "error" in answer:
            code, told = answer["error"].get("code", ""), answer["error"].get("info", "")
            if code in _BUSY:
                raise _TryAgain(f"it is busy: {code}", asked_wait)
            raise ValueError(f"{self.api} refused: {code}: {told}")
        return answer


def page_title(day: datetime.date) -> str:
    """Return the title of a day's page.

    Examples
    --------
    >>> page_title(datetime.date(2019, 11, 3))
    'Portal:Current events/2019 November 3'
    """
    return f"Portal:Current events/{day.year} {_MONTHS[day.month - 1]} {day.day}"


def days_of(month: str) -> list[datetime.date]:
    """Return the days of a month such as ``2019-11``."""
    day = datetime.date.fromisoformat(f"{month}-01")
    days = (day + datetime.timedelta(days=number) for number in range(31))
    return [one for one in days if one.month == day.month]


def _followed(title: str, leads_to: dict[str, str]) -> str:
    for _ in range(len(leads_to)):  # a ring of redirects ends too
        title = leads_to.get(title, title)
    return title


def _retry_after(value: str | None) -> float | None:
    """Seconds that a ``Retry-After`` header asks for, which gives them as a number or as a date."""
    if value is None:
        return None
    with contextlib.suppress(ValueError):
        return max(0.0, float(int(value)))
    with contextlib.suppress(ValueError, TypeError):
        then = email.utils.parsedate_to_datetime(value)
        return max(0.0, (then - datetime.datetime.now(datetime.UTC)).total_seconds())
    return None


def _read(path: Path) -> dict[str, Any] | None:
    """A kept file; None where there is none, or none that can be read."""
    try:
        values = json.loads(path.read_text(encoding="utf-8"))
    except (FileNotFoundError, UnicodeDecodeError, json.JSONDecodeError):
        return None
    return values if isinstance(values, dict) else None


def _write(path: Path, values: dict[str, Any]) -> None:
    """Write a file whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    write_text(path, json.dumps(values, ensure_ascii=False))
