"""Face embeddings: aligned crops in, one vector a face out."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mtcnn_core.engines.onnxruntime import library

_BATCH = 32


class EmbeddingError(ValueError):
    """A model cannot be used for embedding; the message is one sentence that says why."""


@dataclass(frozen=True)
class EmbeddingSettings:
    """How crops are given to the model.

    Attributes:
        mean: Taken from each value, 0 to 255.
        scale: Each value is divided by it then.
        bgr: Whether the model wants blue first.
        flip: Whether the embedding of the mirrored crop is added.
    """

    mean: float = 127.5
    scale: float = 128.0
    bgr: bool = False
    flip: bool = False


class Embedder:
    """A face recognition network as ONNX: float32 ``(n, 3, h, w)`` in, ``(n, d)`` out.

    Args:
        model: The file. External data is looked for beside it.
        size: Side of the crops in pixels.
        settings: How crops are given to the model.
        threads: How many threads compute it.

    Attributes:
        digest: SHA-256 of the file, hexadecimal.

    Raises:
        EmbeddingError: The model is not there, is not ONNX, wants crops of another size, or has
            other inputs or outputs.
    """

    def __init__(
        self,
        model: Path,
        size: int,
        settings: EmbeddingSettings | None = None,
        threads: int = 1,
    ) -> None:
        self.settings = settings or EmbeddingSettings()
        if not self.settings.scale > 0:
            raise EmbeddingError(f"the scale must be more than 0, not {self.settings.scale:g}")
        if not model.is_file():
            raise EmbeddingError(f"there is no model '{model}': give an ONNX file")
        ort = library()
        options = ort.SessionOptions()
        options.intra_op_num_threads = threads
        options.inter_op_num_threads = 1
        options.log_severity_level = 4  # what is fatal is raised
        try:
            self._session = ort.InferenceSession(
                str(model), options, providers=["CPUExecutionProvider"]
            )
        except Exception as error:  # its classes are many, and it names none of them as public
            why = " ".join(str(error).split())[:200]
            raise EmbeddingError(
                f"'{model}' is not a model that ONNX Runtime can load ({why}): give an ONNX file"
            ) from error
        self._model = model
        self.digest = hashlib.sha256(model.read_bytes()).hexdigest()
        self._input = self._check(size)
        # Seen to fail now rather than after hours of detection.
        self._in_batches(np.zeros((1, size, size, 3), np.uint8))

    def _check(self, size: int) -> Any:
        """The input of the model."""
        inputs, outputs = self._session.get_inputs(), self._session.get_outputs()
        if len(inputs) != 1 or len(outputs) != 1:
            raise self._unfit(f"it has {len(inputs)} inputs and {len(outputs)} outputs")
        kind, shape = inputs[0].type, inputs[0].shape
        # Sides that may be anything have a name or nothing in place of a number.
        fixed = [side if isinstance(side, int) else None for side in shape]
        if kind != "tensor(float)" or len(shape) != 4 or fixed[1] not in (3, None):
            raise self._unfit(f"its input is {kind} {shape}")
        if not {fixed[2], fixed[3]} <= {size, None}:
            raise EmbeddingError(
                f"the model '{self._model}' wants crops of {fixed[3]}x{fixed[2]} pixels, "
                f"and crop.size is {size}: set it to that"
            )
        return inputs[0]

    def _unfit(self, why: str) -> EmbeddingError:
        return EmbeddingError(
            f"the model '{self._model}' cannot embed faces, for {why}: "
            "it must have one input of float32 (n, 3, h, w) and one output (n, d)"
        )

    def __call__(self, crops: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Embeds crops.

        Args:
            crops: uint8 ``(n, h, w, 3)`` RGB.

        Returns:
            float32 ``(n, d)``, each of length 1.

        Raises:
            EmbeddingError: The model fails on them, or gives something that is no direction.
        """
        found = self._in_batches(crops)
        if self.settings.flip:
            found = found + self._in_batches(crops[:, :, ::-1])
        length = np.linalg.norm(found, axis=1, keepdims=True)
        if not (np.isfinite(length).all() and (length > 0).all()):
            raise self._unfit("it gives embeddings that are zero or not finite")
        embeddings: NDArray[np.float32] = found / length
        return embeddings

    def _in_batches(self, crops: NDArray[np.uint8]) -> NDArray[np.float32]:
        fixed = self._input.shape[0]
        step = fixed if isinstance(fixed, int) else _BATCH
        parts = [np.zeros((0, 1), np.float32)]
        for start in range(0, len(crops), step):
            some = crops[start : start + step]
            missing = step - len(some) if isinstance(fixed, int) else 0
            filled = np.pad(some, ((0, missing), (0, 0), (0, 0), (0, 0)))
            parts.append(self._run(filled)[: len(some)])
        return np.concatenate(parts[1:] or parts)

    def _run(self, crops: NDArray[np.uint8]) -> NDArray[np.float32]:
        images = crops[..., ::-1] if self.settings.bgr else crops
        values = (images.astype(np.float32) - self.settings.mean) / self.settings.scale
        planes = np.ascontiguousarray(values.transpose(0, 3, 1, 2), np.float32)
        try:
            (found,) = self._session.run(None, {self._input.name: planes})
        except Exception as error:  # as for loading
            why = " ".join(str(error).split())[:200]
            raise self._unfit(f"it fails on a crop ({why})") from error
        embeddings = np.asarray(found, np.float32)
        if embeddings.shape[0] != len(crops) or embeddings.size == 0:
            raise self._unfit(f"{len(crops)} crops give an output of {embeddings.shape}")
        return embeddings.reshape(len(crops), -1)
