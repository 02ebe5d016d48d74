"""Events out of the wikitext of a Current Events page.

The pages' form changed over the years. Told apart are:

- a category: ``;Category``, a line that is bold as a whole, or a heading (one that is only the date is none);
- a topic: a bullet above deeper ones that is no sentence of its own (nothing but links, or no full stop; no source), or
  the links before the colon in ``*[[Topic]]: Sentence.``;
- an event: any other bullet, with all of its sentences, as they speak of one thing.

Markup goes, and so do the sources: footnotes, addresses, and links or names in brackets behind the last sentence. A
link inside a sentence leaves its words. mwparserfromhell reads the markup of a line; the lines themselves are read
here, as it makes no tree of bullets.
"""

import re
from collections import Counter
from dataclasses import dataclass

import mwparserfromhell
from mwparserfromhell.nodes import ExternalLink, HTMLEntity, Node, Tag, Template, Text, Wikilink
from mwparserfromhell.wikicode import Wikicode

__all__ = ["Event", "extract_events"]

_LEAST_WORDS = 4
_MOST_JOINED_LINES = 20  # of a template that runs over several

_COMMENT = re.compile(r"<!--.*?(?:-->|\Z)", re.DOTALL)
_FOOTNOTE = re.compile(r"<ref\b[^>]*?/>|<ref\b.*?</ref\s*>", re.DOTALL | re.IGNORECASE)
_HEADING = re.compile(r"(={1,6})\s*(.+?)\s*\1\s*$")
_BOLD_LINE = re.compile(r"'''(.+?)'''\s*:?\s*$")
_BULLET = re.compile(r"([*#:]*[*#][*#:]*)\s*(.*)$", re.DOTALL)
_DATE = re.compile(
    r"(January|February|March|April|May|June|July|August|September|October|November|December)\s+\d{1,2}\b"
)
_NO_TEXT_LINE = re.compile(r"\s*($|[{|}!<]|__|\[\[(Category|File|Image):)", re.IGNORECASE)
_ENDS_A_SENTENCE = re.compile(r"[.!?…][\"'”’)\]]*$")

# A link with words, until it is known whether they are a source's or the sentence's.
_OPEN, _CLOSE = "\ue000", "\ue001"
_LINK = rf"{_OPEN}[^{_OPEN}{_CLOSE}]*{_CLOSE}"
_LINK_IN_BRACKETS = re.compile(rf"\((?:[^(){_OPEN}]*{_LINK})+[^()]*\)|{_OPEN}\s*\([^{_CLOSE}]*\)\s*{_CLOSE}")
_LINKS_AFTER_THE_END = re.compile(rf"(?<=[.!?…\"”’])[\s,;]*(?:{_LINK}[\s,;.]*)+$")
_LINKS_FOR_AN_END = re.compile(rf"(?:[\s,;]*{_LINK})+\s*$")
_NAMES_IN_BRACKETS = re.compile(r"(?<=[.!?…\"”’])(?:[\s,]*\([^()]{1,80}(?<![.!?])\))+[\s,]*$")

_NOT_SHOWN = {"ref", "gallery", "math", "s", "del", "strike", "references", "templatestyles", "imagemap", "timeline"}
_SILENT = {
    "anchor", "better source needed", "by whom", "citation", "citation needed", "clarify", "cn", "dead link", "efn",
    "fact", "failed verification", "flagdeco", "flagicon", "paywall", "refn", "registration required", "sfn",
    "subscription required", "update", "update inline", "verify source", "webarchive", "when", "which", "who",
}  # fmt: skip
_MARKS = {
    "nbsp": " ", "snd": " – ", "spaced ndash": " – ", "spaced en dash": " – ", "ndash": "–", "en dash": "–",
    "mdash": "—", "em dash": "—", "'": "'", "!": "|", "sic": "[sic]",
}  # fmt: skip
_SHOW_FIRST = {
    "abbr", "big", "em", "flag", "flagcountry", "flagu", "ill", "illm", "interlanguage link", "nobold", "nobr",
    "noitalic", "nowrap", "proper name", "small", "strong", "tooltip", "visible anchor",
}  # fmt: skip
_SHOW_LAST = {"color", "lang", "transl", "transliteration"}
_SHIPS = {"hmas", "hmcs", "hmnzs", "hms", "ins", "mv", "ms", "rfa", "rms", "rv", "ss", "uscgc", "usns", "uss"}
_MONEY = {
    "a$": "A$", "au$": "A$", "c$": "C$", "ca$": "C$", "gbp": "£", "£": "£", "euro": "€", "€": "€", "inr": "₹",
    "₹": "₹", "hk$": "HK$", "jpy": "¥", "¥": "¥", "nz$": "NZ$", "us$": "US$", "usd": "US$",
}  # fmt: skip
_BETWEEN_NUMBERS = {"-": "–", "–": "–", "to": " to ", "and": " and ", "or": " or ", "x": " x ", "by": " by "}


