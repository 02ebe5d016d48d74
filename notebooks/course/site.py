"""The course as pages to read without running anything: `make site`, `python -m course site`.

nbconvert renders the cells by a small template of our own (site_cells.html.j2): Jupyter Book 2 needs a network service
to build, its offline line has ended, and nbconvert's own templates fetch MathJax and drop alt texts.  Around the cells
stand site.html, site.css and site.js beside this file.  Formulas become MathML, which browsers draw themselves.

The pages ask for nothing but each other: their content security policy forbids every request, and every script or style
that is not a file of the site.  They work from a folder, without a server.
"""

import base64
import hashlib
import html
import json
import os
import re
import shutil
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from importlib import resources
from pathlib import Path, PurePosixPath
from typing import Any
from urllib.parse import quote, unquote, urlsplit

import nbformat
from bs4 import BeautifulSoup, NavigableString, Tag
from latex2mathml.converter import convert
from nbconvert.exporters import HTMLExporter
from nbconvert.filters.markdown_mistune import IPythonRenderer, MarkdownWithMath
from traitlets.config import Config

from spacetime.folders import new_folder

_START = PurePosixPath("README.md")
_LESSONS = ("notebooks", "[0-9][0-9]*_*.ipynb")
_EXERCISES = ("notebooks/exercises", "*.ipynb")
_HEADINGS = ("h1", "h2", "h3", "h4", "h5", "h6")

# What the template shows of an output; and marks that only run in a page of their own, or ask for the network.
_SHOWN = ("text/html", "text/markdown", "image/svg+xml", "text/latex", "image/png", "image/jpeg", "text/plain")
_LIVE = "script, iframe, object, embed, form, input, button, video, audio, link"

_NUMBER = re.compile(r"\s*([-+−±]?[\d.,]+(e[-+]?\d+)?\s*%?|nan|NaN|inf|-)?\s*")

# What stays on one line in a table: 0.45 ± 0.01, 0.99 [0.98, 1.00], and a month or a day wherever it stands.
_WITH_INTERVAL = re.compile(r"\s*[-+−]?[\d.,]+\s*%?\s*(±\s*[\d.,]+|\[[-+−\d.,\s]+\])\s*")
_MONTH = re.compile(r"\b(\d{4}-\d{2}(?:-\d{2}(?:T[\d:.]+Z?)?)?)\b")
_DASHED = re.compile(r"(?<!\S)((?=\S*-)\S{2,24})(?!\S)")  # in a command
_LONG = 40  # characters from which a cell on a narrow screen needs a width of its own

# What an object shows of itself where nobody taught it better, with an address that is another one in each run.
_NAMELESS = re.compile(r"<[\w.]+( object)? at 0x[0-9a-f]+>")


@dataclass(frozen=True)
class Site:
    """What was built; ``str()`` says it in a few lines.

    Parameters
    ----------
    folder
        Open its `index.html`.
    pages
        Their files, seen from `folder`: the start page, the lessons, their exercises, other texts that they link to.
    sections
        How many the search knows.
    copied
        Files that a page links to and that are no pages.
    simplified
        Outputs shown as plain text, because the rest of them runs only in Jupyter: "lesson: cell, what".
    """

    folder: Path
    pages: list[str]
    sections: int
    copied: list[str]
    simplified: list[str]

    def __str__(self) -> str:
        lines = [
            f"{len(self.pages)} pages, {self.sections} sections to search: open {self.folder / 'index.html'}",
            *(f"as plain text: {line}" for line in self.simplified),
        ]
        return "\n".join(lines)


@dataclass
class _Page:
    """One notebook or Markdown file on its way to HTML."""

    source: PurePosixPath  # seen from the repository's folder
    body: BeautifulSoup
    title: str = ""
    headings: list[tuple[int, str, str]] = field(default_factory=list)  # level, id, text; the title is not among them

    @property
    def address(self) -> PurePosixPath:
        """The site has the repository's folders, so that a link needs another ending and no other way."""
        return PurePosixPath("index.html") if self.source == _START else self.source.with_suffix(".html")

    @property
    def root(self) -> str:
        return "../" * (len(self.address.parts) - 1)


