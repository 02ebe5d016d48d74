"""The diagrams that the README and the lessons show."""

from pathlib import Path
from xml.etree import ElementTree

import pytest

from course.diagrams import DIAGRAMS, Drawing

DOCS = Path(__file__).parent.parent / "docs"


@pytest.mark.parametrize("name", DIAGRAMS)
def test_a_diagram_is_the_one_that_its_code_draws(name: str) -> None:
    assert (DOCS / f"{name}.svg").read_text(encoding="utf-8") == DIAGRAMS[name]().svg()


@pytest.mark.parametrize("name", DIAGRAMS)
def test_a_diagram_says_what_it_shows_and_stays_inside_its_frame(name: str) -> None:
    drawing = DIAGRAMS[name]()
    picture = ElementTree.fromstring(drawing.svg())
    assert len(picture.findtext("{*}title", "")) > 100
    for text in picture.iter("{http://www.w3.org/2000/svg}text"):
        half = len(text.text or "") * float(text.attrib["font-size"]) / 4
        assert half <= float(text.attrib["x"]) <= drawing.width - half, text.text
        assert 0 < float(text.attrib["y"]) < drawing.height, text.text


def test_words_wider_than_their_box_are_refused() -> None:
    with pytest.raises(ValueError, match="'seven letters' is wider than its box of 60"):
        Drawing(100, 100, "a box").box(10, 10, 60, 30, "seven letters")
