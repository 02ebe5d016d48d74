"""Pages from notebooks: what a lesson has is on its page, links lead somewhere, and nothing asks the network."""

import json
import re
from pathlib import Path
from typing import Any

import nbformat
import pytest
from bs4 import BeautifulSoup
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output

from course.site import Site, build_site

PIXEL = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
ANSWER = "<details><summary>Answer</summary>\n\nOne **factor**.\n\n</details>"


def notebook(*cells: Any) -> Any:
    return new_notebook(cells=[new_markdown_cell(cell) if isinstance(cell, str) else cell for cell in cells])


def clone(folder: Path, readme: str = "# Course\n\nWelcome.\n", **notebooks: Any) -> Path:
    """A repository's folder: `_01_a=notebook(...)` is notebooks/01_a.ipynb."""
    (folder / "notebooks").mkdir(parents=True)
    (folder / "README.md").write_text(readme, encoding="utf-8")
    for name, lesson in notebooks.items():
        nbformat.write(lesson, folder / "notebooks" / f"{name[1:]}.ipynb")
    return folder


def page(site: Site, name: str) -> BeautifulSoup:
    return BeautifulSoup((site.folder / name).read_text(encoding="utf-8"), "html.parser")


def output(data: dict[str, str], **metadata: Any) -> Any:
    return new_code_cell("made()", outputs=[new_output("display_data", data, metadata=metadata)])


def sections(site: Site) -> list[list[str]]:
    text = (site.folder / "search-index.js").read_text(encoding="utf-8")
    found: list[list[str]] = json.loads(re.fullmatch(r"searchIndex\((.*)\);\n", text, re.DOTALL)[1])  # type: ignore[index]
    return found


def test_lessons_stand_in_order_with_previous_and_next(tmp_path: Path) -> None:
    lessons = {f"_{name}": notebook(f"# {name}") for name in ("02_c", "01_a", "01b_b")}
    site = build_site(clone(tmp_path, **lessons))
    assert site.pages == ["index.html", *(f"notebooks/{name}.html" for name in ("01_a", "01b_b", "02_c"))]
    turn = page(site, "notebooks/01b_b.html").select(".turn a")
    assert [link["href"] for link in turn] == ["../notebooks/01_a.html", "../notebooks/02_c.html"]


def test_links_between_lessons_and_texts_lead_to_their_pages(tmp_path: Path) -> None:
    linked = "# A\n\n[b](02_b.ipynb#What-is-it?) [home](../README.md) [data](../data/README.md) [cite](../CITATION.cff)"
    folder = clone(tmp_path, _01_a=notebook(linked), _02_b=notebook("# B", "## What is it?"))
    (folder / "data").mkdir()
    (folder / "data/README.md").write_text("# Data\n", encoding="utf-8")
    (folder / "CITATION.cff").write_text("title: x\n", encoding="utf-8")
    site = build_site(folder)
    links = [link["href"] for link in page(site, "notebooks/01_a.html").select("main p a")]
    assert links == [
        "../notebooks/02_b.html#what-is-it",
        "../index.html",
        "../data/README.html",
        "../CITATION.cff",
    ]
    assert "data/README.html" in site.pages and site.copied == ["CITATION.cff"]
    assert (site.folder / "CITATION.cff").is_file()


@pytest.mark.parametrize(
    ("link", "said"),
    [
        ("[x](03_gone.ipynb)", "notebooks/01_a.ipynb: the link to '03_gone.ipynb' leads to no file"),
        ("[x](../../secret)", "leads to no file of the repository"),
        ("[x](#Gone)", "the link to '#Gone' names no heading of notebooks/01_a.ipynb"),
        ("![x](https://example.org/x.png)", "would come from the network"),
        ("<img src='x.png'>", "an image has no alt text"),
        ("### Too deep", "heading 'Too deep' is of level 3 after one of level 1"),
        (r"$\nosuchsign{x}$", r"\\nosuchsign is unknown"),
    ],
)
def test_what_a_reader_would_stumble_over_is_an_error_and_nothing_is_written(
    tmp_path: Path, link: str, said: str
) -> None:
    folder = clone(tmp_path, _01_a=notebook(f"# A\n\n{link}"))
    with pytest.raises(ValueError, match=re.escape(said.replace("\\\\", "\\"))):
        build_site(folder)
    assert not (folder / "runs/site").exists()