@dataclass(frozen=True)
class Event:
    """One bullet of a page.

    Attributes
    ----------
    text : str
        Its sentences, without markup and sources.
    category : str or None
        The heading that it stands under ("Law and crime").
    topics : tuple of str
        The topics that it stands under, the nearest first.
    """

    text: str
    category: str | None
    topics: tuple[str, ...]


@dataclass(frozen=True)
class _Words:
    """What is left of a line: its words, the links before a colon, and what was seen on the way."""

    text: str
    topic: str | None
    only_links: bool
    sourced: bool
    unknown: bool  # a template stood in it that nobody here can read


def extract_events(wikitext: str) -> tuple[list[Event], Counter[str]]:
    """Read a day's page.

    Returns
    -------
    (events, dropped)
        The events in order, and how many bullets or lines were left out for which reason.

    Examples
    --------
    >>> page = ";Sport\\n*[[Chess]]\\n**Nobody '''wins''' the final. [http://example.org (Daily)]\\n"
    >>> extract_events(page)[0]
    [Event(text='Nobody wins the final.', category='Sport', topics=('Chess',))]
    """
    events: list[Event] = []
    dropped: Counter[str] = Counter()
    seen: set[str] = set()
    category: str | None = None
    topics: list[tuple[int, str]] = []  # depth and text, the outermost first
    lines = _lines(wikitext)
    for number, line in enumerate(lines):
        if (heading := _heading(line)) is not None:
            category, topics = heading or None, []
            continue
        bullet = _BULLET.match(line)
        if bullet is None:
            if not _NO_TEXT_LINE.match(line) and len(_words(line).text.split()) >= _LEAST_WORDS:
                dropped["outside a bullet"] += 1
            continue
        depth, words = len(bullet[1]), _words(bullet[2])
        following = _BULLET.match(lines[number + 1]) if number + 1 < len(lines) else None
        is_parent = following is not None and len(following[1]) > depth
        while topics and topics[-1][0] >= depth:
            topics.pop()
        ends = bool(_ENDS_A_SENTENCE.search(words.text))
        no_sentence = words.only_links or (not ends and words.topic is None)  # "[[Some Inc.]]" ends with a dot, too
        if is_parent and words.text and no_sentence and not words.sourced:
            topics.append((depth, ": ".join(filter(None, (words.topic, words.text.rstrip(" :"))))))
            continue
        above = [topic for _, topic in reversed(topics)]
        if words.topic is not None:
            above.insert(0, words.topic)
            if is_parent:
                topics.append((depth, words.topic))
        if not words.text:
            if not (is_parent and words.topic is not None):  # "[[Topic]]:" above its bullets has lost nothing
                dropped["empty"] += 1
        elif words.only_links and not words.sourced:
            dropped["topic without a sentence"] += 1
        elif words.unknown:
            dropped["template that is not known"] += 1
        elif len(words.text.split()) < _LEAST_WORDS:
            dropped["fewer than four words"] += 1
        elif words.text in seen:
            dropped["said before on the page"] += 1
        else:
            seen.add(words.text)
            events.append(Event(words.text, category, tuple(above)))
    return events, dropped


def _lines(wikitext: str) -> list[str]:
    """Lines without comments, a template that runs over several put on one; footnotes leave an empty link."""
    text = _FOOTNOTE.sub("[http://footnote]", _COMMENT.sub("", wikitext.replace("\r", "")))
    joined: list[str] = []
    open_templates = runs = 0
    for line in text.split("\n"):
        starts_anew = re.match(r"[*#;=]|'''", line)
        if open_templates > 0 and runs < _MOST_JOINED_LINES and not starts_anew:
            joined[-1] += " " + line.strip()
            runs += 1
        elif line.strip():
            joined.append(line.strip())
            open_templates = runs = 0
        else:
            continue
        # A page's own frame, {{Current events|content=, is no bullet and stays open.
        open_templates = joined[-1].count("{{") - joined[-1].count("}}") if joined[-1][0] in "*#" else 0
    return joined


def _heading(line: str) -> str | None:
    """A category's name, "" for a heading that is only a date, None for no heading."""
    if line.startswith(";"):
        title = line[1:]
    elif match := _HEADING.match(line):
        title = match[2]
    elif match := _BOLD_LINE.match(line):
        title = match[1]
    else:
        return None
    name = _words(title, is_title=True).text.rstrip(" :")
    return "" if _DATE.search(name) else name


