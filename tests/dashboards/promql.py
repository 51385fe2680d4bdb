"""Just enough of PromQL's grammar to lint: which selectors an expression has."""

import dataclasses
import re

KEYWORDS = {"and", "or", "unless", "by", "without", "on", "ignoring", "group_left", "group_right"}
KEYWORDS |= {"bool", "offset", "inf", "nan"}
GROUPING = re.compile(r"\b(?:by|without|on|ignoring|group_left|group_right)\s*\([^)]*\)")
MATCHER = re.compile(r'(\w+)\s*(=~|!~|!=|=)\s*"((?:[^"\\]|\\.)*)"')
SELECTOR = re.compile(
    r"(?P<name>[a-zA-Z_:][\w:]*)\s*(?P<call>\()?"
    r'(?P<matchers>\{(?:[^}"]|"(?:[^"\\]|\\.)*")*\})?\s*(?P<window>\[[^\]]*\])?'
)
BEFORE_CALL = re.compile(r"([a-z_]\w*)\s*(?:\(\s*)+$")


@dataclasses.dataclass(frozen=True)
class Selector:
    metric: str
    matchers: frozenset  # (label, operator, value)
    window: str  # what stands in [], "" for none
    function: str  # the call it is the first argument of, "" for none


def selectors(promql):
    text = GROUPING.sub(" ", promql)
    found = []
    for match in SELECTOR.finditer(text):
        if match["call"] or match["name"].lower() in KEYWORDS or _inside(text, match.start()):
            continue
        call = BEFORE_CALL.search(text[: match.start()])
        matchers = frozenset(MATCHER.findall(match["matchers"] or ""))
        window = (match["window"] or "").strip("[]")
        found.append(Selector(match["name"], matchers, window, call[1] if call else ""))
    return found


def _inside(text, position):
    """Whether the position is within a number, a string, braces or brackets."""
    before = text[:position]
    if before and (before[-1].isalnum() or before[-1] in "_$."):
        return True
    bare = re.sub(r'"(?:[^"\\]|\\.)*"', "", before)
    return bare.count('"') % 2 == 1 or any(
        bare.count(opening) > bare.count(closing) for opening, closing in ("{}", "[]")
    )
