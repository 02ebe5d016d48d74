"""Diagrams of the model and of the course, as SVG: `docs/model.svg`, `docs/ways.svg` and `docs/course.svg`.

    python -m course.diagrams docs

Text stays text, so that it can be searched and read aloud. Words have one colour, months another, regions a third.
"""

import sys
from collections.abc import Callable
from pathlib import Path
from xml.sax.saxutils import escape

WORDS, MONTH, REGION, GREY = "#0072b2", "#d55e00", "#009e73", "#5f6368"
PALE = {WORDS: "#dcebf5", MONTH: "#fbe5d6", REGION: "#d5efe6", GREY: "#eeeeee"}
CHARACTER = 0.56  # width of a letter, in font sizes, of the widest of the fonts that a reader may have


class Drawing:
    """An SVG picture with a white ground, a title for those who do not see it, and few shapes."""

    def __init__(self, width: int, height: int, title: str) -> None:
        self.width, self.height = width, height
        heads = "".join(
            f'<marker id="head{colour[1:]}" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="7" markerHeight="7" '
            f'orient="auto-start-reverse"><path d="M0 0.5 L8 4 L0 7.5 z" fill="{colour}"/></marker>'
            for colour in PALE
        )
        self.parts = [
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" role="img" aria-label="{title}" '
            'font-family="Helvetica, Arial, sans-serif">',
            f"<title>{escape(title)}</title><defs>{heads}</defs>",
            f'<rect width="{width}" height="{height}" fill="#ffffff"/>',
        ]

    def text(self, x: float, y: float, words: str, *, size: int = 15, colour: str = "#202124", **more: str) -> None:
        """One line; `y` is its middle."""
        style = {"text-anchor": "middle", "dominant-baseline": "central", "font-size": str(size), "fill": colour} | {
            name.replace("_", "-"): value for name, value in more.items()
        }
        named = " ".join(f'{name}="{value}"' for name, value in style.items())
        self.parts.append(f'<text x="{x:g}" y="{y:g}" {named}>{escape(words)}</text>')

    def box(
        self, x: float, y: float, width: float, height: float, words: str = "", *, colour: str = GREY, size: int = 15
    ) -> None:
        """A rounded box with lines of text in its middle.

        Raises
        ------
        ValueError
            If a line is wider than the box.
        """
        self.parts.append(
            f'<rect x="{x:g}" y="{y:g}" width="{width:g}" height="{height:g}" rx="6" fill="{PALE[colour]}" '
            f'stroke="{colour}" stroke-width="1.5"/>'
        )
        lines = words.split("\n") if words else []
        for number, line in enumerate(lines):
            if len(line) * size * CHARACTER > width:
                raise ValueError(f"{line!r} is wider than its box of {width}")
            self.text(x + width / 2, y + height / 2 + (number - (len(lines) - 1) / 2) * size * 1.25, line, size=size)

    def arrow(self, *points: tuple[float, float], colour: str = GREY, dashed: bool = False) -> None:
        """A line through points, with a head at the last one."""
        path = " L".join(f"{x:g} {y:g}" for x, y in points)
        dashes = ' stroke-dasharray="5 4"' if dashed else ""
        self.parts.append(
            f'<path d="M{path}" fill="none" stroke="{colour}" stroke-width="1.8"{dashes} '
            f'marker-end="url(#head{colour[1:]})"/>'
        )

    def svg(self) -> str:
        """The whole picture."""
        return "\n".join([*self.parts, "</svg>", ""])


