"""Between JSON and the dataclasses of the contract."""

from __future__ import annotations

import dataclasses
import re
import types
from datetime import datetime, timezone
from functools import lru_cache
from typing import Any, Callable, Union, get_args, get_origin, get_type_hints

_TIME = re.compile(r"(\d{4}-\d\d-\d\d)[Tt ](\d\d:\d\d:\d\d)(?:\.(\d+))?(?:[Zz]|([+-]\d\d:\d\d))$")


def parse_time(text: str) -> datetime:
    """Reads RFC 3339; what is finer than a microsecond is cut off."""
    found = _TIME.match(text)
    if found is None:
        raise ValueError(f"{text!r} is no time")
    day, clock, fraction, zone = found.groups()
    return datetime.fromisoformat(f"{day}T{clock}.{(fraction or '0')[:6].ljust(6, '0')}{zone or '+00:00'}")


def format_time(at: datetime) -> str:
    """Writes RFC 3339 in UTC. A time without a zone is local, as everywhere in Python."""
    return at.astimezone(timezone.utc).isoformat().replace("+00:00", "Z")


def decode(kind: Any, value: Any) -> Any:
    """Makes a value of a type out of JSON. Members it does not know are left out: more may come. Those that are missing
    are None."""
    return _decoder(kind)(value)


@lru_cache(maxsize=None)
def _decoder(kind: Any) -> Callable[[Any], Any]:
    origin = get_origin(kind)
    if origin in (Union, types.UnionType):
        some = [k for k in get_args(kind) if k is not type(None)]
        if len(some) > 1:  # an enum: a string whose values are known, or another
            return lambda v: v
        inner = _decoder(some[0])
        return lambda v: None if v is None else inner(v)
    if origin is list:
        item = _decoder(get_args(kind)[0])
        return lambda v: [item(x) for x in v or []]
    if origin is dict:
        member = _decoder(get_args(kind)[1])
        return lambda v: {k: member(x) for k, x in (v or {}).items()}
    if kind is datetime:
        return parse_time
    if dataclasses.is_dataclass(kind):
        return _object(kind)
    return lambda v: v


def _object(kind: Any) -> Callable[[Any], Any]:
    fields: dict[str, tuple[str, Callable[[Any], Any]]] = {}

    def make(value: Any) -> Any:
        if not fields:  # only now, so that types may hold themselves
            hints = get_type_hints(kind)
            fields.update({f.name.removesuffix("_"): (f.name, _decoder(hints[f.name])) for f in dataclasses.fields(kind)})
        members = {name: None for name, _ in fields.values()}
        members.update({fields[k][0]: fields[k][1](v) for k, v in value.items() if k in fields})
        return kind(**members)

    return make


class _Null:
    def __repr__(self) -> str:
        return "NULL"


#: Says null in a change, where None says that a member stays as it is.
NULL: Any = _Null()


def encode(value: Any) -> Any:
    """Makes JSON of a value. Members that are None are absent."""
    if dataclasses.is_dataclass(value):
        return {f.name.removesuffix("_"): encode(v) for f in dataclasses.fields(value) if (v := getattr(value, f.name)) is not None}
    if value is NULL:
        return None
    if isinstance(value, datetime):
        return format_time(value)
    if isinstance(value, dict):
        return {k: encode(v) for k, v in value.items()}
    if isinstance(value, (list, tuple)):
        return [encode(v) for v in value]
    return value
