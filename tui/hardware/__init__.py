"""Fitting a draft to a card: tiers, the settings that decide about memory, and what the run needs phase by phase."""
