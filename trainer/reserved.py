"""Which standard-library modules are kept out of the shipped model's training.

Knows one rule, shared by the model's recipe, the demo and the synthetic tests, so that what is
measured was never read. Does not read any file.
"""

import hashlib
from pathlib import PurePosixPath

SHARE = 5
"""One module in this many is reserved."""


def is_reserved(relative_path: str | PurePosixPath) -> bool:
    """Whether a module is reserved: sha256 of its path below the standard library, mod 5, is 0.

    Args:
        relative_path: with forward slashes, such as "json/decoder.py".
    """
    digest = hashlib.sha256(str(PurePosixPath(relative_path)).encode()).hexdigest()
    return int(digest, 16) % SHARE == 0
