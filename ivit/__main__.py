"""``python -m ivit`` is the ``ivit`` command."""

from ivit.cli import main

main()
