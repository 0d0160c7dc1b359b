"""File names as text: those that are not valid UTF-8 too."""


def text_of(name: str) -> str:
    """A file name or path as valid text.

    In one that is not valid UTF-8 each undecodable byte is written as `%xx`, and each `%` as `%25`;
    all other names are left as they are.
    """
    if name.isascii():
        return name
    try:
        name.encode()
    except UnicodeEncodeError:
        return "/".join(map(_escaped, name.split("/")))
    return name


def _escaped(name: str) -> str:
    if not any("\udc80" <= char <= "\udcff" for char in name):
        return name
    return "".join(
        f"%{ord(char) - 0xDC00:02x}" if "\udc80" <= char <= "\udcff" else char
        for char in name.replace("%", "%25")
    )
