"""Names of files and folders for classes of any name, on any file system."""

from __future__ import annotations

import hashlib
import re
import unicodedata

LONGEST = 60  # characters of a name; file systems allow 255 bytes
RESERVED = re.compile(r"(con|prn|aux|nul|com\d|lpt\d)(\..*)?", re.IGNORECASE)  # no file may be called so on Windows


def safe_name(label: str) -> str:
    """Return a name for a class's folder: the class itself where that is safe everywhere.

    Letters of any script, digits, ``-``, ``_``, ``.`` and inner spaces stay. Anything else becomes ``_``, and six
    digits of a hash of the class are added, so that different classes never share a folder.
    """
    name = unicodedata.normalize("NFC", label)
    name = re.sub(r"[^\w\-. ]", "_", name).strip(". ")[:LONGEST].rstrip(". ")
    if RESERVED.fullmatch(name) or not name:
        name = f"class_{name}".rstrip("_")
    if name == label:
        return name
    return f"{name}-{hashlib.sha256(label.encode('utf-8', 'surrogatepass')).hexdigest()[:6]}"
