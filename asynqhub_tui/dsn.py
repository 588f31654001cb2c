"""Connection strings without their secrets."""

from __future__ import annotations

import re

HIDDEN = "***"

_USERINFO = re.compile(
    r"(?P<start>\b[A-Za-z][\w+.-]*://[^:@/?#\s]*:)"
    # A password may hold anything, blanks too; but what looks like a port and ends is a port.
    r"(?:\S*|(?!\d+(?:[/?#\s]|$))[^@\n]*)@"
)
_NAME = r"\w*(?:password|passwd|token|secret)"
_NAMED = re.compile(
    # in a URL's query, up to its next part
    rf"(?P<query>[?&]{_NAME}=)[^\s&#]+"
    # elsewhere as libpq reads it: quoted, or up to a blank that is not escaped
    rf"|(?P<keyword>{_NAME}\s*=\s*)(?:'(?:\\.|[^'\\])*(?:'|$)|(?:\\.|[^\s\\])+)",
    re.IGNORECASE | re.DOTALL,
)


def mask(text: str) -> str:
    """Return a DSN, or a message that quotes one, with every password replaced by `***`.

    Both forms are known, `scheme://user:secret@host/` and `host=… password=…`. Whatever stands
    between the first colon behind the user and the last `@` counts as the password, so that one
    that was not percent-encoded is hidden whole.
    """
    text = _USERINFO.sub(rf"\g<start>{HIDDEN}@", text)
    return _NAMED.sub(rf"\g<query>\g<keyword>{HIDDEN}", text)
