"""Filters, MaxResults and NextToken, for all describes alike."""

import base64
import re
from collections.abc import Callable, Iterable
from functools import lru_cache
from typing import Any

from .errors import error, invalid


def page(items: list, key: Callable[[Any], Any], params: dict, least: int = 1, most: int = 1000):
    """One page of `items`, which are sorted by `key`, and the token of the next. The token names the last item seen
    rather than a position, so a page neither repeats nor skips when something is added or removed in between."""
    limit, token = params.get("MaxResults"), params.get("NextToken")
    if limit is not None and not least <= int(limit) <= most:
        raise invalid(f"Value ( {limit} ) for parameter maxResults is invalid. Expecting a value of {least} to {most}.")
    if token:
        try:
            last = base64.urlsafe_b64decode(token.encode()).decode()
        except (ValueError, UnicodeDecodeError):
            raise error("InvalidNextToken", "The token is invalid or has expired.") from None
        items = [item for item in items if str(key(item)) > last]
    if limit is None or len(items) <= int(limit):
        return items, None
    shown = items[: int(limit)]
    return shown, base64.urlsafe_b64encode(str(key(shown[-1])).encode()).decode()


@lru_cache(maxsize=4096)
def _pattern(text: str) -> re.Pattern:
    """EC2 filters know * and ?, and a backslash that makes the next character stand for itself."""
    parts, rest = [], iter(text)
    for character in rest:
        wild = {"*": ".*", "?": "."}.get(character)
        parts.append(wild or re.escape(next(rest, "\\") if character == "\\" else character))
    return re.compile("".join(parts), re.DOTALL)


def matches(value: Any, wanted: list[str]) -> bool:
    """Whether a value, or any of several, is one of those wanted; text, with wildcards, case-sensitive."""
    values = value if isinstance(value, (list, set, tuple)) else [value]
    for candidate in values:
        if candidate is None:
            continue
        text = str(candidate).lower() if isinstance(candidate, bool) else str(candidate)
        if any(_pattern(want).fullmatch(text) for want in wanted):
            return True
    return False


def select(items: Iterable, filters: dict[str, list[str]], value_of: Callable[[Any, str], Any], tags_of: Callable):
    """Those items that pass every filter. Unknown filters are an error, as on EC2, not everything or nothing."""
    chosen = list(items)
    for name, wanted in filters.items():
        if name.startswith("tag:"):
            chosen = [item for item in chosen if matches(tags_of(item).get(name[4:]), wanted)]
        elif name == "tag-key":
            chosen = [item for item in chosen if matches(list(tags_of(item)), wanted)]
        else:
            chosen = [item for item in chosen if matches(value_of(item, name), wanted)]
    return chosen


def unknown(name: str):
    return invalid(f"The filter '{name}' is invalid")
