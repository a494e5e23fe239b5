"""Addresses without their secrets: what is printed, logged or written into a report goes through here."""

from __future__ import annotations

import re

HIDDEN = "***"

_ADDRESS = re.compile(r"([\w+.-]+://)([^\s'\"<>]+)")
_HOST = re.compile(r"(\[[0-9a-fA-F:]+\]|localhost|[\w-]+(\.[\w-]+)+)(:\d+)?")
"""What is a host for certain in front of a path; a name without a dot may as well be half of a password."""
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
    open_ones = _ADDRESS.sub(lambda found: found[1] + _without_password(found[2], "http" in found[1]), text)
    return _SECRET.sub(rf"\1{HIDDEN}", open_ones)


def _without_password(address: str, has_path: bool) -> str:
    head, at, host = address.rpartition("@")
    if not at or address.startswith("/"):  # The path of a file.
        return address
    if has_path and "/" in head and _HOST.fullmatch(head.partition("/")[0]):  # An @ of the path behind a host.
        return address
    name, colon, _ = head.partition(":")
    return f"{name}:{HIDDEN}@{host}" if colon else f"{HIDDEN}@{host}"