def model() -> Drawing:
    """From words, a month and a region to one vector: the prefix way, which the released model takes."""
    title = (
        "The model. Words pass through an embedding and six layers; in each layer every word also attends to a "
        "token of the month and a token of the region, each beside an empty token and behind a gate that starts at 0. "
        "The words' mean is the sentence's vector of 384 numbers."
    )
    drawing = Drawing(860, 560, title)
    for place, word in enumerate(["[CLS]", "summer", "begins", "this", "month", "[SEP]"]):
        drawing.box(20 + 82 * place, 506, 74, 36, word, colour=WORDS)
    drawing.box(20, 436, 484, 40, "word + position embeddings, 384 numbers each", colour=WORDS)
    drawing.arrow((262, 504), (262, 479), colour=WORDS)
    drawing.arrow((262, 434), (262, 409), colour=WORDS)

    drawing.parts.append(
        f'<rect x="12" y="146" width="500" height="260" rx="10" fill="none" stroke="{GREY}" stroke-width="1.5"/>'
    )
    drawing.text(476, 168, "× 6", size=18, colour=GREY, font_weight="bold")
    drawing.box(40, 336, 444, 44, "query, key, value of every word", colour=WORDS)
    drawing.box(40, 256, 190, 54, "attention among words\nsoftmax(q·k / √D) v", colour=WORDS, size=14)
    drawing.box(262, 256, 105, 54, "to the month\nσ(q·k / √D) v", colour=MONTH, size=13)
    drawing.box(379, 256, 105, 54, "to the region\nσ(q·k / √D) v", colour=REGION, size=13)
    for x in (135, 294, 411):
        drawing.arrow((x, 334), (x, 313), colour=WORDS)
    drawing.arrow((135, 254), (135, 230), colour=WORDS)
    for x, colour in ((314, MONTH), (431, REGION)):
        drawing.text(x + 26, 243, "gate", size=13, colour=colour)
        drawing.arrow((x, 254), (x, 230), colour=colour)
    drawing.box(40, 192, 444, 36, "sum; then feed-forward, as in BERT", colour=WORDS)
    drawing.arrow((262, 190), (262, 120), colour=WORDS)

    drawing.box(560, 436, 130, 40, "2019-06", colour=MONTH, size=17)
    drawing.box(710, 436, 130, 40, "UK", colour=REGION, size=17)
    drawing.box(560, 360, 130, 44, "vector of\nthe month", colour=MONTH, size=14)
    drawing.box(710, 360, 130, 44, "vector of\nthe region", colour=REGION, size=14)
    drawing.arrow((625, 434), (625, 407), colour=MONTH)
    drawing.arrow((775, 434), (775, 407), colour=REGION)
    drawing.arrow((600, 358), (600, 324), (336, 324), (336, 313), colour=MONTH)
    drawing.arrow((775, 358), (775, 290), (487, 290), colour=REGION)
    drawing.text(676, 246, "Each token competes with an empty", size=14, colour=GREY)
    drawing.text(676, 266, "one of score 0: a share of σ(q·k / √D).", size=14, colour=GREY)
    drawing.text(676, 196, "Gates start at 0: an untrained model", size=14, colour=GREY)
    drawing.text(676, 216, "gives the plain encoder's vectors.", size=14, colour=GREY)

    drawing.box(112, 76, 300, 42, "mean over the words, length 1", colour=WORDS)
    drawing.arrow((262, 74), (262, 52), colour=WORDS)
    drawing.box(112, 12, 300, 38, "one vector of 384 numbers", colour=WORDS, size=16)
    drawing.arrow((264, 133), (548, 133), dashed=True)
    drawing.box(552, 104, 288, 58, "stage 1: guess masked words,\nthe month and the region", size=14)
    drawing.arrow((414, 31), (548, 31), dashed=True)
    drawing.box(552, 12, 288, 38, "stage 2: cosine of a pair of vectors", size=14)
    return drawing


