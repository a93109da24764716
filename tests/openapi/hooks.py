"""What the formats of the OpenAPI file mean, for data that is to be taken."""

import schemathesis
from hypothesis import strategies


def is_name(text):
    return 1 <= len(text.encode()) <= 256


# No control characters (Cc), and nothing that is no UTF-8 (Cs).
names = strategies.text(strategies.characters(exclude_categories=("Cc", "Cs")), min_size=1, max_size=64).filter(is_name)
schemathesis.openapi.format("document-name", names)

# Positions in lists: names in hexadecimal digits.
schemathesis.openapi.format("cursor", names.map(lambda name: name.encode().hex()))