def build_site(clone: str | Path, output: str | Path | None = None) -> Site:
    """Write the pages: README as the start page, each lesson and exercise as committed, and the texts they link to.

    Parameters
    ----------
    clone
        The repository's folder, with `README.md` and `notebooks`.
    output
        Folder for the site (None: `runs/site` of the clone).  An earlier site there is replaced.

    Raises
    ------
    FileNotFoundError
        No README or no lesson.
    ValueError
        A link that leads nowhere, an image without alt text, headings out of order, a formula that cannot be
        converted, or an output folder that holds something else.  Nothing is written then.
    """
    clone = Path(clone)
    folder = Path(output) if output is not None else clone / "runs" / "site"
    _check_replaceable(folder)
    if not (clone / _START).is_file():
        raise FileNotFoundError(f"no {_START} in {clone}; name the repository's folder")
    lessons, exercises = (
        [PurePosixPath(place) / path.name for path in sorted((clone / place).glob(names))]
        for place, names in (_LESSONS, _EXERCISES)
    )
    if not lessons:
        raise FileNotFoundError(f"no {_LESSONS[1]} in {clone / _LESSONS[0]}; name the folder of a clone")

    exporter, simplified = _exporter(), list[str]()
    pages: dict[PurePosixPath, _Page] = {}
    waiting = [_START, *lessons, *exercises]
    copied: set[PurePosixPath] = set()
    while waiting:
        source = waiting.pop(0)
        if source in pages:
            continue
        pages[source] = page = _read(clone, source, exporter, simplified)
        for target in _targets(clone, page):
            if target.suffix in (".md", ".ipynb"):
                waiting.append(target)  # a text that a page links to is a page, too
            else:
                copied.add(target)
    for page in pages.values():
        _point_at_pages(page, pages)

    others = [source for source in pages if source not in {_START, *lessons, *exercises}]
    groups = {"": [_START], "Lessons": lessons, "Exercises": exercises, "More": others}
    with new_folder(folder) as new:
        sections = [section for page in pages.values() for section in _sections(page)]
        _add_table_of_contents(pages, lessons)
        for page in pages.values():
            neighbours = exercises if page.source in exercises else [_START, *lessons]
            _write(new / page.address, _around(page, pages, groups, neighbours))
        for name in ("site.css", "site.js"):
            _write(new / name, _part(name))
        _write(new / "search-index.js", f"searchIndex({json.dumps(sections, separators=(',', ':'))});\n")
        for path in copied:
            (new / path).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(clone / path, new / path)
    return Site(
        folder,
        [str(page.address) for page in pages.values()],
        len(sections),
        sorted(map(str, copied)),
        simplified,
    )


def _check_replaceable(folder: Path) -> None:
    if folder.exists() and not (folder.is_dir() and (not any(folder.iterdir()) or (folder / "site.js").is_file())):
        raise ValueError(f"{folder} holds something that is no site; name another folder or an empty one")


def _part(name: str) -> str:
    return resources.files("course").joinpath(name).read_text(encoding="utf-8")


def _write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8", newline="\n")


# --------------------------------------------------------------------------------------------- from cells to HTML


class _Renderer(IPythonRenderer):
    """nbconvert's Markdown, with formulas as MathML where it leaves them to MathJax."""

    def block_math(self, body: str) -> str:
        return _mathml(body, "block")

    def inline_math(self, body: str) -> str:
        return _mathml(body, "inline")

    def latex_environment(self, name: str, body: str) -> str:
        return _mathml(rf"\begin{{{name}}}{body}\end{{{name}}}", "block")


def _mathml(formula: str, display: str) -> str:
    """Convert LaTeX; what the converter does not know it passes on with its backslash, and we do not.

    Examples
    --------
    >>> _mathml("x^2", "inline").count("<msup>")
    1
    """
    try:
        made = convert(formula.strip(), display=display)
    except Exception as error:  # the converter's own classes, and IndexError where an argument is missing
        raise ValueError(
            f"formula {formula.strip()!r} cannot be converted ({error or type(error).__name__})"
        ) from error
    unknown = re.search(r"\\[A-Za-z]+", html.unescape(re.sub(r"<[^>]*>", " ", made)))
    if unknown:
        raise ValueError(f"formula {formula.strip()!r} cannot be converted: {unknown[0]} is unknown to latex2mathml")
    # A bar stands close to what it encloses; browsers would space every second one as an operator.
    return re.sub(r"<mo( stretchy=\"false\")?>(\||&#x0007C;)</mo>", r'<mo\1 lspace="0" rspace="0">\2</mo>', made)


class _Exporter(HTMLExporter):
    def markdown2html(self, source: str) -> str:
        renderer = _Renderer(escape=False, exclude_anchor_links=True)
        return MarkdownWithMath(renderer=renderer).render(source)


