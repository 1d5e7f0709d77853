"""The words a support desk is made of."""


def _listed(text: str) -> list[str]:
    return text.split("|")


FIRST_NAMES = _listed(
    "Aisha|Alan|Amara|Anna|Ben|Carla|Chen|Daniel|Diego|Elena|Emma|Farid|Grace|Hana|Henrik|"
    "Ines|Ivan|Jamal|Julia|Karin|Kofi|Laura|Leo|Lina|Luis|Maria|Mei|Milan|Nadia|Nils|Olga|"
    "Omar|Paul|Priya|Quinn|Rosa|Ruth|Samir|Sara|Sofia|Tariq|Tom|Uma|Vera|Victor|Wei|Yara|"
    "Yusuf|Zoe"
)
LAST_NAMES = _listed(
    "Abara|Adler|Ahmed|Almeida|Andersen|Bauer|Becker|Bianchi|Brown|Castillo|Chen|Costa|Dubois|"
    "Eriksen|Evans|Fischer|Garcia|Haddad|Hansen|Hoffmann|Ito|Ivanova|Jensen|Kaur|Kim|Kowalski|"
    "Larsen|Lopez|Martin|Meyer|Moreau|Nakamura|Nguyen|Novak|Okafor|Olsen|Patel|Pereira|Rossi|"
    "Santos|Schmidt|Silva|Singh|Smith|Tanaka|Vargas|Weber|Wilson|Wong|Young"
)
FIRMS = _listed(
    "Alder|Amber|Apex|Aurora|Beacon|Birch|Bluebird|Borealis|Cedar|Cobalt|Copper|Crescent|"
    "Delta|Ember|Falcon|Fjord|Garnet|Glacier|Granite|Harbor|Heron|Indigo|Ivory|Juniper|"
    "Keystone|Lumen|Maple|Meridian|Nimbus|Northwind|Onyx|Orchard|Pinnacle|Prairie|Quarry|"
    "Redwood|Saffron|Sierra|Summit|Tidal|Umber|Vale|Willow|Zephyr"
)
TRADES = [
    "Bank",
    "Clinics",
    "Construction",
    "Energy",
    "Foods",
    "Freight",
    "Insurance",
    "Logistics",
    "Machines",
    "Media",
    "Motors",
    "Networks",
    "Paper",
    "Pharma",
    "Retail",
    "Schools",
    "Steel",
    "Systems",
    "Textiles",
    "Travel",
]
FORMS = ("Inc.", "Ltd", "GmbH", "SA", "LLC", "BV", "AB", "Group")
PLACES = (
    ("12 Market Street", "San Francisco", "CA", "94105", "United States", 37.7936, -122.3958),
    ("400 Lake Avenue", "Chicago", "IL", "60611", "United States", 41.8931, -87.6166),
    ("7 Rue de Rivoli", "Paris", "Île-de-France", "75004", "France", 48.8556, 2.3579),
    ("88 Friedrichstraße", "Berlin", "Berlin", "10117", "Germany", 52.5163, 13.3889),
    ("3 Kungsgatan", "Stockholm", "Stockholm", "111 43", "Sweden", 59.3363, 18.0664),
    ("21 King Street", "London", "England", "EC2V 8EA", "United Kingdom", 51.5142, -0.0931),
    ("5-1 Marunouchi", "Tokyo", "Tokyo", "100-0005", "Japan", 35.6812, 139.7671),
    ("150 Avenida Paulista", "São Paulo", "SP", "01310-100", "Brazil", -23.5614, -46.6559),
)
PRODUCTS = (
    ("GenWatt Diesel 200kW", "GC1040", "Hardware", 25000.0),
    ("GenWatt Propane 100kW", "GC3020", "Hardware", 15000.0),
    ("Edge Router 4800", "NR4800", "Hardware", 3200.0),
    ("Access Point AX", "NA0300", "Hardware", 450.0),
    ("Thermal Printer T2", "PT0200", "Hardware", 780.0),
    ("Point of Sale Suite", "SW1000", "Software", 1200.0),
    ("Fleet Portal", "SW2000", "Software", 2400.0),
    ("Reporting Add-on", "SW2100", "Software", 600.0),
    ("Installation", "SL9020", "Service", 850.0),
    ("Premium Support", "SL9080", "Service", 5000.0),
    ("On-site Maintenance", "SL9060", "Service", 3600.0),
    ("Training Day", "SL9070", "Service", 1500.0),
)
TROUBLES = (
    "does not start after the update",
    "shuts down under load",
    "shows the wrong balance",
    "loses its connection every few hours",
    "prints blank pages",
    "rejects the new licence key",
    "is slower since last week",
    "cannot be reached from the branch office",
    "sends every invoice twice",
    "ignores the maintenance window",
    "reports an unknown sensor",
    "asks for a password again and again",
)
SENTENCES = (
    "The customer called this morning and is waiting for an answer.",
    "It began after the maintenance on the weekend; nothing else was changed.",
    "Restarting helps for about an hour, then the same message comes back.",
    "Two other sites with the same configuration are not affected.",
    'The log says "E-1047: handshake refused" at the time of the failure.',
    "We attached screenshots, and the export of the settings from both machines.",
    "Please confirm whether the replacement part is covered by the contract.",
    "The team on site can test a fix between 18:00 and 20:00 local time.",
    "Finance needs the corrected figures before the end of the quarter.",
    "Überprüft wurde bereits: Kabel, Netzteil, Firmware — ohne Erfolg.",
    "Le client demande un rappel au numéro de mobile indiqué.",
    "Steps:\n1. open the portal\n2. choose any device\n3. wait about ten seconds",
)
REPLIES = (
    "Called the customer back; agreed on a test tomorrow morning.",
    "Sent the firmware package and the instructions.",
    "Could not reproduce it here; asked for the log files.",
    "The part is on its way, delivery expected on Thursday.",
    "Customer confirms that the problem has not come back since.",
    "Escalated to the second line together with the traces.",
    "Refund approved by the account owner.",
    "Waiting for the customer's network team.",
)
CAUSES = (
    "A certificate on the device had expired; the renewal job had been switched off.",
    "A power supply below its rated voltage made the controller restart.",
    "The import ran twice because two schedules overlapped.",
    "A firewall rule dropped idle connections after thirty minutes.",
)
ARTICLES = (
    "Reset the controller to factory settings",
    "Read the status lights",
    "Move a licence to another device",
    "Change the billing address",
    "Pair the printer with a tablet",
    "Set up single sign-on",
    "Plan a maintenance window",
    "Replace the fuel filter",
    "Export a report to a spreadsheet",
    "What a service contract covers",
)
