"""What a viewer knows of a run, as plain objects. Nothing here knows Textual."""
