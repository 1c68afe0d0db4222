"""Checks a folder of golden files: inputs and reference outputs made by the original implementation.

    python -m tests.goldens DIR [--only GLOB] [--json]

One module per kind of file. Each has ``files(directory) -> list[Path]`` (the golden files of its kind) and
``run(path, only) -> Iterator[Comparison]`` (computes ours and compares). Sizes come from the files and from the
checkpoint beside them, so folders made elsewhere with other widths and seeds run too. New modules are found by
being there.
"""
