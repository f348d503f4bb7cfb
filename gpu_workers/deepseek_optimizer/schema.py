"""Checking plain mappings against dataclasses whose fields know unit and bounds.

Standard library only, as the spec that uses it.
"""

from __future__ import annotations

import difflib
import types
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import field, fields, is_dataclass
from functools import cache
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints


class ConfigError(ValueError):
    """A configuration that cannot be run; the message names the key and what to write."""


def key(
    default: Any,
    doc: str,
    *,
    unit: str = "",
    low: float | None = None,
    high: float | None = None,
) -> Any:
    """Declare one configuration key with its unit and bounds (both inclusive)."""
    metadata = {"doc": doc, "unit": unit, "low": low, "high": high}
    if isinstance(default, type):
        return field(default_factory=default, metadata=metadata)
    return field(default=default, metadata=metadata)


_hints = cache(get_type_hints)


def build(
    cls: Any, mapping: Mapping[str, object], where: str = "", also: Iterable[str] = ()
) -> Any:
    """Return an instance of a dataclass made with `key`; `also` are names to suggest.

    Raises:
        ConfigError: Unknown key, wrong type or unit, or a value out of bounds.
    """
    names = {f.name: f for f in fields(cls)}
    for name in mapping:
        if name in names:
            continue
        known = [*names, *also]
        close = difflib.get_close_matches(str(name), known, n=1, cutoff=0.5)
        hint = f"did you mean {close[0]!r}?" if close else f"known: {', '.join(known)}"
        raise ConfigError(f"unknown key {where + str(name)!r}; {hint}")
    values = {
        name: _check(value, _hints(cls)[name], names[name].metadata, where + name)
        for name, value in mapping.items()
    }
    return cls(**values)


def _check(value: object, hint: Any, meta: Mapping[str, Any], where: str) -> object:
    if is_dataclass(hint) and isinstance(hint, type):
        if isinstance(value, hint):
            return value
        if not isinstance(value, Mapping):
            raise ConfigError(f"{where} must be a mapping of keys, got {value!r}")
        return build(hint, value, where + ".")
    options = get_args(hint) if get_origin(hint) in (Union, types.UnionType) else [hint]
    if value is None and type(None) in options:
        return None
    return _check_plain(value, options[0], meta, where)


def _check_plain(
    value: object, kind: Any, meta: Mapping[str, Any], where: str
) -> object:
    unit = f" in {meta['unit']}" if meta["unit"] else ""
    if get_origin(kind) is Literal:
        if value not in get_args(kind):
            choices = ", ".join(map(str, get_args(kind)))
            raise ConfigError(f"{where} must be one of {choices}; got {value!r}")
        return value
    if get_origin(kind) is tuple:
        if isinstance(value, str) or not isinstance(value, (list, tuple)):
            raise ConfigError(f"{where} must be a list, got {value!r}")
        return tuple(value)
    if kind is float and type(value) is int:
        value = float(value)
    if type(value) is not kind:
        names = {int: "a whole number", float: "a number", bool: "true or false"}
        wanted = names.get(kind, "a text")
        raise ConfigError(f"{where} must be {wanted}{unit}, got {value!r}")
    low, high = meta["low"], meta["high"]
    if isinstance(value, (int, float)) and (
        (low is not None and not value >= low)
        or (high is not None and not value <= high)
    ):
        bounds = f"at least {low}" if high is None else f"in [{low}, {high}]"
        raise ConfigError(f"{where} must be {bounds}{unit}, got {value}")
    return value


def describe(cls: Any, where: str = "") -> Iterator[tuple[str, str]]:
    """Yield (key, description) of every key."""
    for f in fields(cls):
        hint = _hints(cls)[f.name]
        if is_dataclass(hint):
            yield from describe(hint, f"{f.name}.")
            continue
        unit = f" ({f.metadata['unit']})" if f.metadata["unit"] else ""
        yield where + f.name, f"{f.metadata['doc']}{unit}; default {f.default!r}"
