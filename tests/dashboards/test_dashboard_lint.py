"""The rules of Grafana's dashboard-linter, in our words, without exclusions."""

import pathlib
import re
import subprocess
import sys

import pytest

import expressions
import promql

ROOT = pathlib.Path(__file__).resolve().parents[2]
FILES = expressions.dashboard_files()
# The unit identifiers of Grafana that fit base units.
UNITS = {"s", "bytes", "percentunit", "short", "none", "ops", "Bps", "bool"}
RATES = {"rate", "increase", "irate", "resets", "changes"}


def catalog():
    """Metric name -> type, from the generated docs/metrics.md."""
    rows = re.findall(
        r"^\| `(cgwarden_\w+)` \| (\w+) \|", (ROOT / "docs/metrics.md").read_text(), re.MULTILINE
    )
    return dict(rows)


def known_type(metric):
    names = catalog()
    if metric in names:
        return names[metric]
    base = re.sub(r"_(bucket|sum|count)$", "", metric)
    return "counter" if names.get(base) == "histogram" else None


def test_there_is_a_dashboard():
    assert FILES


@pytest.fixture(params=FILES, ids=lambda path: path.name)
def dashboard(request):
    return expressions.load_dashboard(request.param)


def variable(dashboard, name):
    return next(v for v in dashboard["templating"]["list"] if v["name"] == name)


def targets(dashboard):
    return [
        (panel, target)
        for panel in expressions.flat_panels(dashboard)
        for target in panel["targets"]
    ]


def test_json_is_what_the_generator_writes():
    sys.path.insert(0, str(expressions.DASHBOARDS))
    try:
        import generate
    finally:
        sys.path.pop(0)
    assert generate.OUTPUT.read_text(encoding="utf-8") == generate.text(), (
        "run: python3 dashboards/generate.py"
    )


def test_frame(dashboard):
    assert dashboard["uid"] and len(dashboard["uid"]) <= 40
    assert dashboard["title"] and dashboard["description"]
    assert dashboard["schemaVersion"] == 41
    assert dashboard["editable"] is False
    assert "id" not in dashboard and "__inputs" not in dashboard


def test_datasource_variable(dashboard):
    found = variable(dashboard, "datasource")
    assert (found["type"], found["query"]) == ("datasource", "prometheus")
    assert found["label"] == "Data source"


@pytest.mark.parametrize(
    "name, label", [("job", "Job"), ("instance", "Instance"), ("cgroup", "Cgroup"), ("workload", "Workload")]
)
def test_query_variables(dashboard, name, label):
    found = variable(dashboard, name)
    assert (found["type"], found["label"], found["allValue"]) == ("query", label, ".+")
    assert found["multi"] and found["includeAll"]
    assert found["refresh"] == 2, "reload when the time range changes"
    assert found["datasource"]["uid"] == "${datasource}"


def test_panels_have_title_description_unit_and_targets(dashboard):
    titles = set()
    for panel in expressions.flat_panels(dashboard):
        title = panel["title"]
        assert title not in titles, f"{title!r} stands twice"
        titles.add(title)
        assert panel["description"].endswith("."), title
        assert panel["fieldConfig"]["defaults"]["unit"] in UNITS, title
        assert panel["targets"], title
        assert panel["datasource"]["uid"] == "${datasource}", title
        references = [target["refId"] for target in panel["targets"]]
        assert len(references) == len(set(references)), title
    assert titles


def test_panel_ids_are_unique_and_panels_do_not_overlap(dashboard):
    cells, identifiers = set(), set()
    for panel in dashboard["panels"]:
        assert panel["id"] not in identifiers
        identifiers.add(panel["id"])
        place = panel["gridPos"]
        assert place["x"] + place["w"] <= 24
        for x in range(place["x"], place["x"] + place["w"]):
            for y in range(place["y"], place["y"] + place["h"]):
                assert (x, y) not in cells, panel["title"]
                cells.add((x, y))


def test_targets(dashboard):
    for panel, target in targets(dashboard):
        where = panel["title"]
        assert target["datasource"]["uid"] == "${datasource}", where
        assert target["legendFormat"], where
        found = promql.selectors(target["expr"])
        assert found, where
        for selector in found:
            assert ("job", "=~", "$job") in selector.matchers, (where, selector)
            assert ("instance", "=~", "$instance") in selector.matchers, (where, selector)
            if selector.window:
                assert selector.window == "$__rate_interval", (where, selector)


def test_metrics_are_in_the_catalog_and_counters_are_rated(dashboard):
    used = [target["expr"] for _, target in targets(dashboard)]
    used += [a["expr"] for a in dashboard["annotations"]["list"] if "expr" in a]
    used += [rule["expr"] for path in expressions.alert_files() for rule in expressions.load_rules(path)]
    for text in used:
        for selector in promql.selectors(text):
            if selector.metric == "up":  # Prometheus' own
                continue
            kind = known_type(selector.metric)
            assert kind, f"{selector.metric} is not in docs/metrics.md"
            if kind == "counter":
                assert selector.function in RATES, (selector, text)
            else:
                assert selector.function not in RATES, (selector, text)


def test_the_order_of_variables_follows_their_use(dashboard):
    seen = set()
    for found in dashboard["templating"]["list"]:
        for used in re.findall(r"\$(\w+)", str(found.get("definition", ""))):
            assert used in seen, f"{found['name']} uses ${used} before it is known"
        seen.add(found["name"])


def test_the_generator_is_a_program(tmp_path):
    """It writes next to itself; a copy gives the same bytes from any directory."""
    copy = tmp_path / "generate.py"
    copy.write_bytes((expressions.DASHBOARDS / "generate.py").read_bytes())
    subprocess.run([sys.executable, "-B", str(copy)], check=True, cwd="/")
    for path in FILES:
        assert (tmp_path / path.name).read_bytes() == path.read_bytes()
