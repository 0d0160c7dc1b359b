"""A trained network as the file that `embed` and `evaluate verification` take."""

from __future__ import annotations

from collections.abc import Mapping

from torch import Tensor

from jobs.loader.index import read_index
from jobs.messages.errors import UserError
from jobs.train.config import EmbeddingTrainingConfig
from mtcnn_core.embedding.model import Feeding
from mtcnn_core.facenet.export import CropError, export_onnx, feeding_of
from mtcnn_core.facenet.networks import build_network, input_size
from mtcnn_core.settings.crops import CropSettings


def feeding(feed: str, config: EmbeddingTrainingConfig) -> Feeding:
    """How the network will be fed; to be asked before hours of training.

    Args:
        feed: Where the feed is.
        config: All settings.

    Raises:
        UserError: The feed's crops are such that no other program could make them of photos.
    """
    index = read_index(feed, config.held_out.trained, config.input.storage_options)
    size = config.train.size or input_size(config.train.network)
    try:
        return feeding_of(CropSettings(**index.crop), size, config.train.window)
    except CropError as error:
        raise UserError(str(error)) from error


def exported(weights: Mapping[str, Tensor], feed: str, config: EmbeddingTrainingConfig) -> bytes:
    """The network in ONNX, with how it is fed and how it was trained in it.

    Args:
        weights: Weights of the network, as PyTorch has them.
        feed: Where the feed is.
        config: All settings.
    """
    said = config.identity()
    name = f"{config.train.network}-{config.digest()[:8]}"
    network = build_network(config.train.network, config.train.size)
    network.load_state_dict(weights)
    return export_onnx(network, feeding(feed, config), name, said)
