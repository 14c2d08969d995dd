#!/usr/bin/env python
"""Django's command line for the privacy portal."""

import os
import sys
from pathlib import Path

from portal import embedded


def main() -> None:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "portal.settings")
    state = os.environ.get("PORTAL_STATE_DIR", str(Path(__file__).resolve().parent / ".local"))
    try:
        # Where no servers are named, the embedded ones are used: those that run, or new ones for this command.
        embedded.fill(Path(state), os.environ)
    except embedded.EmbeddedError as error:
        sys.exit(f"portal: {error}")
    from django.core.management import execute_from_command_line

    execute_from_command_line(sys.argv)


if __name__ == "__main__":
    main()
