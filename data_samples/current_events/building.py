"""The corpus as a Parquet file, the attribution beside it, and a count of every bullet."""

import datetime
import os
import sys
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from tqdm import tqdm

from data_samples.current_events.extracting import extract_events
from data_samples.current_events.fetching import API, DayPage, Wiki
from data_samples.current_events.placing import place_event
from spacetime.folders import replaced, write_text
from spacetime.months import MonthRange

__all__ = ["CurrentEventsReport", "build_current_events"]

_LICENCE = "CC BY-SA 4.0"
_LICENCE_ADDRESS = "https://creativecommons.org/licenses/by-sa/4.0/"


@dataclass
class CurrentEventsReport:
    """What a run found, kept and left out.

    Attributes
    ----------
    output, attribution : str
        The two files.
    bullets : int
        ``kept`` and all of `dropped`.
    kept, without_region : int
        Rows in the file; those of them that have no region.
    dropped : dict of str to int
        Bullets and lines that are no rows, by reason.
    by_how, by_region : dict of str to int
        Rows whose region is the text's or the topic's; rows of each region, by falling count.
    pages : int
        Pages that were read.
    days_without_page : dict of str to int
        Days that have none, by reason.
    months_without_events : list of str
    requests : int
        Requests that were sent; what is on disk needs none.
    """

    output: str
    attribution: str
    bullets: int = 0
    kept: int = 0
    without_region: int = 0
    dropped: dict[str, int] = field(default_factory=dict)
    by_how: dict[str, int] = field(default_factory=dict)
    by_region: dict[str, int] = field(default_factory=dict)
    pages: int = 0
    days_without_page: dict[str, int] = field(default_factory=dict)
    months_without_events: list[str] = field(default_factory=list)
    requests: int = 0

    def to_dict(self) -> dict[str, Any]:
        """Return the report as plain values that JSON can hold."""
        return asdict(self)

    def __str__(self) -> str:
        lines = [
            f"{self.output}: {self.kept:,} rows of {self.pages:,} pages ({self.requests:,} requests sent)",
            f"region: {_counted(self.by_how)}, missing {self.without_region:,}",
            f"regions ({len(self.by_region)}): {_counted(dict(list(self.by_region.items())[:20]))}",
            f"left out of {self.bullets:,} bullets: {_counted(self.dropped)}",
            f"days without a page: {_counted(self.days_without_page)}",
        ]
        if self.months_without_events:
            lines.append(f"months without events: {', '.join(self.months_without_events)}")
        return "\n".join([*lines, f"{self.attribution}: pass it on with the file, as {_LICENCE} asks"])


