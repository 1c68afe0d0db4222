"""The guide as plain questions, for a dumb terminal, a pipe or a screen reader. Nothing here moves a cursor."""
