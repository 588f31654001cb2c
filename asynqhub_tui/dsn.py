"""Connection strings without their secrets."""

from __future__ import annotations

import re

HIDDEN = "***"

_USERINFO = re.compile(r"(?P<scheme>\b[A-Za-z][\w+.-]*://)(?P<user>[^:@/?#\s]*):(?P<secret>\S*)@")
_NAMED = re.compile(
    r"(?P<name>(?:ssl)?password|passwd|token|secret)(?P<equals>\s*=\s*)"
    r"(?P<secret>'(?:\\.|[^'\\])*'|[^\s&'#]+)",
    re.IGNORECASE,
)


def mask(text: str) -> str:
    """Return a DSN, or a message that quotes one, with every password replaced by `***`.

    Both forms are known, `scheme://user:secret@host/` and `host=… password=…`. Whatever stands
    between the first colon behind the user and the last `@` counts as the password, so that one
    that was not percent-encoded is hidden whole.
    """
    text = _USERINFO.sub(rf"\g<scheme>\g<user>:{HIDDEN}@", text)
    return _NAMED.sub(rf"\g<name>\g<equals>{HIDDEN}", text)