def test_formulas_become_mathml_and_dollars_in_code_stay(tmp_path: Path) -> None:
    lesson = notebook("# A\n\n$$\\frac{a}{b}$$\n\nInline $x^2$ and\n\n```\nfor way in a b; do echo $way $x; done\n```")
    main = page(build_site(clone(tmp_path, _01_a=lesson)), "notebooks/01_a.html").main
    assert main is not None
    assert [math["display"] for math in main.select("math")] == ["block", "inline"]
    assert "echo $way $x" in main.select("pre")[0].get_text()


def test_an_option_in_a_long_command_is_not_broken_after_its_dash(tmp_path: Path) -> None:
    lesson = notebook("# A\n\nRun `spacetime index my.csv --any-spelling --text headline` or `--resume`.")
    main = page(build_site(clone(tmp_path, _01_a=lesson)), "notebooks/01_a.html")
    assert [one.get_text() for one in main.select("code .short, code.short")] == [
        "--any-spelling",
        "--text",
        "--resume",
    ]
    assert main.select("code")[0].get_text() == "spacetime index my.csv --any-spelling --text headline"


def test_bars_stand_close_to_what_they_enclose(tmp_path: Path) -> None:
    main = page(build_site(clone(tmp_path, _01_a=notebook("# A\n\n$|T|$"))), "notebooks/01_a.html")
    bars = [(mark.get("lspace"), mark.get("rspace")) for mark in main.select("mo") if mark.get_text() == "|"]
    assert bars == [("0", "0"), ("0", "0")]


def test_alt_text_answers_and_tables_are_kept(tmp_path: Path) -> None:
    table = '<style scoped>td {color: red}</style><table border="1"><thead><tr><th></th><th>n</th></tr></thead>'
    table += "<tbody><tr><th>UK</th><td>1.5</td></tr></tbody></table>"
    lesson = notebook(
        "# A",
        output({"image/png": PIXEL}, **{"image/png": {"alt": 'A "small" <dot>.'}}),
        output({"text/html": table}),
        ANSWER,
    )
    main = page(build_site(clone(tmp_path, _01_a=lesson)), "notebooks/01_a.html").main
    assert main is not None
    assert [image["alt"] for image in main.select("img")] == ['A "small" <dot>.']
    assert main.select("details strong")[0].get_text() == "factor"
    assert not main.select("style") and main.select("th[scope=row]")[0].get_text() == "UK"
    assert main.select(".scroll td.number")[0].get_text() == "1.5"


def test_numbers_stand_under_their_heading_beside_a_row_heading_that_spans_rows(tmp_path: Path) -> None:
    table = "<table><thead><tr><th></th><th></th><th>text</th><th>n</th></tr></thead><tbody>"
    table += "<tr><th rowspan='2'>all</th><th>UK</th><td>a</td><td>1</td></tr><tr><th>US</th><td>b</td><td>2</td></tr>"
    main = page(build_site(clone(tmp_path, _01_a=notebook("# A", output({"text/html": table})))), "notebooks/01_a.html")
    assert [cell.get_text() for cell in main.select(".number")] == ["n", "1", "2"]


def test_months_and_intervals_in_a_table_stay_on_one_line_and_long_cells_have_room(tmp_path: Path) -> None:
    rows = "| changes | cosine |\n|---|---|\n| 2018-02, 2020-03 | 0.45 ± 0.01 |\n| none | 0.99 [0.98, 1.00] |"
    rows += f"\n| {'words ' * 9} | 0.5 |"
    main = page(build_site(clone(tmp_path, _01_a=notebook(f"# A\n\n{rows}"))), "notebooks/01_a.html")
    assert [one.get_text() for one in main.select(".short")] == [
        "2018-02",
        "2020-03",
        "0.45 ± 0.01",
        "0.99 [0.98, 1.00]",
    ]
    assert [one.get_text(strip=True) for one in main.select(".long")] == [("words " * 9).strip()]


