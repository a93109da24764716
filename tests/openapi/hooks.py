"""What the formats and media types of the OpenAPI file mean, for data that is to be taken."""

import io
import tarfile
import urllib.parse

import schemathesis
from hypothesis import strategies

# No control characters (Cc), and nothing that is no UTF-8 (Cs).
names = strategies.text(strategies.characters(exclude_categories=("Cc", "Cs")), min_size=1, max_size=64).filter(
    lambda name: name not in (".", "..")
)
schemathesis.openapi.format("document-name", names)

# Places in lists: names in hexadecimal digits.
schemathesis.openapi.format("cursor", names.map(lambda name: name.encode().hex()))

tags = strategies.from_regex(r'\A(W/)?"[0-9a-f-]{0,20}[ujt]?"\Z')
schemathesis.openapi.format(
    "entity-tags", strategies.just("*") | strategies.lists(tags, min_size=1, max_size=3).map(", ".join)
)

# Revisions of the settings.
schemathesis.openapi.format("revision", strategies.just("*") | strategies.integers(0, 99).map('"{}"'.format))


def insertion(client, text):
    """A text of ASCII at the start of the root `body`, as Yjs writes it."""
    return bytes([1, 1, client, 0, 4, 1, 4]) + b"body" + bytes([len(text)]) + text + bytes([0])


# Updates that documents take, and bytes that no document takes.
ascii = strategies.binary(min_size=1, max_size=100).map(lambda text: bytes(32 + byte % 95 for byte in text))
updates = strategies.builds(insertion, strategies.integers(0, 127), ascii)
anything = updates | strategies.just(b"\0\0") | strategies.binary(max_size=200)
schemathesis.openapi.media_type("application/octet-stream", anything)


def archive(entries, cut):
    written = io.BytesIO()
    with tarfile.open(fileobj=written, mode="w") as tar:
        for name, update in entries:
            entry = tarfile.TarInfo(urllib.parse.quote(name, safe="") + ".yjs")
            entry.size = len(update)
            tar.addfile(entry, io.BytesIO(update))
    whole = written.getvalue()
    return whole if cut is None else whole[: cut % len(whole)]


entries = strategies.lists(strategies.tuples(names, anything), max_size=5)
archives = strategies.builds(archive, entries, strategies.none() | strategies.integers(0, 20_000))
schemathesis.openapi.media_type("application/x-tar", archives | strategies.binary(max_size=2_000))
