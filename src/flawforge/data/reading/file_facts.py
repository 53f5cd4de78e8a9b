"""What image files turned out to be, remembered by their bytes: a folder that is read again is not decoded again."""

from __future__ import annotations

import hashlib
import json
from dataclasses import fields
from pathlib import Path
from typing import Self

from flawforge.core.files import sha256_file
from flawforge.data.cache import limit_bytes, recall_content, remember_content
from flawforge.data.sample import Broken, ImageFacts, Sample
from flawforge.data.threads import in_threads

DECODER = 2  # raise it when `examine` says something else of a file: what is remembered counts no more
REMEMBERED = 64  # files that are remembered together, in their order
NAMES = tuple(field.name for field in fields(ImageFacts))


class FileFacts:
    """What is known of some files, in their order.

    Attributes:
        facts: of each file; None where it has to be decoded.
    """

    def __init__(self, key: str, facts: list[ImageFacts | None]) -> None:
        self.facts, self._key, self._found = facts, key, list[ImageFacts]()
        self._wanted = bool(key) and None in facts

    @classmethod
    def recall(cls, files: list[Path]) -> Self:
        """Look up files by the hash of their bytes; nothing is known where one cannot be read."""
        nothing: list[ImageFacts | None] = [None] * len(files)
        if not limit_bytes():
            return cls("", nothing)
        try:
            hashes = list(in_threads(sha256_file, files))
        except OSError:
            return cls("", nothing)
        key = hashlib.sha256("\n".join([f"facts {DECODER}", *NAMES, *hashes]).encode()).hexdigest()
        try:
            rows = json.loads(recall_content(key))
            known: list[ImageFacts | None] = [ImageFacts(**dict(zip(NAMES, row, strict=True))) for row in rows]
        except (ValueError, TypeError):
            return cls(key, nothing)
        return cls(key, known if len(known) == len(files) else nothing)

    def add(self, result: Sample | Broken) -> None:
        """Take in what a file is; one that cannot be read is tried again each time, and so are those beside it."""
        if isinstance(result, Broken):
            self._wanted = False
        elif self._wanted:
            self._found.append(ImageFacts(**{name: getattr(result, name) for name in NAMES}))

    def remember(self) -> None:
        """Keep it."""
        if self._wanted:
            rows = [[getattr(facts, name) for name in NAMES] for facts in self._found]
            remember_content(self._key, json.dumps(rows).encode())
