"""Names, companies and contact data that look real and belong to no one.

Domains end in .example, telephone numbers lie in the ranges reserved for fiction (US 555-01xx, UK 07700 900xxx), mailbox
names at gmail.com hold a hyphen (which no mailbox there can), and profile links end in a word no profile has.
"""

import re

FIRST = ("Amara Anders Beatriz Bram Camille Carlos Chidi Clara Dafne Darius Delia Diego Edith Elif Emre Erika Farah Felix Finn "
         "Freya Gideon Grace Hana Hugo Ida Imani Ines Iris Ivan Jana Jasper Joana Jonas Kaia Karim Keiko Lars Leila Lena Liam "
         "Lina Luca Mads Maren Marta Mateo Maya Milan Mina Naomi Nadia Nils Noor Nora Olga Omar Oscar Paula Pavel Petra Priya "
         "Quinn Rafael Rania Rosa Ruben Sabine Samir Selma Silas Sofia Stella Sven Tara Tariq Theo Tilda Tomas Uma Vera Viktor "
         "Wanda Wesley Yara Yusuf Zara Zeno").split()
LAST = ("Abara Ahlgren Ashdown Bakos Barrow Belmonte Bergstrom Birch Calloway Castellan Colwyn Dalgaard Delacroix Denholm Duarte "
        "Eckhart Elmwood Engel Farrow Faulkner Fennimore Galloway Garza Greaves Hallam Hartwell Hedlund Holloway Ibarra Ingram "
        "Jarvela Kessler Kinsella Kowal Lachance Langford Lindqvist Lockhart Marlowe Mbeki Mercer Moravec Nakata Norwood Oakhurst "
        "Okafor Olander Osei Pacheco Penrose Petrov Quillfeather Radcliffe Ramirez Renner Rosenthal Salcedo Sandoval Schell "
        "Sorensen Stratton Takeda Tavares Thornbury Ueland Valdez Vandermeer Verhoeven Wadsworth Westbrook Whitcombe Yamada "
        "Yilmaz Zielinski").split()
ACCENTED = {"Bergstrom": "Bergström", "Sorensen": "Sørensen", "Ramirez": "Ramírez", "Jarvela": "Järvelä",
            "Zielinski": "Zieliński", "Yilmaz": "Yılmaz"}
HEADS = ("Alder Amber Anchor Aspen Atlas Beacon Birchwood Bluestone Bright Canyon Cedar Cinder Clearwater Cobalt Copper Crestline "
         "Delta Dovetail Eastgate Ember Falcon Fernhill Finch Foxglove Garnet Granite Greyfield Harbor Hawthorn Heron Highland "
         "Ironbridge Juniper Kestrel Keystone Lakeside Lantern Larkspur Lighthouse Longview Maple Meridian Millbrook Moss Northgate "
         "Oakline Orchard Osprey Palisade Pinecrest Prairie Quarry Redwood Ridgeway Riverton Rowan Saffron Sandpiper Silverlake "
         "Skylark Sterling Stonehaven Summit Tamarack Thistle Timber Trellis Umber Valley Vesper Westwind Wildflower Willow "
         "Windward Wren").split()
TAILS = {
    "Logistics": ("Freight", "Logistics", "Shipping", "Supply"), "Manufacturing": ("Works", "Tooling", "Fabrication", "Metals"),
    "Software": ("Systems", "Software", "Data", "Labs"), "Healthcare": ("Health", "Clinics", "Medical", "Care"),
    "Retail": ("Outfitters", "Goods", "Market", "Home"), "Financial Services": ("Capital", "Advisory", "Mutual", "Insurance"),
    "Construction": ("Builders", "Civil", "Interiors", "Roofing"), "Hospitality": ("Hotels", "Kitchens", "Events", "Resorts"),
    "Energy": ("Power", "Solar", "Grid", "Renewables"), "Education": ("Academy", "Learning", "Institute", "Press"),
}
PLACES = {  # location, country, legal forms, currency, weight
    "US": (("Seattle, WA", "Austin, TX", "Denver, CO", "Columbus, OH", "Portland, OR", "Boston, MA", "Raleigh, NC",
            "Minneapolis, MN"), ("Inc.", "LLC", "Corp.", "Co."), "USD", 60),
    "GB": (("London", "Manchester", "Leeds", "Bristol", "Edinburgh"), ("Ltd", "Limited", "LLP", "plc"), "GBP", 25),
    "EU": (("Hamburg", "Rotterdam", "Lyon", "Porto", "Malmö", "Graz"), ("GmbH", "B.V.", "SAS", "AB"), "EUR", 15),
}
AREA_CODES = (206, 512, 303, 614, 503, 617, 919, 612, 415, 312, 404, 702)


class Sources:
    """Draws people and companies from one random generator, never the same phone, mailbox or company twice."""

    def __init__(self, rng):
        self.rng = rng
        self.companies, self.people, self.phones = set(), set(), set()

    def company(self):
        """Return name, short name, domain, industry, location, currency, region."""
        while True:
            industry = self.rng.choice(sorted(TAILS))
            short = f"{self.rng.choice(HEADS)} {self.rng.choice(TAILS[industry])}"
            if short not in self.companies:
                break
        self.companies.add(short)
        region = self.rng.choices(sorted(PLACES), [PLACES[key][3] for key in sorted(PLACES)])[0]
        places, forms, currency, _ = PLACES[region]
        return {"name": f"{short} {self.rng.choice(forms)}", "short": short, "domain": slug(short, "") + ".example",
                "industry": industry, "location": self.rng.choice(places), "currency": currency, "region": region}

    def person(self):
        """Return (first, last) that were not drawn together before."""
        while True:
            pair = (self.rng.choice(FIRST), self.rng.choice(LAST))
            if pair not in self.people:
                self.people.add(pair)
                return pair

    def phone(self, region):
        """Return the digits of a number reserved for fiction, country code first."""
        while True:
            if region == "US":
                digits = f"1{self.rng.choice(AREA_CODES)}55501{self.rng.randrange(100):02d}"
            else:
                digits = f"447700900{self.rng.randrange(1000):03d}"
            if digits not in self.phones:
                self.phones.add(digits)
                return digits


def slug(text, joint="-"):
    return re.sub(r"[^a-z0-9]+", joint, text.lower()).strip("-")


def full_name(person):
    return f"{person[0]} {ACCENTED.get(person[1], person[1])}"


def phone_text(digits, style):
    """Write a number in one of four usual styles, always with its country code."""
    if digits.startswith("1"):
        area, middle, end = digits[1:4], digits[4:7], digits[7:]
        return (f"+1 ({area}) {middle}-{end}", f"+1-{area}-{middle}-{end}", f"+1 {area} {middle} {end}",
                f"+1{area}{middle}{end}")[style % 4]
    rest = digits[2:]
    return (f"+44 {rest[:4]} {rest[4:]}", f"+44 (0){rest[:4]} {rest[4:7]} {rest[7:]}", f"+44-{rest[:4]}-{rest[4:]}",
            f"+44{rest}")[style % 4]


def profile_link(person, number):
    return f"https://www.linkedin.com/in/{slug(person[0])}-{slug(person[1])}-northwind-demo-{number:04d}"
