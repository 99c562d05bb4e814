"""Which words are where in a tiny archive."""

import re

import tinyio


def index(file):
    """A dictionary of word -> [(entry's name, line number)...], for entries that are text."""
    places = {}
    for name, data in tinyio.read(file):
        if b'\0' in data:
            continue
        for number, line in enumerate(data.decode(errors='replace').splitlines(), 1):
            for word in sorted(set(re.findall(r'\w+', line))):
                places.setdefault(word, []).append((name, number))
    return places
