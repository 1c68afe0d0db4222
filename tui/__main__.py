"""``python -m tui`` is the command line, for machines where the console script is not on the path."""

from tui.main import main

main()