def ways() -> Drawing:
    """Five ways to tell an encoder month and region, side by side."""
    title = (
        "Five ways. Published: month and region multiply all scores of a head by one number. Additive: they are "
        "added to every query. Prefix: every word attends to one more token for each. Late: they are added after the "
        "mean. Glued: codes stand beside the plain vector and no word sees them."
    )
    drawing = Drawing(860, 300, title)
    columns = [
        ("published", "scores × τ", "one number a head", 2),
        ("additive", "queries + W t + W s", "the same for all words", 2),
        ("prefix", "a token for each", "every word looks itself", 2),
        ("late", "mean + f(t, s)", "no word sees it", 1),
        ("glued codes", "[mean, t, s]", "nothing is trained", 0),
    ]
    for number, (name, what, reach, place) in enumerate(columns):
        left = 8 + 170 * number
        drawing.text(left + 78, 22, name, size=18, font_weight="bold")
        levels = [(56, "vector"), (118, "mean"), (180, "6 layers")]
        for y, label in levels:
            drawing.box(left + 8, y, 84, 36, label, colour=WORDS)
        drawing.arrow((left + 50, 240), (left + 50, 219), colour=WORDS)
        drawing.arrow((left + 50, 178), (left + 50, 157), colour=WORDS)
        drawing.arrow((left + 50, 116), (left + 50, 95), colour=WORDS)
        at = levels[place][0] + 18
        for offset, colour, label in ((-15, MONTH, "t"), (15, REGION, "s")):
            drawing.arrow((left + 124, at + offset), (left + 95, at + offset / 3), colour=colour)
            drawing.box(left + 126, at + offset - 12, 26, 24, label, colour=colour)
        drawing.text(left + 78, 258, what, size=14)
        drawing.text(left + 78, 280, reach, size=13, colour=GREY)
    return drawing


def course() -> Drawing:
    """What flows through the lessons: data above, models below, what is asked of them at the end."""
    title = (
        "The course. A file becomes rows without leaks (lesson 03), triples and pairs (05). Words pass an encoder "
        "(01), which is given month and region (02). Stage 1 (04) and stage 2 (06) train it; lessons 07 and 10 ask "
        "whether it works; lessons 08, 09, 11 and 12 use it."
    )
    drawing = Drawing(860, 335, title)
    see, build, doubt, use = GREY, WORDS, MONTH, REGION
    steps = [
        (20, 30, "a file of texts,\nmonths, regions", doubt, "03"),
        (190, 30, "split\nwithout leaks", doubt, "03"),
        (360, 30, "pairs and\ntheir label", build, "05"),
        (20, 150, "plain encoder:\nMiniLM", build, "01, 01b"),
        (190, 150, "month, region\nin attention", build, "02, 02b"),
        (360, 150, "stage 1: words,\nmonth, region", doubt, "04"),
        (530, 150, "stage 2: cosines\nmeet the label", build, "06, 06b"),
        (700, 50, "does it work?", doubt, "07, 10"),
        (700, 150, "maps, clusters", use, "08, 09"),
        (700, 250, "search, and a\ncorpus of yours", use, "11, 12"),
        (20, 250, "a trained model,\nto play with", see, "00"),
    ]
    for x, y, words, colour, lessons in steps:
        drawing.box(x, y, 140, 52, words, colour=colour, size=14)
        drawing.text(x + 70, y + 68, f"lesson{'s' if ',' in lessons else ''} {lessons}", size=14, colour=GREY)
    for number, (act, colour) in enumerate(
        {"see it": see, "build it": build, "doubt it": doubt, "use it": use}.items()
    ):
        drawing.box(230 + 108 * number, 270, 20, 20, colour=colour)
        drawing.text(290 + 108 * number, 280, act, size=15)
    for x in (160, 330):
        drawing.arrow((x, 56), (x + 28, 56))
    for x in (160, 330, 500):
        drawing.arrow((x, 176), (x + 28, 176))
    drawing.arrow((275, 108), (275, 124), (430, 124), (430, 147))  # triples
    drawing.arrow((500, 56), (600, 56), (600, 147))
    for y in (76, 176, 276):
        drawing.arrow((670, 176), (684, 176), (684, y), (698, y))
    return drawing


DIAGRAMS: dict[str, Callable[[], Drawing]] = {"model": model, "ways": ways, "course": course}


def write(folder: str | Path) -> None:
    """Write every diagram as `NAME.svg`."""
    for name, draw in DIAGRAMS.items():
        (Path(folder) / f"{name}.svg").write_text(draw().svg(), encoding="utf-8")


if __name__ == "__main__":
    write(sys.argv[1])
