"""The list of the kinds of input: what each is called, what tells it, and which class reads it."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Kind:
    """One kind of input.

    Attributes:
        name: What `input.kind` calls it.
        source: Module and class that read it (see `Source`). A name, because the settings take
            theirs from this list, and need none of what reading needs.
        endings: What the names of such inputs end in, in lower case. Of kinds that share one, the
            class of the first is asked whether it `recognises` an input, and so on.
        url: The only address of it; what has one is not chosen by `input.kind`.
    """

    name: str
    source: str
    endings: tuple[str, ...] = ()
    url: str = ""


_TARS = (".tar", ".tar.gz", ".tgz", ".tar.bz2", ".tbz2", ".tar.xz", ".txz")
_MANIFESTS = (".csv", ".tsv", ".jsonl", ".ndjson", ".parquet")

# The first is what an input is that nothing else tells.
KINDS = (
    Kind("folder", "jobs.sources.folder.FolderSource"),
    Kind("tar", "jobs.sources.tar.TarSource", _TARS),
    Kind("parquet", "jobs.sources.parquet.ParquetSource", (".parquet",)),
    Kind("manifest", "jobs.sources.manifest.ManifestSource", _MANIFESTS),
    Kind("demo", "jobs.sources.demo.DemoSource", url="demo:"),
)
NAMES = tuple(kind.name for kind in KINDS if not kind.url)
