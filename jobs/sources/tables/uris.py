"""The addresses in a manifest: what they are relative to, and which may be read."""

import os
import posixpath
import re
from collections.abc import Sequence
from urllib.parse import urlsplit

from jobs.storage.names.addresses import Reach, address_of, is_own_host, reach_of
from jobs.storage.remote.guard import Guard

REMOTE = frozenset({"s3", "s3a", "gs", "gcs", "az", "abfs", "abfss", "adl", "http", "https"})
# One account, with one set of credentials, wherever in them a file is.
_ONE_STORE = frozenset({"s3", "s3a", "gs", "gcs", "memory"})
_WEB = frozenset({"http", "https"})
_LOCAL = frozenset({"file", "local"})

_NAME = r"[A-Za-z][A-Za-z0-9+.-]*"
_SCHEME = re.compile(rf"((?:{_NAME}::)*{_NAME})://")
_CHAIN = re.compile(rf"::(?:{_NAME}:)?/")


def scheme_of(uri: str) -> str:
    """What stands before `://`, in lower case; empty for a path."""
    found = _SCHEME.match(uri)
    return found[1].lower() if found else ""


def host_of(uri: str) -> str:
    """What stands between `://` and the next slash: a host, a bucket, a container."""
    return uri.partition("://")[2].partition("/")[0]


def path_of(uri: str) -> str:
    """The names in a URI, without scheme and host and, of a web page, without its query."""
    scheme = scheme_of(uri)
    if not scheme:
        return uri
    path = uri.partition("://")[2].partition("/")[2]
    return path.partition("?")[0] if scheme in _WEB else path


def without_dots(uri: str) -> str:
    """A relative URI without the `./` in front."""
    while uri.startswith("./"):
        uri = uri[2:].lstrip("/")
    return uri


def folder_of(url: str) -> str:
    """The folder of a file that a path or URL names, without a trailing slash."""
    scheme = scheme_of(url)
    if not scheme:
        return os.path.dirname(url)
    folder = posixpath.dirname(path_of(url))
    return f"{scheme}://{host_of(url)}" + (f"/{folder}" if folder else "")


def resolved(uri: str, folder: str) -> str:
    """The absolute path or URL of what is written in a manifest.

    Args:
        uri: As written. Paths and names are taken as they are, nothing in them is unquoted.
        folder: Folder of the manifest; `..` leads out of it, but never out of its host or bucket.
    """
    scheme = scheme_of(uri)
    if scheme in _LOCAL and not scheme_of(folder):
        return os.path.join(folder, uri.partition("://")[2])
    if scheme:
        return scheme + uri[len(scheme) :]
    if not scheme_of(folder):
        return os.path.join(folder, without_dots(uri))
    if uri.startswith("/"):
        return uri
    names, mark, query = uri.partition("?" if scheme_of(folder) in _WEB else "\0")
    path = posixpath.normpath(f"/{path_of(folder)}/{names}").lstrip("/")
    return f"{scheme_of(folder)}://{host_of(folder)}/{path}{mark}{query}"


def refusal(uri: str, manifest: str) -> str | None:
    """Why a manifest may not name a file; None if it may.

    Whoever can write to a web server or a bucket must not learn what is on the disks and in the
    memory of those who read it, so files of this machine are only for manifests of this machine,
    and so are addresses that only it reaches, where clouds hand out its credentials.

    Args:
        uri: As `resolved` returns it.
        manifest: Path or URL of the manifest; the storage it is on may be read, whatever it is.
    """
    scheme, own = scheme_of(uri), scheme_of(manifest)
    chained = "::" in scheme or (scheme != "" and _CHAIN.search(uri) is not None)
    if own and (chained or (scheme != own and scheme in _LOCAL | {"", "memory"})):
        return "the manifest is remote and may not name local files"
    if own and scheme in _WEB and is_private(uri) and not (own in _WEB and is_private(manifest)):
        return "the manifest is remote and may not name addresses of this machine"
    if chained or (scheme and scheme != own and scheme not in REMOTE):
        return f"'{scheme}://' is not read from a manifest"
    return None


def is_web(uri: str) -> bool:
    """Whether a web server has it."""
    return scheme_of(uri) in _WEB


def is_private(url: str) -> bool:
    """Whether the host of a web page can only be the machine that asks, or is no host at all."""
    try:
        return is_own_host(urlsplit(url).hostname or "")
    except ValueError:
        return True


def guard_of(uri: str, manifest: str, networks: Sequence[str]) -> Guard:
    """Which addresses may be connected to for a web page that a remote manifest names.

    Of the host that has the manifest also those of a private network, if that host is a name, as
    the user has named it; and as near as the manifest is, if an address says how near that is.
    """
    host = urlsplit(manifest).hostname or "" if scheme_of(manifest) in _WEB else ""
    address = address_of(host) if host else None
    if host and is_own_host(host):
        reach = Reach.MACHINE
    elif address is not None:
        reach = reach_of(address)
    else:
        reach = Reach.NETWORK if host and is_same_store(uri, manifest) else Reach.PUBLIC
    return Guard(reach, tuple(networks))


def store_of(uri: str) -> str:
    """A URL that opens the file system a URI is on, the same for all that can share it."""
    scheme = scheme_of(uri)
    return f"{scheme}://" if scheme in _ONE_STORE | _WEB else f"{scheme}://{host_of(uri)}"


def is_same_store(uri: str, manifest: str) -> bool:
    """Whether a URI is where the manifest is, so that its credentials are meant for it too."""
    if not scheme_of(manifest):
        return True
    scheme = scheme_of(uri)
    same_host = scheme in _ONE_STORE or host_of(uri) == host_of(manifest)
    return scheme == scheme_of(manifest) and same_host
