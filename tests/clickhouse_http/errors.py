"""Failures as ClickHouse tells them: a code, a text, and the HTTP status that goes with it."""

from __future__ import annotations

import re

AUTHENTICATION_FAILED = 516
NOT_IMPLEMENTED = 48
QUERY_WITH_SAME_ID_IS_ALREADY_RUNNING = 216
SESSION_IS_LOCKED = 373
STD_EXCEPTION = 1001
SYNTAX_ERROR = 62

_CODES = {
    400: (
        *(6, 8, 15, 25, 26, 27, 36, 37, 38, 41, 44, 53, 62, 72, 117),
        *(123, 167, 168, 223, 321, 376, 427, 441, 675, 676),
    ),
    401: (194,),
    403: (192, 193, 497, 512, 516),
    404: (46, 47, 50, 56, 60, 63, 73, 78, 81, 115, 152, 336, 511),
    408: (159,),
    411: (381,),
    413: (229,),
    415: (779,),
    501: (48,),
    503: (76, 209, 439),
}
"""As ClickHouse's exceptionCodeToHTTPStatus; whatever is not here gives 500."""

_STATUSES = {code: status for status, codes in _CODES.items() for code in codes}


class QueryError(Exception):
    """A query failed. `str()` is the text without the version that ClickHouse ends it with."""

    def __init__(self, code: int, text: str) -> None:
        super().__init__(text)
        self.code = code

    @classmethod
    def named(cls, code: int, name: str, text: str) -> QueryError:
        """Return an error of this server's own, in the form of the engine's."""
        return cls(code, f"Code: {code}. DB::Exception: {text} ({name})")

    @classmethod
    def of_engine(cls, text: str) -> QueryError:
        """Return the error that the engine told, without chDB's words before it."""
        told = re.search(r"Code: (\d+)\. DB::.*", text, re.DOTALL)
        if told is None:
            return cls.named(STD_EXCEPTION, "STD_EXCEPTION", text)
        return cls(int(told[1]), re.sub(r" \(version [\d.]+\)$", "", told[0].rstrip()))

    @property
    def status(self) -> int:
        """The HTTP status of an answer that has not begun."""
        return _STATUSES.get(self.code, 500)
