"""Tables of countries, their regions, the shapes of their postcodes, and the words of street
addresses.

Invariants: every key is casefolded ASCII; every value is its own normal form, so that normalising
twice changes nothing. Sources: ISO 3166-1/-2, USPS Publication 28 appendix C, AS 4590.1, and the
national posts' postcode formats.
"""

import re
from typing import Final


def _pairs(text: str) -> dict[str, str]:
    """Read `CODE name|other name` lines into name -> CODE; the code itself is a name too."""
    found: dict[str, str] = {}
    for line in text.strip().splitlines():
        code, _, names = line.strip().partition(" ")
        found[code.casefold()] = code
        found.update((name, code) for name in names.split("|") if name)
    return found


COUNTRIES: Final = _pairs("""
US usa|united states|united states of america|u s a|u s|america
AU aus|australia
CA can|canada
NZ nzl|new zealand
GB gbr|uk|united kingdom|great britain|england|scotland|wales|northern ireland|u k
IE irl|ireland|eire
AT aut|austria|osterreich
BE bel|belgium|belgie|belgique
BG bgr|bulgaria
HR hrv|croatia|hrvatska
CY cyp|cyprus
CZ cze|czechia|czech republic
DK dnk|denmark|danmark
EE est|estonia|eesti
FI fin|finland|suomi
FR fra|france
DE deu|ger|germany|deutschland
GR grc|greece|hellas
HU hun|hungary|magyarorszag
IT ita|italy|italia
LV lva|latvia
LT ltu|lithuania
LU lux|luxembourg
MT mlt|malta
NL nld|netherlands|the netherlands|holland|nederland
PL pol|poland|polska
PT prt|portugal
RO rou|romania
SK svk|slovakia|slovak republic
SI svn|slovenia
ES esp|spain|espana
SE swe|sweden|sverige
IS isl|iceland
LI lie|liechtenstein
NO nor|norway|norge
CH che|switzerland|schweiz|suisse|svizzera
MX mex|mexico
JP jpn|japan
CN chn|china
HK hkg|hong kong
SG sgp|singapore
IN ind|india
BR bra|brazil|brasil
ZA zaf|south africa
IL isr|israel
KR kor|south korea|republic of korea
TR tur|turkey|turkiye
""")

US_REGIONS: Final = _pairs("""
AL alabama
AK alaska
AZ arizona
AR arkansas
CA california
CO colorado
CT connecticut
DE delaware
DC district of columbia|washington dc|washington d c|d c
FL florida
GA georgia
HI hawaii
ID idaho
IL illinois
IN indiana
IA iowa
KS kansas
KY kentucky
LA louisiana
ME maine
MD maryland
MA massachusetts
MI michigan
MN minnesota
MS mississippi
MO missouri
MT montana
NE nebraska
NV nevada
NH new hampshire
NJ new jersey
NM new mexico
NY new york
NC north carolina
ND north dakota
OH ohio
OK oklahoma
OR oregon
PA pennsylvania
RI rhode island
SC south carolina
SD south dakota
TN tennessee
TX texas
UT utah
VT vermont
VA virginia
WA washington
WV west virginia
WI wisconsin
WY wyoming
PR puerto rico
VI virgin islands|us virgin islands
GU guam
AS american samoa
MP northern mariana islands
AE armed forces europe
AP armed forces pacific
AA armed forces americas
""")

AU_REGIONS: Final = _pairs("""
NSW new south wales
VIC victoria
QLD queensland
SA south australia
WA western australia
TAS tasmania
NT northern territory
ACT australian capital territory
""")

CA_REGIONS: Final = _pairs("""
AB alberta
BC british columbia
MB manitoba
NB new brunswick
NL newfoundland and labrador|newfoundland|labrador
NS nova scotia
NT northwest territories
NU nunavut
ON ontario
PE prince edward island|pei
QC quebec
SK saskatchewan
YT yukon
""")

REGIONS: Final = {"US": US_REGIONS, "AU": AU_REGIONS, "CA": CA_REGIONS}

