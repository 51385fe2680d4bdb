"""Every PromQL expression of dashboards/: panels, annotations, template variables and rules.

They come with Grafana's variables filled in, and without comparisons, so that on a Prometheus that
scrapes a working agent each of them must return data.
"""

import dataclasses
import json
import pathlib
import re

import yaml

DASHBOARDS = pathlib.Path(__file__).resolve().parents[2] / "dashboards"
# Comparisons in alerts and annotations stand before a number, so that they can be cut out.
COMPARISON = re.compile(r"\s*(?:==|!=|>=|<=|>|<)\s*(?:bool\s+)?-?\d+(?:\.\d+)?")
LABEL_VALUES = re.compile(r"^label_values\((?P<selector>.+),\s*(?P<label>\w+)\)$")


@dataclasses.dataclass(frozen=True)
class Expression:
    where: str  # for people: file, panel or alert
    text: str  # as written
    promql: str  # to be evaluated


@dataclasses.dataclass(frozen=True)
class Intervals:
    """What stands for $__rate_interval, $__interval and $__range."""

    rate: str = "5m"
    interval: str = "1m"
    range: str = "1h"


def dashboard_files():
    return sorted(DASHBOARDS.glob("*.json"))


def rule_files():
    return [DASHBOARDS / "alerts.yml", DASHBOARDS / "rules.yml"]


def load_dashboard(path):
    return json.loads(path.read_text(encoding="utf-8"))


def load_rules(path):
    groups = yaml.safe_load(path.read_text(encoding="utf-8"))["groups"]
    return [rule for group in groups for rule in group["rules"]]


def flat_panels(dashboard):
    """All panels, those inside rows too, without the rows."""
    for panel in dashboard["panels"]:
        if panel["type"] == "row":
            yield from panel["panels"]
        else:
            yield panel


def substitute(text, dashboard, intervals=Intervals(), chosen=None):
    """Fills in the variables: those of `chosen` with that regular expression, the others match everything."""
    values = {
        "__rate_interval": intervals.rate,
        "__interval": intervals.interval,
        "__range": intervals.range,
    }
    for variable in dashboard["templating"]["list"]:
        if variable["type"] == "query":
            values[variable["name"]] = (chosen or {}).get(variable["name"], ".+")
    # The longest name first: $__interval must not eat into $__interval_ms.
    for name in sorted(values, key=len, reverse=True):
        text = re.sub(rf"\$\{{{name}(?::\w+)?\}}|\${name}\b", lambda _: values[name], text)
    if "$" in text:
        raise ValueError(f"a variable is unknown: {text}")
    return text


def without_comparisons(promql):
    """The left sides: `a > 0.25 and b > 0` becomes `a and b`."""
    return COMPARISON.sub("", promql).strip()


def _panel_expressions(path, dashboard, intervals):
    for panel in flat_panels(dashboard):
        for target in panel["targets"]:
            yield Expression(
                f"{path.name}: panel {panel['title']!r} {target['refId']}",
                target["expr"],
                without_comparisons(substitute(target["expr"], dashboard, intervals)),
            )


def _annotation_expressions(path, dashboard, intervals):
    for annotation in dashboard["annotations"]["list"]:
        if "expr" in annotation:
            filled = substitute(annotation["expr"], dashboard, intervals)
            where = f"{path.name}: annotation {annotation['name']!r}"
            yield Expression(where, annotation["expr"], without_comparisons(filled))


def _variable_expressions(path, dashboard, intervals):
    for variable in dashboard["templating"]["list"]:
        if variable["type"] != "query":
            continue
        query = LABEL_VALUES.match(substitute(variable["query"]["query"], dashboard, intervals))
        if query is None:
            raise ValueError(f"{path.name}: variable {variable['name']} is no label_values(m, l)")
        yield Expression(
            f"{path.name}: variable {variable['name']!r}",
            variable["query"]["query"],
            f"count by ({query['label']}) ({query['selector']})",
        )


def dashboard_expressions(path, intervals=Intervals()):
    dashboard = load_dashboard(path)
    for part in (_panel_expressions, _annotation_expressions, _variable_expressions):
        yield from part(path, dashboard, intervals)


def rule_expressions(path):
    for rule in load_rules(path):
        name = rule.get("alert") or rule["record"]
        yield Expression(
            f"{path.name}: {name}", rule["expr"], without_comparisons(rule["expr"])
        )


def all_expressions(intervals=Intervals()):
    found = []
    for path in dashboard_files():
        found.extend(dashboard_expressions(path, intervals))
    for path in rule_files():
        found.extend(rule_expressions(path))
    return found