def _exporter(code: bool = True) -> HTMLExporter:
    template = resources.files("course").joinpath("site_cells.html.j2")
    # What one print wrote in two pieces stays on one line.
    config = Config({"CoalesceStreamsPreprocessor": {"enabled": True}, "TemplateExporter": {"exclude_input": not code}})
    return _Exporter(template_name="base", template_file=str(template), config=config)


def _read(clone: Path, source: PurePosixPath, exporter: HTMLExporter, simplified: list[str]) -> _Page:
    path = clone / source
    if source.suffix == ".ipynb":
        notebook = nbformat.read(path, as_version=4)
    else:
        # Without the card's block of metadata, which the hub shows as a table.
        text = re.sub(r"\A---\n.*?\n---\n", "", path.read_text(encoding="utf-8"), flags=re.DOTALL)
        notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_markdown_cell(text)])
    return _as_page(notebook, source, exporter, simplified)


def single_page(notebook: Any, title: str) -> str:
    """A notebook's Markdown and outputs as one page that needs no other file; its code is left out."""
    page = _as_page(notebook, PurePosixPath("notebook.ipynb"), _exporter(code=False), [])
    style = _part("site.css") + _part("single_page.css")
    parts = {
        "title": html.escape(title),
        "style": style,
        "style_hash": base64.b64encode(hashlib.sha256(style.encode()).digest()).decode("ascii"),
        "main": str(page.body),
    }
    return re.sub(r"\{\{(\w+)\}\}", lambda match: parts[match[1]], _part("single_page.html"))


def _as_page(notebook: Any, source: PurePosixPath, exporter: HTMLExporter, simplified: list[str]) -> _Page:
    for number, cell in enumerate(notebook.cells, 1):
        for output in cell.get("outputs", []):
            simplified += [f"{source}: cell {number}, {what}" for what in _keep_what_stands_still(output)]
    try:
        page = _Page(source, BeautifulSoup(exporter.from_notebook_node(notebook)[0], "html.parser"))
        _mend_tables(page.body)
        _mend_code(page.body)
        _mend_images(page.body)
        _mend_headings(page)
    except ValueError as error:
        raise ValueError(f"{source}: {error}") from error
    return page


def _keep_what_stands_still(output: Any) -> Iterator[str]:
    """Take out of an output what only Jupyter can run, and say what went."""
    data = output.get("data", {})
    for kind in list(data):
        live = kind == "text/html" and BeautifulSoup(data[kind], "html.parser").select_one(_LIVE)
        if kind not in _SHOWN or live:
            del data[kind]
            yield f"{kind} with <{live.name}>" if live else kind
            if _NAMELESS.fullmatch(str(data.get("text/plain", "")).strip()):
                data["text/plain"] = "(runs in Jupyter only)"


def _mend_tables(body: BeautifulSoup) -> None:
    """Tables without pandas' own style, numbers to the right, in a box that scrolls by itself."""
    for style in body.select("style"):
        style.decompose()
    for element in body.select("table, table *"):
        for name in ("style", "border", "class"):
            element.attrs.pop(name, None)
    for table in body.select("table"):
        rows = [row.find_all(["th", "td"]) for row in table.select("tr")]
        for row in rows:
            for cell in row:
                if cell.name == "th":
                    if not cell.get_text(strip=True):
                        cell.name = "td"  # a corner is nobody's heading
                    else:
                        cell["scope"] = "col" if cell.find_parent("thead") else "row"
        for cells in _columns(rows):
            values = [cell for cell in cells if cell.name == "td" and not cell.find_parent("thead")]
            if any(value.get_text(strip=True) for value in values) and all(
                _NUMBER.fullmatch(value.get_text()) for value in values
            ):
                for cell in cells:
                    cell["class"] = "number"
        for cell in (cell for row in rows for cell in row if not cell.get("class")):
            _keep_on_one_line(body, cell, _MONTH)
            if _WITH_INTERVAL.fullmatch(cell.get_text()):
                cell["class"] = "short"
            elif len(cell.get_text(strip=True)) >= _LONG:
                cell["class"] = "long"
        table.wrap(body.new_tag("div", attrs={"class": "scroll"}))


def _columns(rows: Sequence[Sequence[Tag]]) -> list[list[Tag]]:
    """The cells of each column; one that spans several rows moves those below it to the right."""
    columns: list[list[Tag]] = []
    covered: dict[int, int] = {}  # column -> rows that a cell above still reaches into
    for row in rows:
        at, below = 0, {column: left - 1 for column, left in covered.items() if left > 1}
        for cell in row:
            while covered.get(at):
                at += 1
            wide, high = (int(str(cell.get(name) or 1)) for name in ("colspan", "rowspan"))
            for column in range(at, at + wide):
                columns.extend([] for _ in range(column + 1 - len(columns)))
                if wide == 1:
                    columns[column].append(cell)
                if high > 1:
                    below[column] = high - 1
            at += wide
        covered = below
    return columns