# What a postcode without blanks and hyphens looks like; other countries' are taken as they come.
_FOUR, _FIVE = re.compile(r"\d{4}"), re.compile(r"\d{5}")
POSTCODES: Final = {
    "US": re.compile(r"\d{5}(?:\d{4})?"),
    "CA": re.compile(r"[ABCEGHJ-NPRSTVXY]\d[ABCEGHJ-NPRSTV-Z]\d[ABCEGHJ-NPRSTV-Z]\d"),
    "GB": re.compile(r"(?:[A-Z]{1,2}\d[A-Z\d]?\d[ABD-HJLNP-UW-Z]{2}|GIR0AA)"),
    "IE": re.compile(r"(?:[AC-FHKNPRTV-Y]\d{2}|D6W)[0-9AC-FHKNPRTV-Y]{4}"),
    "NL": re.compile(r"[1-9]\d{3}[A-Z]{2}"),
    "PT": re.compile(r"\d{4}(?:\d{3})?"),
    "PL": re.compile(r"\d{5}"),
    "MT": re.compile(r"[A-Z]{3}\d{4}"),
    "LV": re.compile(r"\d{4}"),
    "LT": re.compile(r"\d{5}"),
    "RO": re.compile(r"\d{6}"),
    "IS": re.compile(r"\d{3}"),
    **dict.fromkeys(
        ("AU", "NZ", "AT", "BE", "BG", "CH", "CY", "DK", "HU", "LI", "LU", "NO", "SI"), _FOUR
    ),
    **dict.fromkeys(("CZ", "DE", "EE", "ES", "FI", "FR", "GR", "HR", "IT", "SE", "SK"), _FIVE),
}
# Spreadsheets drop leading zeros; these countries have postcodes that begin with one.
POSTCODE_DIGITS: Final = {"US": 5, "AU": 4, "DE": 5, "ES": 5, "FR": 5, "IT": 5, "FI": 5}
# The letters that some write in front of the digits ("D-10115", "LV-1010").
POSTCODE_PREFIX: Final = {
    "AT": "A", "BE": "B", "CH": "CH", "DE": "D", "DK": "DK", "FI": "FI", "FR": "F", "HR": "HR",
    "IT": "I", "LT": "LT", "LU": "L", "LV": "LV", "NO": "N", "SE": "SE", "SI": "SI", "SK": "SK",
    "CZ": "CZ",
}  # fmt: skip
# Where the blank or hyphen stands in a postcode written in full: (length, position, mark).
POSTCODE_BREAK: Final = {
    "US": (9, 5, "-"), "PT": (7, 4, "-"), "PL": (5, 2, "-"), "CA": (6, 3, " "), "IE": (7, 3, " "),
    "NL": (6, 4, " "), "MT": (7, 3, " "), "CZ": (5, 3, " "), "GR": (5, 3, " "), "SE": (5, 3, " "),
    "SK": (5, 3, " "),
}  # fmt: skip


def _words(text: str) -> dict[str, str]:
    """Read `short long long ...` groups, one a line, into long -> short."""
    groups = (line.split() for line in text.strip().splitlines())
    return {word: group[0] for group in groups for word in group}


STREET_WORDS: Final = _words("""
aly alley ally
arc arcade
ave avenue av aven avenu avn
bvd boulevard blvd boul bld
br branch
brg bridge bri
bwy broadway
byp bypass bypa
cl close
cct circuit cirt
cir circle circ cirl
con concourse
cnr corner cor
ct court crt
cts courts
cres crescent crescnt crsnt cr
xing crossing
dr drive drv driv
esp esplanade
est estate
espl esplanades
exp expressway expy
ext extension
fwy freeway
gdns gardens gdn garden
gr grove grv gro
hts heights
hwy highway
hl hill
is island
jct junction
la lane ln
lp loop
mt mount mnt
mw mews
pde parade
pk park prk
pkwy parkway pky
pass passage
pl place plc
plz plaza
pt point pnt
prom promenade
qy quay
rdg ridge
rd road
rt route rte
sq square sqr
st street str saint
ter terrace tce terr
trl trail
tpke turnpike
vw view
wlk walk
wy way
""")

DIRECTION_WORDS: Final = _words("""
n north
s south
e east
w west
ne northeast
nw northwest
se southeast
sw southwest
""")

UNIT_WORDS: Final = frozenset(
    [
        "unit",
        "apartment",
        "apt",
        "apmt",
        "suite",
        "ste",
        "flat",
        "villa",
        "townhouse",
        "shop",
        "lot",
        "u",
        "no",
        "room",
        "rm",
    ]
)
