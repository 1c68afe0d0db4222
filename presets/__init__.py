"""What to choose: task presets and hardware tiers as overlays, and the geometry of samples. Reads no model files."""

from presets.catalog import PresetInfo, describe, load, names, sparse, tier_for, tiers

__all__ = ["PresetInfo", "describe", "load", "names", "sparse", "tier_for", "tiers"]
