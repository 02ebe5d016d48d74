"""The four regions of the almanac: their towns, currencies, exchanges and manners of writing.

Coordinates are in degrees (north and east positive), rounded to a hundredth: about a kilometre, which moves
a sunrise by less than five seconds.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class City:
    """A town with its position, its IANA time zone and the subdivision whose holidays it keeps."""

    name: str
    latitude: float
    longitude: float
    zone: str
    subdivision: str


@dataclass(frozen=True)
class Region:
    """One region of the corpus: where its facts come from and how its people write them.

    Attributes
    ----------
    label : the region label of the corpus ("UK", "US", "AUS", "CAN").
    country : ISO 3166 code, as the holidays package wants it.
    exchange : market identifier code, as exchange-calendars wants it.
    currency : ISO 4217 code.
    """

    label: str
    country: str
    exchange: str
    exchange_names: tuple[str, ...]
    currency: str
    home_names: tuple[str, ...]
    south: bool
    autumn: str
    metre: str
    percent: str
    day_off: str
    cities: tuple[City, ...]
    subdivisions: dict[str, str]

    def __hash__(self) -> int:
        return hash(self.label)


def _cities(zone: str, *rows: tuple[str, float, float, str]) -> tuple[City, ...]:
    return tuple(City(name, latitude, longitude, zone, sub) for name, latitude, longitude, sub in rows)


_UK_CITIES = _cities(
    "Europe/London",
    ("London", 51.51, -0.13, "ENG"),
    ("Manchester", 53.48, -2.24, "ENG"),
    ("Birmingham", 52.48, -1.90, "ENG"),
    ("Leeds", 53.80, -1.55, "ENG"),
    ("Bristol", 51.45, -2.59, "ENG"),
    ("Plymouth", 50.37, -4.14, "ENG"),
    ("Penzance", 50.12, -5.54, "ENG"),
    ("Dover", 51.13, 1.31, "ENG"),
    ("Norwich", 52.63, 1.30, "ENG"),
    ("Liverpool", 53.41, -2.98, "ENG"),
    ("Carlisle", 54.90, -2.93, "ENG"),
    ("Scarborough", 54.28, -0.40, "ENG"),
    ("Brighton", 50.82, -0.14, "ENG"),
    ("Cardiff", 51.48, -3.18, "WLS"),
    ("Swansea", 51.62, -3.94, "WLS"),
    ("Aberystwyth", 52.42, -4.08, "WLS"),
    ("Edinburgh", 55.95, -3.19, "SCT"),
    ("Glasgow", 55.86, -4.25, "SCT"),
    ("Aberdeen", 57.15, -2.09, "SCT"),
    ("Inverness", 57.48, -4.22, "SCT"),
    ("Lerwick", 60.15, -1.15, "SCT"),
    ("Stornoway", 58.21, -6.39, "SCT"),
    ("Belfast", 54.60, -5.93, "NIR"),
    ("Omagh", 54.60, -7.30, "NIR"),
)
_US_CITIES = (
    *_cities(
        "America/New_York",
        ("New York", 40.71, -74.01, "NY"),
        ("Boston", 42.36, -71.06, "MA"),
        ("Philadelphia", 39.95, -75.17, "PA"),
        ("Atlanta", 33.75, -84.39, "GA"),
        ("Miami", 25.76, -80.19, "FL"),
        ("Cleveland", 41.50, -81.69, "OH"),
        ("Burlington", 44.48, -73.21, "VT"),
    ),
    *_cities("America/Detroit", ("Detroit", 42.33, -83.05, "MI")),
    *_cities(
        "America/Chicago",
        ("Chicago", 41.88, -87.63, "IL"),
        ("Houston", 29.76, -95.37, "TX"),
        ("New Orleans", 29.95, -90.07, "LA"),
        ("Minneapolis", 44.98, -93.27, "MN"),
        ("Omaha", 41.26, -95.93, "NE"),
        ("Nashville", 36.16, -86.78, "TN"),
    ),
    *_cities(
        "America/Denver",
        ("Denver", 39.74, -104.99, "CO"),
        ("Salt Lake City", 40.76, -111.89, "UT"),
        ("Albuquerque", 35.08, -106.65, "NM"),
    ),
    *_cities("America/Phoenix", ("Phoenix", 33.45, -112.07, "AZ")),
    *_cities(
        "America/Los_Angeles",
        ("Los Angeles", 34.05, -118.24, "CA"),
        ("San Francisco", 37.77, -122.42, "CA"),
        ("Seattle", 47.61, -122.33, "WA"),
    ),
    *_cities("America/Anchorage", ("Anchorage", 61.22, -149.90, "AK")),
    *_cities("America/Juneau", ("Juneau", 58.30, -134.42, "AK")),
    *_cities("Pacific/Honolulu", ("Honolulu", 21.31, -157.86, "HI")),
)
_AUS_CITIES = (
    *_cities(
        "Australia/Sydney",
        ("Sydney", -33.87, 151.21, "NSW"),
        ("Dubbo", -32.25, 148.60, "NSW"),
        ("Byron Bay", -28.64, 153.61, "NSW"),
        ("Wagga Wagga", -35.11, 147.37, "NSW"),
        ("Canberra", -35.28, 149.13, "ACT"),
    ),
    *_cities(
        "Australia/Melbourne",
        ("Melbourne", -37.81, 144.96, "VIC"),
        ("Ballarat", -37.56, 143.85, "VIC"),
        ("Mildura", -34.21, 142.14, "VIC"),
    ),
    *_cities(
        "Australia/Brisbane",
        ("Brisbane", -27.47, 153.03, "QLD"),
        ("Cairns", -16.92, 145.77, "QLD"),
        ("Townsville", -19.26, 146.82, "QLD"),
        ("Toowoomba", -27.56, 151.95, "QLD"),
    ),
    *_cities(
        "Australia/Adelaide",
        ("Adelaide", -34.93, 138.60, "SA"),
        ("Mount Gambier", -37.83, 140.78, "SA"),
        ("Coober Pedy", -29.01, 134.75, "SA"),
    ),
    *_cities("Australia/Darwin", ("Darwin", -12.46, 130.84, "NT"), ("Alice Springs", -23.70, 133.88, "NT")),
    *_cities(
        "Australia/Perth",
        ("Perth", -31.95, 115.86, "WA"),
        ("Broome", -17.96, 122.24, "WA"),
        ("Albany", -35.02, 117.88, "WA"),
        ("Kalgoorlie", -30.75, 121.47, "WA"),
    ),
    *_cities("Australia/Hobart", ("Hobart", -42.88, 147.33, "TAS"), ("Launceston", -41.44, 147.14, "TAS")),
)
_CAN_CITIES = (
    *_cities(
        "America/Toronto",
        ("Toronto", 43.65, -79.38, "ON"),
        ("Ottawa", 45.42, -75.70, "ON"),
        ("Windsor", 42.31, -83.04, "ON"),
        ("Sudbury", 46.49, -81.00, "ON"),
        ("Montreal", 45.50, -73.57, "QC"),
        ("Quebec City", 46.81, -71.21, "QC"),
    ),
    *_cities("America/Halifax", ("Halifax", 44.65, -63.58, "NS"), ("Charlottetown", 46.24, -63.13, "PE")),
    *_cities("America/Moncton", ("Fredericton", 45.96, -66.64, "NB"), ("Moncton", 46.09, -64.78, "NB")),
    *_cities("America/St_Johns", ("St. John's", 47.56, -52.71, "NL")),
    *_cities("America/Winnipeg", ("Winnipeg", 49.90, -97.14, "MB"), ("Brandon", 49.85, -99.95, "MB")),
    *_cities("America/Regina", ("Regina", 50.45, -104.62, "SK"), ("Saskatoon", 52.13, -106.67, "SK")),
    *_cities("America/Edmonton", ("Edmonton", 53.55, -113.49, "AB"), ("Calgary", 51.05, -114.07, "AB")),
    *_cities(
        "America/Vancouver",
        ("Vancouver", 49.28, -123.12, "BC"),
        ("Victoria", 48.43, -123.37, "BC"),
        ("Prince George", 53.92, -122.75, "BC"),
    ),
    *_cities("America/Whitehorse", ("Whitehorse", 60.72, -135.06, "YT")),
    *_cities("America/Yellowknife", ("Yellowknife", 62.45, -114.37, "NT")),
    *_cities("America/Iqaluit", ("Iqaluit", 63.75, -68.52, "NU")),
)

# Subdivisions whose holidays are told of. The US territories are left out: they are not among the towns.
UK = Region(
    label="UK",
    country="GB",
    exchange="XLON",
    exchange_names=("the London Stock Exchange", "the London market", "the stock exchange in London"),
    currency="GBP",
    home_names=("pound", "pound sterling", "British pound"),
    south=False,
    autumn="autumn",
    metre="metre",
    percent="per cent",
    day_off="bank holiday",
    cities=_UK_CITIES,
    subdivisions={"ENG": "England", "SCT": "Scotland", "WLS": "Wales", "NIR": "Northern Ireland"},
)
US = Region(
    label="US",
    country="US",
    exchange="XNYS",
    exchange_names=("the New York Stock Exchange", "the NYSE", "Wall Street"),
    currency="USD",
    home_names=("US dollar", "American dollar", "greenback"),
    south=False,
    autumn="fall",
    metre="meter",
    percent="percent",
    day_off="federal holiday",
    cities=_US_CITIES,
    subdivisions={
        "AK": "Alaska",
        "DC": "Washington, D.C.",
        "HI": "Hawaii",
        "IL": "Illinois",
        "LA": "Louisiana",
        "MA": "Massachusetts",
        "ME": "Maine",
        "MO": "Missouri",
        "NV": "Nevada",
        "RI": "Rhode Island",
        "TX": "Texas",
        "UT": "Utah",
        "VT": "Vermont",
        "WV": "West Virginia",
    },
)
AUS = Region(
    label="AUS",
    country="AU",
    exchange="XASX",
    exchange_names=("the Australian Securities Exchange", "the ASX", "the share market in Sydney"),
    currency="AUD",
    home_names=("Australian dollar", "Aussie dollar", "Australian dollar"),
    south=True,
    autumn="autumn",
    metre="metre",
    percent="per cent",
    day_off="public holiday",
    cities=_AUS_CITIES,
    subdivisions={
        "ACT": "the Australian Capital Territory",
        "NSW": "New South Wales",
        "NT": "the Northern Territory",
        "QLD": "Queensland",
        "SA": "South Australia",
        "TAS": "Tasmania",
        "VIC": "Victoria",
        "WA": "Western Australia",
    },
)
CAN = Region(
    label="CAN",
    country="CA",
    exchange="XTSE",
    exchange_names=("the Toronto Stock Exchange", "the TSX", "the Toronto market"),
    currency="CAD",
    home_names=("Canadian dollar", "loonie", "Canadian dollar"),
    south=False,
    autumn="fall",
    metre="metre",
    percent="per cent",
    day_off="statutory holiday",
    cities=_CAN_CITIES,
    subdivisions={
        "AB": "Alberta",
        "BC": "British Columbia",
        "MB": "Manitoba",
        "NB": "New Brunswick",
        "NL": "Newfoundland and Labrador",
        "NS": "Nova Scotia",
        "NT": "the Northwest Territories",
        "NU": "Nunavut",
        "ON": "Ontario",
        "PE": "Prince Edward Island",
        "QC": "Quebec",
        "SK": "Saskatchewan",
        "YT": "Yukon",
    },
)
REGIONS: tuple[Region, ...] = (UK, US, AUS, CAN)

# Towns inside the polar circles, only for the weeks without a sunrise or without a sunset.
POLAR: dict[str, City] = {
    "US": City("Utqiagvik", 71.29, -156.79, "America/Anchorage", "AK"),
    "CAN": City("Cambridge Bay", 69.12, -105.06, "America/Cambridge_Bay", "NU"),
}

# Towns elsewhere, whose clocks are compared with those at home.
ABROAD: tuple[tuple[str, str], ...] = (
    ("London", "Europe/London"),
    ("New York", "America/New_York"),
    ("Sydney", "Australia/Sydney"),
    ("Toronto", "America/Toronto"),
    ("Paris", "Europe/Paris"),
    ("Berlin", "Europe/Berlin"),
    ("Athens", "Europe/Athens"),
    ("Tokyo", "Asia/Tokyo"),
    ("Singapore", "Asia/Singapore"),
    ("Mumbai", "Asia/Kolkata"),
    ("Dubai", "Asia/Dubai"),
    ("Nairobi", "Africa/Nairobi"),
    ("Lagos", "Africa/Lagos"),
    ("Johannesburg", "Africa/Johannesburg"),
    ("Auckland", "Pacific/Auckland"),
    ("Buenos Aires", "America/Argentina/Buenos_Aires"),
    ("Reykjavik", "Atlantic/Reykjavik"),
    ("Kathmandu", "Asia/Kathmandu"),
    ("Los Angeles", "America/Los_Angeles"),
    ("Perth", "Australia/Perth"),
)

# Currencies the ECB quoted on every one of its days in 2017-2021: singular, plural.
CURRENCIES: dict[str, tuple[str, str]] = {
    "EUR": ("euro", "euros"),
    "USD": ("US dollar", "US dollars"),
    "GBP": ("British pound", "British pounds"),
    "AUD": ("Australian dollar", "Australian dollars"),
    "CAD": ("Canadian dollar", "Canadian dollars"),
    "JPY": ("Japanese yen", "Japanese yen"),
    "CHF": ("Swiss franc", "Swiss francs"),
    "SEK": ("Swedish krona", "Swedish kronor"),
    "NOK": ("Norwegian krone", "Norwegian kroner"),
    "DKK": ("Danish krone", "Danish kroner"),
    "NZD": ("New Zealand dollar", "New Zealand dollars"),
    "SGD": ("Singapore dollar", "Singapore dollars"),
    "HKD": ("Hong Kong dollar", "Hong Kong dollars"),
    "CNY": ("Chinese yuan", "Chinese yuan"),
    "INR": ("Indian rupee", "Indian rupees"),
    "ZAR": ("South African rand", "South African rand"),
    "TRY": ("Turkish lira", "Turkish lira"),
    "PLN": ("Polish zloty", "Polish zlotys"),
    "CZK": ("Czech koruna", "Czech korunas"),
    "HUF": ("Hungarian forint", "Hungarian forints"),
    "MXN": ("Mexican peso", "Mexican pesos"),
    "BRL": ("Brazilian real", "Brazilian reais"),
    "KRW": ("South Korean won", "South Korean won"),
    "THB": ("Thai baht", "Thai baht"),
    "MYR": ("Malaysian ringgit", "Malaysian ringgit"),
    "ILS": ("Israeli shekel", "Israeli shekels"),
    "PHP": ("Philippine peso", "Philippine pesos"),
    "IDR": ("Indonesian rupiah", "Indonesian rupiah"),
}
