"""Brings database, static files and demo data up to the code, in one process."""

import sys

import django
from django.core.management import call_command, get_commands


def main() -> None:
    django.setup()
    call_command("migrate", verbosity=0, interactive=False)
    call_command("collectstatic", verbosity=0, interactive=False, clear=True)
    if "seed_demo" in get_commands():
        call_command("seed_demo", stdout=sys.stdout)


if __name__ == "__main__":
    main()
