"""Text in JSON that cannot be text elsewhere: half a surrogate pair, and U+0000.

JavaScript cuts strings between the halves of a pair, and JSON can say what is left (`\\ud83d`); UTF-8 cannot, and no
database stores it. PostgreSQL does not store U+0000 either. Both become U+FFFD, as the WHATWG's decoders do it.
"""

import re
from typing import TypeVar

_B = TypeVar("_B", bytes, object)

# Every escape is matched, so that what follows an escaped backslash is not taken for one.
_ESCAPE = re.compile(
    rb"\\(?:u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}|(u(?:[dD][89a-fA-F][0-9a-fA-F]{2}|0000))|.)",
    re.DOTALL,
)
_SUSPECT = re.compile(rb"\\u(?:[dD][89a-fA-F]|0000)")


def mend_surrogates(text: bytes) -> bytes:
    """JSON in which what is no character is U+FFFD."""
    if b"\\u" not in text or not _SUSPECT.search(text):
        return text
    return _ESCAPE.sub(lambda match: rb"\ufffd" if match[1] else match[0], text)
