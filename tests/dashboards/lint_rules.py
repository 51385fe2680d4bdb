"""The rules of Grafana's dashboard-linter for Prometheus, in our words, and some of our own.

Each takes a dashboard and yields its faults as sentences. There are no exclusions. That every
expression is PromQL, which is two more of the linter's rules, is promtool's business (test_rules.py).
"""

import re

import documents
import expressions
import promql

DATASOURCE = "${datasource}"
# The unit identifiers of Grafana that fit base units.
UNITS = {"s", "bytes", "percentunit", "short", "none", "ops", "Bps", "bool"}
RATES = {"rate", "increase", "irate", "resets", "changes"}
MATCHERS = {("job", "=~", "$job"), ("instance", "=~", "$instance")}
LINTER, OWN = {}, {}


def linter(name):
    """Registers a rule under the linter's name for it."""
    return lambda function: LINTER.setdefault(name, function)


def own(function):
    OWN[function.__name__] = function
    return function


def variables(dashboard, kind="query"):
    return [v for v in dashboard["templating"]["list"] if v["type"] == kind]


def targets(dashboard):
    for panel in expressions.flat_panels(dashboard):
        for target in panel["targets"]:
            yield f"{panel['title']} {target['refId']}", target


def target_selectors(dashboard):
    for where, target in targets(dashboard):
        for selector in promql.selectors(target["expr"]):
            yield where, selector


# --- the linter's


@linter("template-datasource-rule")
def datasource_variable(dashboard):
    found = [(v["name"], v["label"], v["query"]) for v in variables(dashboard, "datasource")]
    if found != [("datasource", "Data source", "prometheus")]:
        yield f"the data source variables are {found}"


def _target_variable(dashboard, name, label):
    found = [v for v in variables(dashboard) if v["name"] == name]
    if not found:
        yield f"no variable {name}"
    for variable in found:
        wanted = {"label": label, "multi": True, "includeAll": True, "allValue": ".+"}
        for key, value in wanted.items():
            if variable.get(key) != value:
                yield f"{name}: {key} is {variable.get(key)!r}, not {value!r}"
        if variable["datasource"]["uid"] != DATASOURCE:
            yield f"{name}: asks another data source"


@linter("template-job-rule")
def job_variable(dashboard):
    yield from _target_variable(dashboard, "job", "Job")


@linter("template-instance-rule")
def instance_variable(dashboard):
    yield from _target_variable(dashboard, "instance", "Instance")


@linter("template-label-promql-rule")
def label_query(dashboard):
    for variable in variables(dashboard):
        query = variable["query"]["query"]
        if not expressions.LABEL_VALUES.match(query) or query != variable["definition"]:
            yield f"{variable['name']}: {query} is no label_values(selector, label)"


@linter("template-on-time-change-reload-rule")
def reload_on_time_change(dashboard):
    for variable in variables(dashboard):
        if variable["refresh"] != 2:
            yield f"{variable['name']} is not asked again when the time range changes"


@linter("panel-datasource-rule")
def panel_datasource(dashboard):
    for panel in expressions.flat_panels(dashboard):
        for asked in (panel, *panel["targets"]):
            if asked["datasource"] != {"type": "prometheus", "uid": DATASOURCE}:
                yield f"{panel['title']}: a data source of its own"


@linter("panel-title-description-rule")
def title_and_description(dashboard):
    for panel in expressions.flat_panels(dashboard):
        if not panel["title"] or not panel["description"].endswith("."):
            yield f"panel {panel['id']}: no title, or no sentence as description"


@linter("panel-units-rule")
def units(dashboard):
    for panel in expressions.flat_panels(dashboard):
        config = panel["fieldConfig"]
        overridden = [p for o in config["overrides"] for p in o["properties"] if p["id"] == "unit"]
        for unit in (config["defaults"]["unit"], *(p["value"] for p in overridden)):
            if unit not in UNITS:
                yield f"{panel['title']}: the unit {unit}"


@linter("panel-no-targets-rule")
def has_targets(dashboard):
    for panel in expressions.flat_panels(dashboard):
        if not panel["targets"]:
            yield f"{panel['title']} has no query"


@linter("target-rate-interval-rule")
def rate_interval(dashboard):
    for where, selector in target_selectors(dashboard):
        if selector.window not in ("", "$__rate_interval"):
            yield f"{where}: {selector.metric}[{selector.window}]"


