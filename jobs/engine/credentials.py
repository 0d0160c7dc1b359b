"""Credentials: what must not be shown of addresses, of storage options, and of what storage says."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import quote, quote_plus, unquote

HIDDEN = "***"

# Options that only say where something is; all others are taken for secrets.
_PLACES = frozenset(
    {
        "account_host",
        "account_name",
        "addressing_style",
        "cache_storage",
        "default_cache_type",
        "endpoint_url",
        "fo",
        "host",
        "path",
        "profile",
        "project",
        "protocol",
        "region",
        "region_name",
        "signature_version",
        "target_protocol",
        "user",
        "username",
    }
)
_SECRET_NAME = re.compile("key|secret|token|pass|sig|cred|auth", re.IGNORECASE)
# Shorter values would be found in any text.
_SHORTEST = 4

_USERINFO = re.compile(r"(?<=://)[^/\s:@'\"]*:[^/\s'\"]*@")
_SIGNATURE = re.compile(
    r"(?P<before>[?&])"
    r"(?P<name>x-(?:amz|goog)-[a-z0-9-]+|awsaccesskeyid|googleaccessid|policy|key-pair-id"
    r"|sig|signature|(?:[a-z]+_)?token|auth|authorization|api_?key|key|password|secret)"
    r"=(?P<value>[^&#\s'\"]*)",
    re.IGNORECASE,
)

# Of the storage this process has opened, each also as it looks inside a URL or JSON.
_known: set[str] = set()


def remember(options: Mapping[str, Any]) -> None:
    """Makes `redacted` hide the secrets among the options of a file system."""
    for secret in _secrets(options, ""):
        _known.update({secret, quote(secret, safe=""), quote_plus(secret), unquote(secret)})
        _known.add(json.dumps(secret)[1:-1])


def redacted(text: str) -> str:
    """A text without user names and passwords, signatures, and the secrets remembered."""
    for secret in sorted(_known, key=len, reverse=True):
        text = text.replace(secret, HIDDEN)
    text = _USERINFO.sub(f"{HIDDEN}@", text)
    return _SIGNATURE.sub(rf"\g<before>\g<name>={HIDDEN}", text)


def public_url(url: str) -> str:
    """A URL as it may be stored: without user name and password, and without a signature.

    Only what grants access is left out of a query, so that the rest still tells which file it is.
    """
    url = _USERINFO.sub("", url)
    kept = _SIGNATURE.sub(r"\g<before>", url)
    # Of what was between the separators nothing may be left.
    return kept if kept == url else re.sub(r"[?&]+(?=$|#|::)", "", re.sub(r"([?&])&+", r"\1", kept))


def _secrets(value: object, name: str) -> Iterator[str]:
    if isinstance(value, Mapping):
        for inner, item in value.items():
            yield from _secrets(item, str(inner))
    elif isinstance(value, (list, tuple)):
        for item in value:
            yield from _secrets(item, name)
    elif isinstance(value, bytes):
        yield from _secrets(value.decode("latin-1"), name)
    elif isinstance(value, str) and name not in _PLACES:
        yield from (text for text in (value, *_parts(value)) if len(text) >= _SHORTEST)
    elif isinstance(value, int) and _SECRET_NAME.search(name) and len(str(value)) >= _SHORTEST:
        yield str(value)


def _parts(text: str) -> Iterator[str]:
    """The secrets in a connection string, a SAS token, a header or a URL."""
    for part in re.split(r"[;&?]", text):
        name, equals, value = part.partition("=")
        if equals and _SECRET_NAME.search(name):
            yield value
    yield from text.split()[1:]  # `Bearer ...`
    for userinfo in _USERINFO.findall(text):
        yield userinfo.rstrip("@").partition(":")[2]
