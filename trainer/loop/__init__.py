"""The optimisation loop: what happens at each step, what is saved, and how a run is steered and stopped."""
