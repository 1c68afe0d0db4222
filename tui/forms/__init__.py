"""A configuration being edited, as plain objects: draft, rows, values as text. Nothing here knows Textual."""