def _words(wikitext: str, is_title: bool = False) -> _Words:
    if wikitext.count("}}") > wikitext.count("{{"):  # the end of the page's frame, on the last bullet's line
        wikitext = wikitext.rstrip().removesuffix("}}")
    code = mwparserfromhell.parse(wikitext)
    topic, nodes = (None, list(code.nodes)) if is_title else _topic_before_a_colon(list(code.nodes))
    sourced = any(isinstance(node, ExternalLink) for node in code.ifilter(recursive=True))
    only_links = _are_links(nodes)
    unknown: list[str] = []
    text = "".join(_shown(node, unknown) for node in nodes)
    return _Words(_without_sources(text), topic, only_links, sourced, bool(unknown))


def _are_links(nodes: list[Node]) -> bool:
    """Say whether there are no words but those of links to other pages, whatever their type."""
    return all(
        isinstance(node, Wikilink)
        or (isinstance(node, Tag) and node.contents is not None and _are_links(list(node.contents.nodes)))
        or (isinstance(node, Text) and not re.search(r"\w", str(node)))
        for node in nodes
    )


def _topic_before_a_colon(nodes: list[Node]) -> tuple[str | None, list[Node]]:
    """Take the links (or bold words) that stand before the first colon off a bullet's nodes."""
    for number, node in enumerate(nodes):
        if isinstance(node, Text):
            before, colon, after = str(node).partition(":")
            if re.search(r"\w", before.replace(" and ", " ")):
                return None, nodes
            if colon:
                topic = _tidied("".join(_shown(one, []) for one in nodes[:number]) + before)
                return (topic, [Text(after), *nodes[number + 1 :]]) if topic else (None, nodes)
        elif not isinstance(node, Wikilink) and not (isinstance(node, Tag) and node.tag in ("b", "i")):
            return None, nodes
    return None, nodes


def _shown(node: Node, unknown: list[str]) -> str:
    """The words that a reader sees; names of templates that cannot be read are added to `unknown`."""
    if isinstance(node, Text):
        return str(node)
    if isinstance(node, HTMLEntity):
        return str(node.normalize())
    if isinstance(node, Wikilink):
        title = str(node.title).strip()
        if re.match(r"(file|image|category)\s*:", title, re.IGNORECASE):
            return ""
        return title.lstrip(":") if node.text is None else _shown_all(node.text, unknown)
    if isinstance(node, ExternalLink):
        title = "" if node.title is None or not node.brackets else _shown_all(node.title, unknown).strip()
        return f"{_OPEN}{title}{_CLOSE}" if title else ""
    if isinstance(node, Template):
        return _template(node, unknown)
    if isinstance(node, Tag):
        name = str(node.tag).strip().lower()
        if name == "br":
            return " "
        return "" if name in _NOT_SHOWN or node.contents is None else _shown_all(node.contents, unknown)
    return ""


def _shown_all(code: Wikicode, unknown: list[str]) -> str:
    return "".join(_shown(node, unknown) for node in code.nodes)


def _template(template: Template, unknown: list[str]) -> str:
    name = " ".join(str(template.name).replace("_", " ").split()).lower()
    values = [_shown_all(p.value, unknown).strip() for p in template.params if not p.showkey]
    if name in _SILENT or name.startswith("cite "):
        return ""
    if name in _MARKS:
        return _MARKS[name]
    if values and name in _SHOW_FIRST:
        return values[0]
    if values and (name in _SHOW_LAST or name.startswith("lang-")):
        return values[-1]
    if values and name in _SHIPS:
        return f"{name.upper()} {values[0]}"
    if len(values) > 1 and name == "ship":
        return f"{values[0]} {values[1]}".strip()
    if values and name in _MONEY:
        return _MONEY[name] + values[0]
    if len(values) > 1 and name in ("convert", "cvt"):
        if values[1] in _BETWEEN_NUMBERS and len(values) > 3:
            return f"{values[0]}{_BETWEEN_NUMBERS[values[1]]}{values[2]} {values[3]}"
        return f"{values[0]} {values[1]}"
    unknown.append(name)
    return ""


def _without_sources(text: str) -> str:
    text = _LINK_IN_BRACKETS.sub("", re.sub(r"\s+", " ", text)).strip()
    text = _LINKS_AFTER_THE_END.sub("", text)
    text = _LINKS_FOR_AN_END.sub("", text)  # no full stop behind them, so they end no sentence
    return _NAMES_IN_BRACKETS.sub("", _tidied(text.replace(_OPEN, "").replace(_CLOSE, "")))


def _tidied(text: str) -> str:
    text = re.sub(r"'{2,}", "", text.replace("\xa0", " "))
    text = re.sub(r"[\[(][\s,;/|–-]*[\])]", "", text)
    text = re.sub(r"\s+([,.;:!?])(?!\d)", r"\1", " ".join(text.split()))
    return text.strip(" ,;:–—-|")
