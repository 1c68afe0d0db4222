"""The demo: a tiny LTX-2 from nothing to a trained LoRA, through the same processes a real run uses.

Nothing here trains or encodes. It says what to make, writes a configuration, and starts the product's own processes
one after another: ``demo_assets`` (checkpoint, text encoder, clips), ``prepare``, ``check``, ``train`` and
``fixed_loss``. What the tiny world needs changed in the preset is listed on screen, not hidden.
"""
