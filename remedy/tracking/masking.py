"""What others wrote, before it is shown: addresses without their secrets, names without what steers a terminal."""

from __future__ import annotations

import re
from unicodedata import category

HIDDEN = "***"

_ADDRESS = re.compile(r"(?<=://)[^\s'\"<>]+")
_HOST = re.compile(r"(\[[0-9a-fA-F:]+\]|[\w.-]+)(:\d+)?")
_SECRET = re.compile(
    r"(?i)([?&;](?:[\w.-]*(?:password|passwd|pwd|token|secret|signature|credential|api_?key)|sig|auth|key)=)[^&;#\s'\"<>]*"
)


def masked(text: str) -> str:
    """Return a text whose addresses hold no password, no token and no secret of a query.

    A user's name stays; what stands alone in front of the ``@`` is taken for a token. A password may itself hold ``/``,
    ``@`` and ``:``.

    Args:
        text: Any text, such as an error's.

    Example:
        >>> masked("http://me:p/a@ss@host:5000/?token=abc")
        'http://me:***@host:5000/?token=***'
    """
    return _SECRET.sub(rf"\1{HIDDEN}", _ADDRESS.sub(lambda found: _without_password(found.group()), text))


def _without_password(address: str) -> str:
    head, at, host = address.rpartition("@")
    if not at or address.startswith("/"):  # The path of a file.
        return address
    if "/" in head and _HOST.fullmatch(head.partition("/")[0]):  # An @ of the path behind a host.
        return address
    name, colon, _ = head.partition(":")
    return f"{name}:{HIDDEN}@{host}" if colon else f"{HIDDEN}@{host}"


_STEERING = ("Cc", "Cf", "Cs", "Zl", "Zp")
"""Unicode's categories of what is no letter to look at: controls, directions, separators of lines."""


def visible(text: object, lines: bool = False) -> str:
    r"""Return a text with its control characters spelled out: who named a run in a store may not steer a terminal.

    Args:
        text: Such as the name of a run.
        lines: Whether line ends stay.

    Example:
        >>> visible("ecg\x1b[2J")
        'ecg\\x1b[2J'
    """
    kept = "\n" if lines else ""
    return "".join(
        c.encode("unicode_escape").decode() if category(c) in _STEERING and c not in kept else c for c in str(text)
    )