def test_worked_solutions_are_folded_and_found_as_code(tmp_path: Path) -> None:
    solution = new_code_cell("def f():\n    return 1", metadata={"tags": ["solution"]})
    site = build_site(clone(tmp_path, _01_a=notebook("# A\n\n## Exercise", solution, new_code_cell("f()"))))
    main = page(site, "notebooks/01_a.html")
    assert [fold.summary.get_text() for fold in main.select(".code > details") if fold.summary] == ["Solution"]
    assert "return 1" in main.select(".code > details pre")[0].get_text()
    assert sections(site)[-1][4].split() == "Solution def f(): return 1 f()".split()


def test_what_one_print_wrote_in_two_pieces_is_one_line(tmp_path: Path) -> None:
    printed = new_code_cell("print()", outputs=[new_output("stream", text=text) for text in ("72", " heads\n")])
    main = page(build_site(clone(tmp_path, _01_a=notebook("# A", printed))), "notebooks/01_a.html")
    assert [pre.get_text().strip() for pre in main.select(".outputs pre")] == ["72 heads"]


def test_what_only_jupyter_runs_is_shown_as_text_and_counted(tmp_path: Path) -> None:
    live = output({"text/html": "<iframe src='map.html'></iframe>", "text/plain": "open map.html"})
    site = build_site(clone(tmp_path, _01_a=notebook("# A", live)))
    assert site.simplified == ["notebooks/01_a.ipynb: cell 2, text/html with <iframe>"]
    assert "open map.html" in page(site, "notebooks/01_a.html").get_text()
    assert "as plain text: notebooks/01_a.ipynb: cell 2" in str(site)


def test_no_address_of_an_object_is_shown(tmp_path: Path) -> None:
    live = output({"text/html": "<iframe src='x'></iframe>", "text/plain": "<IPython.lib.display.IFrame at 0x7f1>"})
    main = page(build_site(clone(tmp_path, _01_a=notebook("# A", live))), "notebooks/01_a.html")
    assert main.select(".outputs")[0].get_text(strip=True) == "(runs in Jupyter only)"


def test_search_knows_headings_text_and_code_of_each_section(tmp_path: Path) -> None:
    lesson = notebook("# A\n\nBefore.", "## Two & more\n\nA *word*.", new_code_cell("find_me = 1"), ANSWER)
    assert sections(build_site(clone(tmp_path, _01_a=lesson)))[1:] == [
        ["notebooks/01_a.html", "A", "", "Before.", ""],
        ["notebooks/01_a.html#two--more", "A", "Two & more", "A word. Answer One factor.", "find_me = 1"],
    ]


def test_marks_in_titles_and_outputs_stay_text(tmp_path: Path) -> None:
    printed = new_code_cell("print()", outputs=[new_output("stream", text="<b>{{main}}</b>")])
    site = build_site(clone(tmp_path, _01_a=notebook("# Is `a < b` & c?", printed), _02_b=notebook("# B")))
    read = page(site, "notebooks/01_a.html")
    assert read.title is not None and read.title.get_text() == "Is a < b & c? · Course"
    assert read.select(".outputs pre")[0].get_text() == "<b>{{main}}</b>"
    assert page(site, "notebooks/02_b.html").select(".turn a")[0].get_text() == "Is a < b & c?"


def test_a_page_asks_for_the_sites_own_files_only_and_works_without_scripts(tmp_path: Path) -> None:
    site = build_site(clone(tmp_path, _01_a=notebook("# A", "[paper](https://example.org)")))
    text = (site.folder / "notebooks/01_a.html").read_text(encoding="utf-8")
    read = BeautifulSoup(text, "html.parser")
    asked = [tag.get("src") or tag.get("href") for tag in read.select("script, link, img")]
    assert asked == ["data:,", "../site.css", "../site.js"]
    assert read.select("html[lang=en]") and read.select("a.skip")[0]["href"] == f"#{read.select('main')[0]['id']}"
    assert "style=" not in text and "onclick" not in text


def test_an_earlier_site_is_replaced_and_other_folders_are_not(tmp_path: Path) -> None:
    folder = clone(tmp_path, _01_a=notebook("# A"), _02_b=notebook("# B"))
    build_site(folder)
    (folder / "notebooks/02_b.ipynb").unlink()
    site = build_site(folder)
    assert not (site.folder / "notebooks/02_b.html").exists()
    with pytest.raises(ValueError, match="holds something that is no site"):
        build_site(folder, folder / "notebooks")
    assert (folder / "notebooks/01_a.ipynb").exists()
