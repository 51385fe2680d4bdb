"""The manuals that dashboards and alerts link to, and the metrics they may use."""

import pathlib
import re

import expressions

DOCS = pathlib.Path(__file__).resolve().parents[2] / "docs"


def anchors(path):
    """The anchors of a Markdown file's headings, as GitHub makes them, and explicit ones."""
    text = path.read_text(encoding="utf-8")
    found = set(re.findall(r'<a (?:id|name)="([^"]+)"', text))
    for heading in re.findall(r"^#+ +(.+?) *$", text, re.MULTILINE):
        plain = re.sub(r"[^\w\- ]", "", heading.lower())
        found.add(plain.replace(" ", "-"))
    return found


def leads_somewhere(link):
    """Whether FILE or FILE#HEADING is there below docs/."""
    file, _, anchor = link.partition("#")
    path = DOCS / file
    return path.is_file() and (not anchor or anchor in anchors(path))


def catalog():
    """Metric name -> type, from the generated docs/metrics.md."""
    text = (DOCS / "metrics.md").read_text(encoding="utf-8")
    return dict(re.findall(r"^\| `(cgwarden_\w+)` \| (\w+) \|", text, re.MULTILINE))


def recorded():
    """The names that recording rules give."""
    rules = [rule for path in expressions.rule_files() for rule in expressions.load_rules(path)]
    return {rule["record"] for rule in rules if "record" in rule}


def known_type(metric):
    """The type of a metric of the agent or of a recording rule, None for an unknown one."""
    if metric in recorded():
        return "gauge"
    names = catalog()
    if metric in names:
        return names[metric]
    base = re.sub(r"_(bucket|sum|count)$", "", metric)
    return "counter" if names.get(base) == "histogram" else None