def build_current_events(
    first: str,
    last: str,
    output: str | os.PathLike[str],
    *,
    api: str = API,
    contact: str | None = None,
    cache_dir: str | os.PathLike[str] | None = None,
    pause: float = 1.0,
    timeout: float = 30.0,
    tries: int = 5,
    refresh: bool = False,
    show_progress: bool | None = None,
    sleep: Callable[[float], None] = time.sleep,
) -> CurrentEventsReport:
    """Fetch the day pages of Wikipedia's Current Events and write their events as a corpus.

    Parameters
    ----------
    first, last : str
        The first and the last month, ``2017-01`` and ``2021-12``; both are in.
    output : str or path
        A ``.parquet`` file. Its columns: text, month, region, date, category, topic, how, page, revision. Beside it
        ``<name>.ATTRIBUTION.txt`` names the licence and every page and revision.
    api : str
        Address of a wiki's ``api.php``.
    contact : str, optional
        An e-mail address or a page for the user agent, as Wikimedia asks of tools.
    cache_dir : str or path, optional
        Default: the environment variable ``SPACETIME_CACHE``, or ``~/.cache/spacetime``.
    pause, timeout, tries, refresh, sleep
        See :class:`~data_samples.current_events.fetching.Wiki`.
    show_progress : bool, optional
        Default: only when stderr is a terminal.

    Returns
    -------
    CurrentEventsReport

    Raises
    ------
    ValueError
        For months that are none or in the future, an output that is no .parquet, or a wiki that refuses or has no
        event in these months.
    ConnectionError
        If the wiki cannot be reached; the pages that were fetched are kept.

    Notes
    -----
    The region's rule is :mod:`~data_samples.current_events.placing`'s. The same pages give the same files to the
    byte, with the same version of pyarrow.
    """
    output = Path(output)
    if output.suffix != ".parquet":
        raise ValueError(f"output {output} must end in .parquet")
    months = list(MonthRange(first, last))
    this_month = datetime.datetime.now(datetime.UTC).strftime("%Y-%m")
    if months[-1] > this_month:
        raise ValueError(f"month {months[-1]!r} lies in the future; the last can be {this_month}")
    attribution = output.with_suffix(".ATTRIBUTION.txt")
    folder = Path(cache_dir or os.environ.get("SPACETIME_CACHE") or Path.home() / ".cache" / "spacetime")
    wiki = Wiki(
        folder / "current_events",
        api,
        contact=contact,
        pause=pause,
        timeout=timeout,
        tries=tries,
        refresh=refresh,
        sleep=sleep,
    )
    report = CurrentEventsReport(str(output), str(attribution))
    rows: list[dict[str, Any]] = []
    pages: list[DayPage] = []
    dropped: Counter[str] = Counter()
    without: Counter[str] = Counter()
    silent = not (sys.stderr.isatty() if show_progress is None else show_progress)
    for month in tqdm(months, desc="months", disable=silent):
        of_month, before = wiki.month(month), len(rows)
        without.update(of_month.without.values())
        for day, page in sorted(of_month.pages.items()):
            pages.append(page)
            events, left_out = extract_events(page.wikitext)
            dropped.update(left_out)
            for event in events:
                region, how = place_event(event.text, event.topics)
                rows.append(
                    {
                        "text": event.text,
                        "month": month,
                        "region": region,
                        "date": day.isoformat(),
                        "category": event.category,
                        "topic": event.topics[0] if event.topics else None,
                        "how": how,
                        "page": page.title,
                        "revision": page.revision,
                    }
                )
        if len(rows) == before:
            report.months_without_events.append(month)
    report.kept, report.pages, report.requests = len(rows), len(pages), wiki.fetched
    report.bullets = len(rows) + dropped.total()
    report.dropped, report.days_without_page = _by_count(dropped), _by_count(without)
    report.by_how = _by_count(Counter(row["how"] for row in rows if row["how"] is not None))
    report.by_region = _by_count(Counter(row["region"] for row in rows if row["region"] is not None))
    report.without_region = sum(row["region"] is None for row in rows)
    if not rows:
        raise ValueError(
            f"{api} has no event from {months[0]} to {months[-1]} ({len(pages):,} pages read; days without a page: "
            f"{_counted(report.days_without_page)}); check the months and the address"
        )
    output.parent.mkdir(parents=True, exist_ok=True)
    _write_parquet(output, rows, api)
    write_text(attribution, _attribution(report, pages, months, api))
    return report


def _write_parquet(output: Path, rows: list[dict[str, Any]], api: str) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    fields = [(name, pa.int64() if name == "revision" else pa.string()) for name in rows[0]]
    told = {"license": _LICENCE, "license_url": _LICENCE_ADDRESS, "source": api}
    with replaced(output) as stream:
        pq.write_table(pa.Table.from_pylist(rows, schema=pa.schema(fields, metadata=told)), stream)


def _attribution(report: CurrentEventsReport, pages: list[DayPage], months: list[str], api: str) -> str:
    """What CC BY-SA 4.0 asks for: the authors (by the pages' histories), the licence, and what was changed."""
    wiki = urlsplit(api)
    site = f"{wiki.scheme}://{wiki.netloc}{wiki.path.removesuffix('api.php')}"
    fetched = sorted({page.fetched for page in pages})
    lines = [
        f"{Path(report.output).name}: events of {months[0]} to {months[-1]} from {wiki.netloc}'s Current Events pages",
        "",
        f"Text by the contributors of {wiki.netloc}; each page's history names them.",
        f"Licence: {_LICENCE}, {_LICENCE_ADDRESS} (what is made from it must keep this licence and this notice).",
        f"Source: {api}",
        f"Fetched: {fetched[0]}" + (f" to {fetched[-1]}" if len(fetched) > 1 else ""),
        "Changes: markup, sources and pictures were removed; bullets became rows; the region was given by rule.",
        f"Rows: {report.kept:,} kept, {report.without_region:,} of them without a region; left out: "
        f"{_counted(report.dropped)}. Days without a page: {_counted(report.days_without_page)}.",
        "",
        f"Pages ({len(pages):,}): title, revision, saved, fetched, address",
    ]
    for page in pages:
        address = f"{site}index.php?oldid={page.revision}"
        lines.append(f"{page.title}\t{page.revision}\t{page.timestamp}\t{page.fetched}\t{address}")
    return "\n".join(lines) + "\n"


def _by_count(counts: Counter[str]) -> dict[str, int]:
    return dict(sorted(counts.items(), key=lambda pair: (-pair[1], pair[0])))


def _counted(counts: dict[str, int]) -> str:
    return ", ".join(f"{name} {count:,}" for name, count in counts.items()) or "none"
