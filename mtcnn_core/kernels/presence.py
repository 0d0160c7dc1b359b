"""Whether programs can be compiled here; imported without llvmlite, which may not be there."""

from __future__ import annotations

import functools

from mtcnn_core.weights.architecture import ONET
from mtcnn_core.weights.errors import reason


@functools.cache
def problem() -> str | None:
    """Returns why programs cannot be compiled here, in a few words; None where they can.

    The proof is a program that every detector needs, the one that cuts O-Net's crops; asked for
    again it is there already.
    """
    try:
        from mtcnn_core.kernels.cutting import cutter

        cutter(ONET.side)
    # Not installed, without its library, a processor or a platform that LLVM does not know: each
    # has a class of its own.
    except Exception as error:
        return reason(error)
    return None
