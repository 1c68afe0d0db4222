"""The one table of keys, a file per part of the program."""