def _mend_code(body: BeautifulSoup) -> None:
    """Keep short names on one line: a browser would break `--resume` after its first dash."""
    for code in body.select(":not(pre) > code"):
        if len(code.get_text()) <= 24:
            code["class"] = "short"
        else:
            _keep_on_one_line(body, code, _DASHED)


def _keep_on_one_line(body: BeautifulSoup, element: Tag, what: re.Pattern[str]) -> None:
    """Put what the pattern's one group finds in the element's texts where no line is broken."""
    for text in element.find_all(string=what):
        if element.name != "code" and text.find_parent("code"):
            continue  # has its own rule
        made: list[Tag | NavigableString] = []
        for number, part in enumerate(what.split(str(text))):
            if number % 2:  # every second one is a find
                kept = body.new_tag("span", attrs={"class": "short"})
                kept.append(part)
                made.append(kept)
            elif part:
                made.append(NavigableString(part))
        text.replace_with(*made)


def _mend_images(body: BeautifulSoup) -> None:
    for image in body.select("img"):
        alt = str(image.get("alt", "")).strip()
        if not alt or alt.startswith("No description has been provided"):  # nbconvert's own words
            raise ValueError("an image has no alt text; course.figures.show(figure, alt=...) keeps one")


def _mend_headings(page: _Page) -> None:
    """Give every heading an id by GitHub's rule, and refuse a page whose outline has holes."""
    taken: Counter[str] = Counter()
    level = 0
    for heading in page.body.find_all(_HEADINGS):
        text, own = heading.get_text().strip(), int(heading.name[1])
        if (own == 1) != (level == 0) or own > level + 1:
            raise ValueError(
                f"heading {text!r} is of level {own} after one of level {level}; one of level 1 comes first and no "
                "level is skipped"
            )
        level = own
        slug = _slug(text)
        heading["id"] = slug if not taken[slug] else f"{slug}-{taken[slug]}"
        taken[slug] += 1
        if own == 1:
            page.title = text
        else:
            page.headings.append((own, str(heading["id"]), text))
    if not level:
        raise ValueError("has no heading; begin with '# Title'")


def _slug(text: str) -> str:
    """GitHub's anchor of a heading.

    Examples
    --------
    >>> _slug("What it costs, and a dial")
    'what-it-costs-and-a-dial'
    """
    return re.sub(r"[^\w\- ]", "", text.strip().lower()).replace(" ", "-")


# --------------------------------------------------------------------------------------------------------- links


def _targets(clone: Path, page: _Page) -> list[PurePosixPath]:
    """The repository's files that a page links to or shows, each checked to be there."""
    found = []
    for element, name in _references(page):
        path = urlsplit(str(element[name])).path
        if not path:
            continue
        target = _resolved(page, path)
        if (clone / target).is_dir():
            target /= "README.md"
        if target.parts[0] == ".." or path.startswith("/") or not (clone / target).is_file():
            raise ValueError(f"{page.source}: the link to {element[name]!r} leads to no file of the repository")
        found.append(target)
    return found


def _references(page: _Page) -> Iterator[tuple[Tag, str]]:
    for element in page.body.select("a[href], img[src]"):
        name = "href" if element.name == "a" else "src"
        parts = urlsplit(str(element[name]))
        if not parts.scheme and not parts.netloc:
            yield element, name
        elif element.name == "img" and parts.scheme != "data":
            raise ValueError(f"{page.source}: the image {element[name]!r} would come from the network; keep it here")


def _resolved(page: _Page, path: str) -> PurePosixPath:
    return PurePosixPath(os.path.normpath(page.source.parent / unquote(path)))


def _point_at_pages(page: _Page, pages: dict[PurePosixPath, _Page]) -> None:
    """Rewrite a page's links to notebooks and texts, and check their anchors."""
    for element, name in _references(page):
        parts = urlsplit(str(element[name]))
        target = _resolved(page, parts.path) if parts.path else page.source
        if target not in pages and target / "README.md" in pages:
            target /= "README.md"
        if target not in pages:
            continue  # a file, copied to the same place
        to = pages[target]
        anchor = _slug(unquote(parts.fragment).replace("-", " "))  # Jupyter's anchors keep capitals and marks
        if anchor and anchor not in {_slug(text) for _, _, text in to.headings} | {id_ for _, id_, _ in to.headings}:
            if anchor != _slug(to.title):
                raise ValueError(f"{page.source}: the link to {element[name]!r} names no heading of {to.source}")
        address = "" if to is page and anchor else page.root + quote(str(to.address))
        element[name] = address + (f"#{anchor}" if anchor else "")


