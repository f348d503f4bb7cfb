"""From what a person or a program typed to options that a target can plan with."""

import re
from collections.abc import Iterable, Mapping

from django.utils.translation import gettext as _

from apps.deployments.targets.errors import BadOptionError
from apps.deployments.targets.types import Option


def checked(
    options: Iterable[Option], given: Mapping[str, object]
) -> dict[str, str | int]:
    """Fill in defaults and refuse what does not fit.

    Raises:
        BadOptionError: Names the option, what it takes, and what was given.
    """
    known = {option.name: option for option in options}
    for name in given:
        if name not in known:
            raise BadOptionError(
                _("{name} is no option here; there are: {names}").format(
                    name=repr(name), names=", ".join(known) or "none"
                )
            )
    return {
        name: _value(option, given.get(name, option.default))
        for name, option in known.items()
    }


def _value(option: Option, given: object) -> str | int:
    if option.is_number:
        return _number(option, given)
    text = str(given).strip()
    if not text:
        if option.is_required:
            raise BadOptionError(_("{name} is missing").format(name=option.name))
        return ""
    if option.choices and text not in option.choices:
        raise BadOptionError(
            _("{name} must be one of {choices}, got {given}").format(
                name=option.name, choices=", ".join(option.choices), given=repr(text)
            )
        )
    if option.pattern and not re.fullmatch(option.pattern, text):
        raise BadOptionError(
            _(
                "{name} does not look right: {given}; it looks like {example}. {help}"
            ).format(
                name=option.name,
                given=repr(text),
                example=option.example or option.default,
                help=option.help,
            )
        )
    return text


def _number(option: Option, given: object) -> int:
    text = str(given).strip()
    if re.fullmatch(r"\d{1,9}", text) and option.least <= int(text) <= option.most:
        return int(text)
    raise BadOptionError(
        _("{name} must be {least} to {most}, got {given}").format(
            name=option.name, least=option.least, most=option.most, given=repr(text)
        )
    )
