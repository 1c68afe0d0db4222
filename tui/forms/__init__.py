"""A configuration being edited, as plain objects: the draft, its rows, its values as text. Nothing here knows Textual."""