def _has_matcher(dashboard, matcher):
    for where, selector in target_selectors(dashboard):
        if matcher not in selector.matchers:
            yield f"{where}: {selector.metric} without {''.join(matcher)}"


@linter("target-job-rule")
def has_job(dashboard):
    yield from _has_matcher(dashboard, ("job", "=~", "$job"))


@linter("target-instance-rule")
def has_instance(dashboard):
    yield from _has_matcher(dashboard, ("instance", "=~", "$instance"))


@linter("target-counter-agg-rule")
def counters_are_rated(dashboard):
    used = [target["expr"] for _, target in targets(dashboard)]
    used += [a["expr"] for a in dashboard["annotations"]["list"]]
    for text in used:
        yield from rate_faults(text)


@linter("uneditable-dashboard")
def uneditable(dashboard):
    if dashboard["editable"] is not False:
        yield "it can be changed in Grafana, where the next update undoes it"


# --- our own


def rate_faults(text):
    """Of any expression: unknown metrics, counters without a rate, rates of other things."""
    for selector in promql.selectors(text):
        if selector.metric == "up":  # Prometheus' own
            continue
        kind = documents.known_type(selector.metric)
        if kind is None:
            yield f"{selector.metric} is neither in docs/metrics.md nor recorded"
        elif (kind == "counter") != (selector.function in RATES):
            yield f"{selector.metric} is a {kind}, and taken by {selector.function or 'itself'}: {text}"


@own
def frame(dashboard):
    if not 0 < len(dashboard["uid"]) <= 40 or dashboard["schemaVersion"] != 41:
        yield "uid or schemaVersion"
    if not dashboard["title"].startswith("cgwarden / ") or not dashboard["description"]:
        yield "title or description"
    if {"id", "__inputs"} & dashboard.keys():
        yield "it was exported from a Grafana"


@own
def further_variables(dashboard):
    for variable in variables(dashboard):
        if not variable["multi"] or not variable["label"] or variable["datasource"]["uid"] != DATASOURCE:
            yield f"{variable['name']}: single, without a label, or with a data source of its own"
        if variable["includeAll"] and variable["allValue"] != ".+":
            yield f"{variable['name']}: All matches series without the label"


@own
def variables_in_order(dashboard):
    seen = set()
    for variable in dashboard["templating"]["list"]:
        for used in re.findall(r"\$(\w+)", str(variable.get("definition", ""))):
            if used not in seen:
                yield f"{variable['name']} uses ${used} before it is known"
        seen.add(variable["name"])


@own
def no_unused_variable(dashboard):
    text = str(dashboard["panels"]) + str([v.get("definition") for v in variables(dashboard)])
    for variable in dashboard["templating"]["list"]:
        if not re.search(rf"\$\{{?{variable['name']}\b", text):
            yield f"${variable['name']} is not used"


@own
def titles_are_unique(dashboard):
    titles = [panel["title"] for panel in expressions.flat_panels(dashboard)]
    for title in {t for t in titles if titles.count(t) > 1}:
        yield f"{title!r} stands twice"


@own
def legends_and_references(dashboard):
    for panel in expressions.flat_panels(dashboard):
        references = [target["refId"] for target in panel["targets"]]
        if len(references) != len(set(references)):
            yield f"{panel['title']}: a refId stands twice"
        if not all(target["legendFormat"] for target in panel["targets"]):
            yield f"{panel['title']}: a query without legend"


@own
def place(dashboard):
    cells, identifiers = set(), set()
    for panel in dashboard["panels"]:
        if panel["id"] in identifiers:
            yield f"the id {panel['id']} stands twice"
        identifiers.add(panel["id"])
        at = panel["gridPos"]
        if at["x"] + at["w"] > 24:
            yield f"{panel['title']} is wider than the page"
        for x in range(at["x"], at["x"] + at["w"]):
            for y in range(at["y"], at["y"] + at["h"]):
                if (x, y) in cells:
                    yield f"{panel['title']} lies on another panel"
                cells.add((x, y))


@own
def links_to_the_manuals(dashboard):
    for panel in expressions.flat_panels(dashboard):
        urls = [link["url"] for link in panel["links"]]
        if not urls:
            yield f"{panel['title']} has no link to what to do"
        for url in urls:
            if not url.startswith("${docs}/") or not documents.leads_somewhere(url[len("${docs}/") :]):
                yield f"{panel['title']}: {url} leads nowhere"
