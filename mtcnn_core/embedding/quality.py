"""How usable a face is for telling persons apart."""

from __future__ import annotations

from mtcnn_core.embedding.model import EmbeddingModel


def quality(model: EmbeddingModel, norm: float, score: float) -> float:
    """Returns the detector's score, times the vector's length before it was normalised.

    The length counts where the model's tells: networks trained to classify give short vectors to
    faces that they see badly (Meng et al., "MagFace", 2021, build on that). dlib's does not, and
    its faces have the score alone. Compares only faces of one model.

    How well it ranks faces by the cosine to the centre of the person's other faces (Spearman), on
    692 photos of LFW, five of six made smaller, blurred, darker, noisier or coarser: MobileFaceNet
    .85, face-reidentification-retail-0095 .67, dlib .41 (by its length .07). Sharpness ranks them
    by .48, .25 and .25, the size of the face by .29, .29 and .28. On LFW as it is, where hardly a
    face is bad: .60, .47 and none. `python -m tests.face_vectors DATA`, measured on 2026-12-01.

    Args:
        model: The model.
        norm: Length of the vector.
        score: The detector's score of the face.
    """
    return score * norm if model.norm_tells else score
