"""Brings database, static files and demo data up to the code, in one process."""

import sys

import django
from django.core.management import CommandError, call_command, get_commands

from dsportal.services.prepared import INCOMPLETE


def main() -> None:
    django.setup()
    call_command("migrate", verbosity=0, interactive=False)
    call_command("collectstatic", verbosity=0, interactive=False, clear=True)
    if "seed_demo" in get_commands():
        try:
            call_command("seed_demo", stdout=sys.stdout)
        except CommandError as error:
            # A portal without its demo is still a portal.
            sys.stdout.write(f"no demo data: {error}\nthe next start tries again\n")
            raise SystemExit(INCOMPLETE) from error


if __name__ == "__main__":
    main()
