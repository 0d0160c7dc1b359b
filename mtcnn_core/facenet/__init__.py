"""FaceNet (Schroff et al., 2015): networks that make vectors of faces, and what they learn from."""
