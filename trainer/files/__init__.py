"""Torch-free readers of everything on disk: model files, prepared samples, media, dataset files."""