# ------------------------------------------------------------------------------------------- what stands around


def _sections(page: _Page) -> list[list[str]]:
    """What the search knows: address, page, heading, text and code of each section."""
    sections = [[str(page.address), page.title, "", "", ""]]
    for element in page.body.find_all(recursive=False):
        if element.name in _HEADINGS and element.name != "h1":
            sections.append([f"{page.address}#{element['id']}", page.title, element.get_text().strip(), "", ""])
        elif "code" in element.get_attribute_list("class"):
            sections[-1][4] += " " + _plain(element, "")
        elif element.name != "h1" and "outputs" not in element.get_attribute_list("class"):
            sections[-1][3] += " " + _plain(element, " ")
    return [[part.strip() for part in section] for section in sections]


def _plain(element: Tag, between: str) -> str:
    return re.sub(r"\s+([.,;:!?)])", r"\1", re.sub(r"\s+", " ", element.get_text(between)))


def _add_table_of_contents(pages: dict[PurePosixPath, _Page], lessons: list[PurePosixPath]) -> None:
    """Put the lessons with their sections on the start page, before its first section."""
    common = Counter(text for source in lessons for text in {text for _, _, text in pages[source].headings})
    items = []
    for source in lessons:
        page = pages[source]
        own = [
            f'<a href="{quote(str(page.address))}#{quote(id_)}">{html.escape(text)}</a>'
            for level, id_, text in page.headings
            if level == 2 and (len(lessons) == 1 or common[text] == 1)  # not those that every lesson has
        ]
        link = f'<a href="{quote(str(page.address))}">{html.escape(page.title)}</a>'
        items.append(f"<li>{link}" + (f"<p>{' · '.join(own)}</p>" if own else "") + "</li>")
    start = pages[_START]
    listed = BeautifulSoup(
        f'<h2 id="all-lessons">All lessons</h2><ul class="lessons">{"".join(items)}</ul>', "html.parser"
    )
    start.headings.insert(0, (2, "all-lessons", "All lessons"))
    first = start.body.find("h2")
    if first:
        first.insert_before(*listed.contents)
    else:
        start.body.extend(listed.contents)


def _around(
    page: _Page,
    pages: dict[PurePosixPath, _Page],
    groups: dict[str, list[PurePosixPath]],
    neighbours: list[PurePosixPath],
) -> str:
    """The whole page: header, contents, text, previous and next."""

    def link(to: _Page, extra: str = "") -> str:
        title = "Start" if to.source == _START else to.title
        return f'<a href="{page.root}{quote(str(to.address))}"{extra}>{html.escape(title)}</a>'

    contents = []
    for name, sources in groups.items():
        if not sources:
            continue
        items = []
        for source in sources:
            here = source == page.source
            own = "".join(
                f'<li class="level{level}"><a href="#{quote(id_)}">{html.escape(text)}</a></li>'
                for level, id_, text in page.headings
                if here and level <= 3
            )
            current = ' aria-current="page"' if here else ""
            items.append(f"<li>{link(pages[source], current)}" + (f"<ul>{own}</ul>" if own else "") + "</li>")
        contents.append((f"<p>{name}</p>\n" if name else "") + f"<ul>{''.join(items)}</ul>")

    turn = []
    if page.source in neighbours:
        place = neighbours.index(page.source)
        for name, at in (("Previous", place - 1), ("Next", place + 1)):
            if 0 <= at < len(neighbours):
                turn.append(f"<span>{name}: {link(pages[neighbours[at]])}</span>")
    site = pages[_START].title
    parts = {
        "title": html.escape(site if page.source == _START else f"{page.title} · {site}"),
        "site": html.escape(site),
        "root": page.root,
        "contents": "\n".join(contents),
        "main": str(page.body),
        "turn": f'<nav class="turn" aria-label="Previous and next">{"".join(turn)}</nav>' if turn else "",
    }
    # In one pass, so that a lesson with {{main}} in it stays a lesson.
    return re.sub(r"\{\{(\w+)\}\}", lambda match: parts[match[1]], _part("site.html"))
