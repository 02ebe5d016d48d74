"""The viewer's file: what it holds, what it never holds, how large it gets, and what is refused."""

import base64
import hashlib
import json
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from course.geometry import nearest, true_neighbours
from course.maps import umap_map
from course.viewer import MOST_POINTS, frame, write
from spacetime.terminal import shown

COUNT = 6
GIVEN: dict[str, Any] = {
    "embeddings": np.random.default_rng(0).normal(size=(COUNT, 5)),
    "texts": ["Frost.", "More frost.", "Rates rise.", "Higher rates.", "Clocks go back.", "Clocks again."],
    "months": ["2019-11", "2019-12", None, "2020-02-29", "2020-02", "2019-11"],
    "regions": ["UK", "Mars", "UK", None, "US", "Venus"],
}


class Elements(HTMLParser):
    """Every element's attributes, and the content of every script and style, as an HTML reader finds them."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None]]] = []
        self.content: list[str] = []
        self.inside = False
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attrs)))
        self.content.append("")
        self.inside = True

    def handle_endtag(self, tag: str) -> None:
        self.inside = False

    def handle_data(self, data: str) -> None:
        if self.inside:
            self.content[-1] += data

    def all(self, tag: str) -> list[tuple[dict[str, str | None], str]]:
        return [(of, held) for (name, of), held in zip(self.found, self.content, strict=True) if name == tag]

    def json(self, name: str) -> Any:
        return json.loads(next(held for of, held in self.all("script") if of.get("id") == name))


def page(tmp_path: Path, **changed: Any) -> str:
    return write(**(GIVEN | {"path": tmp_path / "map.html"} | changed)).read_text(encoding="utf-8")


def sample(count: int) -> dict[str, Any]:
    """Everything that can be given, with texts of 120 letters drawn at random."""
    draw = np.random.default_rng(0)
    letters = draw.integers(97, 123, size=(count, 120)).astype(np.uint8)
    embeddings, plain = draw.normal(size=(2, count, 4))
    return {
        "embeddings": embeddings,
        "texts": [row.tobytes().decode() for row in letters],
        "months": draw.choice([f"{year}-{month:02d}" for year in (2019, 2020) for month in range(1, 13)], count),
        "regions": draw.choice(["UK", "US", "AUS", "CAN"], count),
        "coordinates": (embeddings[:, :2], plain[:, :2]),
        "plain_embeddings": plain,
        "clusters": draw.choice(["cold", "money", "clocks"], count),
    }


def numbers(data: str, kind: str = "<u2") -> np.ndarray:
    return np.frombuffer(base64.b64decode(data), kind)


# ------------------------------------------------------------------------------------------ one file, nothing else


def test_the_page_asks_for_nothing_and_links_to_nothing(tmp_path: Path) -> None:
    source = page(tmp_path, plain_embeddings=GIVEN["embeddings"], clusters=[0, 0, 1, 1, -1, -1])
    assert "://" not in source
    links = [
        value for _, of in Elements(source).found for name, value in of.items() if name in ("src", "href", "action")
    ]
    assert links == ["data:,"]  # an empty icon, so that no server is asked for one


def test_the_policy_allows_our_script_and_style_and_nothing_else(tmp_path: Path) -> None:
    elements = Elements(page(tmp_path))
    policy = next(of["content"] for of, _ in elements.all("meta") if "http-equiv" in of)
    script = next(held for of, held in elements.all("script") if not of)
    (_, style) = elements.all("style")[0]
    hashes = [base64.b64encode(hashlib.sha256(held.encode()).digest()).decode() for held in (style, script)]
    assert policy == (
        f"default-src 'none'; img-src data:; style-src 'sha256-{hashes[0]}'; script-src 'sha256-{hashes[1]}'; "
        "base-uri 'none'; form-action 'none'"
    )


HARMLESS = [
    "</script><script>alert(1)</script>",
    "<!-- <script>",
    "]]> &lt; &amp; &",
    "two\u2028lines\u2029here\r\n\x00",
    "half a pair \ud83d",
    '{{data}} \\ " \\u003c 中文 é 🙂',
]


def test_no_text_can_leave_its_place(tmp_path: Path) -> None:
    elements = Elements(
        page(tmp_path, texts=HARMLESS, title="</title><script>", regions=HARMLESS, clusters=HARMLESS, months=None)
    )
    assert len(elements.all("script")) == 3
    seen = [shown(text.replace("\r\n", "\n")) for text in HARMLESS]
    assert elements.json("texts") == seen
    assert sorted(region["name"] for region in elements.json("data")["regions"]) == sorted(seen)
    assert sorted(elements.json("data")["clusters"]) == sorted(seen)
    assert [held for _, held in elements.all("title")] == ["</title><script>"]


def test_what_turns_the_direction_of_writing_is_shown_as_a_terminal_would(tmp_path: Path) -> None:
    odd, seen = "a\u202eb\x1b[2J\nc", "a\\u202eb\\u001b[2J\nc"
    elements = Elements(page(tmp_path, texts=[odd] * len(HARMLESS), title=odd, regions=[odd] * len(HARMLESS)))
    assert set(elements.json("texts")) == {seen}
    assert [region["name"] for region in elements.json("data")["regions"]] == [seen]
    assert [held for _, held in elements.all("title")] == [seen]


def test_the_blocks_hold_no_sign_that_ends_a_script_or_a_line(tmp_path: Path) -> None:
    source = page(tmp_path, texts=HARMLESS)
    block = source.split('id="texts">')[1].split("</script>")[0]
    assert not set("<>&\u2028\u2029") & set(block)


def test_a_quarter_of_ten_thousand_sentences_takes_a_quarter_of_five_megabytes_at_most(tmp_path: Path) -> None:
    """The whole of it is written, loaded and measured in test_course_viewer_browser.py."""
    written = write(**sample(2500), path=tmp_path / "map.html")
    assert 2500 * 120 < written.stat().st_size < 5e6 / 4


def test_the_same_input_gives_the_same_file(tmp_path: Path) -> None:
    assert page(tmp_path) == page(tmp_path)


# -------------------------------------------------------------------------------------------------- what it holds


def test_months_are_counted_from_the_first_and_missing_ones_are_kept(tmp_path: Path) -> None:
    data = Elements(page(tmp_path)).json("data")
    assert data["months"] == ["2019-11", "2019-12", "2020-01", "2020-02"]
    assert numbers(data["month"]).tolist() == [0, 1, 65535, 3, 3, 0]
    assert (data["undated"], data["unplaced"]) == (1, 1)


def test_no_two_regions_look_alike_and_the_published_ones_look_as_in_the_lessons(tmp_path: Path) -> None:
    names = ["UK", "US", "AUS", "CAN", *(f"R{i}" for i in range(52))]
    regions = Elements(
        page(
            tmp_path,
            embeddings=np.random.default_rng(0).normal(size=(56, 3)),
            texts=names,
            months=None,
            regions=names,
            coordinates=np.zeros((56, 2)),
        )
    ).json("data")["regions"]
    looks = {of["name"]: (of["colour"], of["shape"]) for of in regions}
    assert len(set(looks.values())) == 56
    assert [looks[name] for name in names[:4]] == [
        ("#0072B2", "circle"),
        ("#D55E00", "square"),
        ("#009E73", "up"),
        ("#CC79A7", "diamond"),
    ]


def test_months_and_regions_may_be_left_out(tmp_path: Path) -> None:
    data = Elements(page(tmp_path, months=None, regions=None)).json("data")
    assert (data["months"], data["regions"], data["undated"], data["unplaced"]) == ([], [], COUNT, COUNT)


def test_one_sentence_is_enough(tmp_path: Path) -> None:
    data = Elements(page(tmp_path, embeddings=[[1.0, 2.0]], texts=["Frost."], months=None, regions=None)).json("data")
    assert data["k"] == 0


def test_neighbours_are_the_true_ones_in_each_space(tmp_path: Path) -> None:
    plain = np.random.default_rng(1).normal(size=(COUNT, 3))
    data = Elements(page(tmp_path, plain_embeddings=plain, neighbours=2)).json("data")
    for space, embeddings in zip(data["spaces"], (GIVEN["embeddings"], plain), strict=True):
        rows = numbers(space["neighbours"]).reshape(COUNT, 2)
        assert (rows == nearest(embeddings, 2)).all()
        unit = embeddings / np.linalg.norm(embeddings, axis=1, keepdims=True)
        cosines = numbers(space["cosines"], "u1").reshape(COUNT, 2) / 100 - 1
        # kept to two decimals
        np.testing.assert_allclose(cosines, np.einsum("nd,nkd->nk", unit, unit[rows]), atol=0.005 + 1e-9)


def test_neighbours_found_in_parts_are_the_same() -> None:
    points = np.random.default_rng(0).normal(
        size=(3000, 6)
    )  # 8.4 million cosines at a time: rows 0..2795, and the rest
    rows = [0, 2795, 2796, 2999]
    unit = points / np.linalg.norm(points, axis=1, keepdims=True)
    cosines = unit[rows] @ unit.T
    cosines[range(4), rows] = -1
    assert (true_neighbours(points, 4).rows[rows] == np.argsort(-cosines, axis=1)[:, :4]).all()


def test_equal_sentences_are_each_others_neighbours() -> None:
    found = true_neighbours(np.tile([[3.0, 4.0]], (5, 1)), 3)
    assert found.cosines.ravel() == pytest.approx(np.ones(15))
    assert all(row not in others for row, others in enumerate(found.rows.tolist()))


def test_a_map_that_keeps_all_neighbours_says_so(tmp_path: Path) -> None:
    angle = np.array([0, 1, 3, 7, 15, 31]) / 20  # on a circle the nearest by cosine are the nearest by distance
    circle = np.column_stack([np.cos(angle), np.sin(angle)])
    data = Elements(page(tmp_path, embeddings=circle, coordinates=circle, neighbours=2)).json("data")
    assert data["spaces"][0]["kept"] == 1.0


def test_points_on_one_place_keep_no_neighbour_by_being_their_own(tmp_path: Path) -> None:
    data = Elements(page(tmp_path, coordinates=np.ones((COUNT, 2)), neighbours=1)).json("data")
    assert 0 <= data["spaces"][0]["kept"] < 1


def test_maps_keep_their_aspect_and_fill_the_page(tmp_path: Path) -> None:
    plane = np.array([[0, 0], [4, 0], [4, 2], [0, 2], [2, 1], [1, 1]]) * 1e6 + 7
    data = Elements(page(tmp_path, coordinates=plane)).json("data")
    drawn = numbers(data["maps"][0]).reshape(COUNT, 2) / 65535
    np.testing.assert_allclose(drawn[:4], [[0, 0.25], [1, 0.25], [1, 0.75], [0, 0.75]], atol=1 / 65535)
    assert data["extent"] == [1.0, 0.5]


@pytest.mark.slow
def test_without_coordinates_the_map_is_umaps(tmp_path: Path) -> None:
    given = sample(60)
    del given["coordinates"]
    data = Elements(write(**given, path=tmp_path / "map.html", seed=3).read_text(encoding="utf-8")).json("data")
    plane = umap_map(given["embeddings"], seed=3)
    drawn = numbers(data["maps"][0]).reshape(60, 2) / 65535 * np.ptp(plane, axis=0).max()
    # Moved, but not turned or stretched; rounded to one of 65,536 places on a map about 10 wide.
    np.testing.assert_allclose(drawn - drawn.mean(axis=0), plane - plane.mean(axis=0), atol=1e-3)
    assert len(data["maps"]) == 2


def test_one_map_may_serve_both_embeddings(tmp_path: Path) -> None:
    plane = np.random.default_rng(0).normal(size=(COUNT, 2))
    data = Elements(page(tmp_path, coordinates=plane, plain_embeddings=GIVEN["embeddings"])).json("data")
    assert (len(data["maps"]), len(data["spaces"])) == (1, 2)


def test_the_plain_map_is_turned_onto_the_other(tmp_path: Path) -> None:
    """The same points after a quarter turn of the space are the same picture: nothing moves."""
    points = np.random.default_rng(0).normal(size=(COUNT, 2))
    data = Elements(page(tmp_path, embeddings=points, plain_embeddings=points[:, ::-1] * [1, -1])).json("data")
    first, second = (numbers(drawn).astype(int) for drawn in data["maps"])
    assert abs(first - second).max() <= 1  # of 65,535: rounding


@pytest.mark.parametrize(
    ("clusters", "names", "ids"),
    [
        ([7, 7, 3, 3, -1, None], ["frost", "rates"], [0, 0, 1, 1, 65535, 65535]),
        (["cold", "cold", "money", "", None, "money"], ["cold", "money"], [0, 0, 1, 65535, 65535, 1]),
    ],
)
def test_clusters_are_numbers_that_get_names_or_names(
    tmp_path: Path, clusters: list[Any], names: list[str], ids: list[int]
) -> None:
    data = Elements(page(tmp_path, clusters=clusters)).json("data")
    assert [name.split(",")[0] for name in data["clusters"]] == names
    assert numbers(data["cluster"]).tolist() == ids
    assert data["unclustered"] == 2


def test_two_clusters_with_the_same_words_stay_two(tmp_path: Path) -> None:
    data = Elements(page(tmp_path, texts=["Frost."] * COUNT, clusters=[0, 0, 0, 1, 1, 1])).json("data")
    assert data["clusters"] == ["frost (0)", "frost (1)"]


def test_the_folder_is_made(tmp_path: Path) -> None:
    assert write(**GIVEN, path=tmp_path / "new" / "map.html") == tmp_path / "new" / "map.html"


# ------------------------------------------------------------------------------------------------ what is refused


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"embeddings": np.zeros((0, 4))}, r"embeddings must be a table of n vectors"),
        ({"embeddings": np.full((COUNT, 2), np.nan)}, r"embeddings: 6 of 6 vectors hold NaN"),
        ({"embeddings": np.zeros((MOST_POINTS + 1, 1))}, r"100,001 embeddings; .* up to 100,000: draw a sample"),
        ({"texts": ["Frost."]}, r"6 embeddings and 1 texts; give one for each"),
        ({"texts": "Frost."}, r"texts must be a list, one for each embedding, not the one text 'Frost.'"),
        ({"texts": [*GIVEN["texts"][:5], 5]}, r"texts\[5\] is 5 \(int\), not text"),
        ({"texts": [None, *GIVEN["texts"][1:]]}, r"texts\[0\] is None \(NoneType\), not text"),
        ({"months": ["2019-11"]}, r"6 embeddings and 1 months"),
        ({"months": [None, "2019-13", *GIVEN["months"][2:]]}, r"months\[1\]: month '2019-13': there is no such month"),
        ({"months": ["0001-01", "9999-12", None, None, None, None]}, r"months run from 0001-01 to 9999-12"),
        ({"regions": ["UK"] * 7}, r"6 embeddings and 7 regions"),
        ({"regions": ["UK", 3, None, None, None, None]}, r"regions\[1\] is 3 \(int\), not text such as 'UK'"),
        ({"clusters": [0]}, r"6 embeddings and 1 clusters"),
        ({"clusters": [0, 0.5, 1, 1, 1, 1]}, r"clusters\[1\] is 0.5; give whole numbers or names"),
        ({"clusters": [0, "a", 1, 1, 1, 1]}, r"both numbers and names"),
        ({"plain_embeddings": np.ones((5, 2))}, r"6 embeddings and 5 plain_embeddings"),
        ({"coordinates": np.ones((5, 2))}, r"coordinates of shape \(5, 2\) for 6 embeddings"),
        ({"coordinates": np.ones((COUNT, 3))}, r"coordinates of shape \(6, 3\) for 6 embeddings"),
        ({"coordinates": np.full((COUNT, 2), np.inf)}, r"coordinates: 6 of 6 vectors hold NaN or infinity"),
        ({"coordinates": np.ones((2, COUNT, 2))}, r"coordinates of 2 maps for 1 sets of embeddings"),
        ({"coordinates": []}, r"coordinates must be a table"),
        ({"neighbours": -1}, r"neighbours=-1 must be 0 or more"),
        ({"path": "."}, r"path '\.' is a folder"),
    ],
)
def test_what_cannot_be_shown_is_named(tmp_path: Path, changed: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        page(tmp_path, **changed)
    assert list(tmp_path.iterdir()) == []


def test_more_regions_than_can_be_told_apart_are_refused(tmp_path: Path) -> None:
    names = [f"R{i}" for i in range(57)]
    with pytest.raises(ValueError, match="57 regions; 56 can be told apart"):
        page(tmp_path, embeddings=np.eye(57), texts=names, months=None, regions=names)


# ----------------------------------------------------------------------------------------------------- in notebooks


def test_a_frame_points_at_the_file_and_holds_none_of_it(tmp_path: Path) -> None:
    written = write(**GIVEN, path=tmp_path / "maps" / 'a "b" & c.html')
    shown = frame(written, height=300, start=tmp_path / "lessons")
    found = Elements(shown._repr_html_()).found
    assert found[0][0] == "iframe"
    assert found[0][1]["src"] == "../maps/a%20%22b%22%20%26%20c.html"
    assert found[0][1]["height"] == "300"
    assert found[0][1]["title"]
    assert len(shown._repr_html_()) < 1000


def test_a_frame_says_in_plain_text_what_to_open(tmp_path: Path) -> None:
    write(**GIVEN, path=tmp_path / "map.html")
    assert repr(frame(tmp_path / "map.html", start=tmp_path)).endswith("open map.html in a browser")


def test_a_frame_of_no_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"no file '.*none\.html'; write it first"):
        frame(tmp_path / "none.html")
    with pytest.raises(ValueError, match="height=0"):
        frame(write(**GIVEN, path=tmp_path / "map.html"), height=0)
