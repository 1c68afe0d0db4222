"""A memory oracle that needs no GPU: our real networks run on fake tensors, every live byte is counted.

``ledger`` counts, ``device`` makes the CPU's fake kernels keep what CUDA's keep, ``training`` runs a training step at
real width, ``vae`` an encode or a decode. The torch-free formulas in ``presets.memory`` are held to it.
"""
