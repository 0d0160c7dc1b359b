"""What a user can set: validated classes that are imported without a library that computes.

Whoever only reads a configuration imports this folder and neither OpenCV, Pillow, LLVM nor an
engine. The names of the engines and what goes together come from :mod:`mtcnn_core.engines`.
"""
