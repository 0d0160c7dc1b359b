"""Credentials: what must not be shown of addresses, storage options and what storage says."""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import parse_qsl, quote, quote_plus, unquote, urlsplit

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
# Values of options that may also hold a secret, and say how to get one, or that there is none.
_MODES = frozenset(
    {"anon", "anonymous", "browser", "cache", "cloud", "default", "google_default", "none"}
)
# Of an option with any other name than those above, they say how; secrets are no words.
_WORDS = re.compile(r"[A-Za-z]*([ _-][A-Za-z]+)*")
# Shorter values would be found in any text; those that are short only count as words of their own.
_SHORTEST, _SHORT = 4, 8

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
        if len(secret) < _SHORT:
            alone = rf"(?<![A-Za-z0-9]){re.escape(secret)}(?![A-Za-z0-9])"
            text = re.sub(alone, HIDDEN, text)
        else:
            text = text.replace(secret, HIDDEN)
    text = _USERINFO.sub(f"{HIDDEN}@", text)
    return _SIGNATURE.sub(rf"\g<before>\g<name>={HIDDEN}", text)


def public_url(url: str) -> str:
    """A URL as it may be stored: without user name and password, and without a query that signs.

    Other queries stay, because they tell which file it is.
    """
    return "::".join(map(_without_credentials, url.split("::")))


def in_options(url: str, options: Mapping[str, Any]) -> tuple[str, Mapping[str, Any]]:
    """A web address as `public_url`, with what was left out as options of the file system.

    Other addresses are returned as they are: of those, fsspec takes the credentials itself.
    """
    public = _without_credentials(url)
    if public == url or "::" in url or not url.startswith(("http://", "https://")):
        return url, options
    parts = urlsplit(url)
    userinfo, at, _ = parts.netloc.rpartition("@")
    if at:
        remember({"password": unquote(userinfo.partition(":")[2])})
        header = "Basic " + base64.b64encode(unquote(userinfo).encode()).decode()
        client = dict(options.get("client_kwargs", {}))
        headers = {"Authorization": header, **client.get("headers", {})}
        options = {**options, "client_kwargs": {**client, "headers": headers}}
    if "?" not in public and parts.query:
        query = dict(parse_qsl(parts.query, keep_blank_values=True))
        options = {**options, "params": {**query, **options.get("params", {})}}
    return public, options


def _without_credentials(url: str) -> str:
    url = _USERINFO.sub("", url)
    # Elsewhere a question mark is part of a name.
    signs = url.startswith(("http://", "https://")) and _SIGNATURE.search(url)
    return url.partition("?")[0] if signs else url


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
        for text in (value, *_parts(value)):
            is_mode = text.lower() in _MODES or not (
                _SECRET_NAME.search(name) or _WORDS.fullmatch(text) is None
            )
            if len(text) >= _SHORTEST and not is_mode:
                yield text
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
