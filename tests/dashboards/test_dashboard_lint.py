"""Every dashboard keeps every rule of lint_rules.py, and every rule can find a fault."""

import copy
import subprocess
import sys

import pytest

import expressions
import lint_rules

FILES = expressions.dashboard_files()
RULES = lint_rules.LINTER | lint_rules.OWN
SUBJECTS = {
    "cgwarden-overview.json",
    "cgwarden-cgroup.json",
    "cgwarden-throttling.json",
    "cgwarden-memory.json",
    "cgwarden-restarts.json",
    "cgwarden-policy.json",
    "cgwarden-agent.json",
}
# What the linter has for Prometheus; target-promql-rule is in test_rules.py.
LINTER_RULES = {
    "template-datasource-rule",
    "template-job-rule",
    "template-instance-rule",
    "template-label-promql-rule",
    "template-on-time-change-reload-rule",
    "panel-datasource-rule",
    "panel-title-description-rule",
    "panel-units-rule",
    "panel-no-targets-rule",
    "target-rate-interval-rule",
    "target-job-rule",
    "target-instance-rule",
    "target-counter-agg-rule",
    "uneditable-dashboard",
}


def faults(rule, dashboard):
    return list(RULES[rule](dashboard))


@pytest.mark.parametrize("rule", RULES)
@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_rule(path, rule):
    assert faults(rule, expressions.load_dashboard(path)) == []


def test_every_subject_has_its_dashboard():
    assert {path.name for path in FILES} == SUBJECTS
    dashboards = [expressions.load_dashboard(path) for path in FILES]
    for key in ("uid", "title"):
        assert len({dashboard[key] for dashboard in dashboards}) == len(FILES)


def test_every_rule_of_the_linter_is_there():
    assert set(lint_rules.LINTER) == LINTER_RULES


def test_the_generator_writes_the_committed_bytes(tmp_path):
    program = [sys.executable, "-B", str(expressions.DASHBOARDS / "generate"), str(tmp_path)]
    subprocess.run(program, check=True, cwd="/")
    written = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    committed = {path.name: path.read_bytes() for path in FILES}
    assert written == committed, "run: python3 dashboards/generate"


# --- a fault for every rule


def panel(dashboard):
    return next(expressions.flat_panels(dashboard))


def variable(dashboard, name):
    return next(v for v in dashboard["templating"]["list"] if v["name"] == name)


def expression(text):
    return lambda d: panel(d)["targets"][0].update(expr=text)


MATCHERS = 'job=~"$job", instance=~"$instance"'
FAULTS = {
    "template-datasource-rule": [lambda d: variable(d, "datasource").update(label="datasource")],
    "template-job-rule": [
        lambda d: d["templating"]["list"].remove(variable(d, "job")),
        lambda d: variable(d, "job").update(allValue=".*"),
        lambda d: variable(d, "job")["datasource"].update(uid="abc"),
    ],
    "template-instance-rule": [lambda d: variable(d, "instance").update(multi=False)],
    "template-label-promql-rule": [lambda d: variable(d, "job")["query"].update(query="up")],
    "template-on-time-change-reload-rule": [lambda d: variable(d, "job").update(refresh=1)],
    "panel-datasource-rule": [
        lambda d: panel(d).update(datasource={"type": "prometheus", "uid": "abc"}),
        lambda d: panel(d)["targets"][0].update(datasource={"type": "loki", "uid": "${datasource}"}),
    ],
    "panel-title-description-rule": [lambda d: panel(d).update(description="")],
    "panel-units-rule": [lambda d: panel(d)["fieldConfig"]["defaults"].update(unit="ms")],
    "panel-no-targets-rule": [lambda d: panel(d).update(targets=[])],
    "target-rate-interval-rule": [
        expression(f"rate(cgwarden_cgroup_cpu_usage_seconds_total{{{MATCHERS}}}[5m])")
    ],
    "target-job-rule": [expression('cgwarden_agent_cgroups{job="$job", instance=~"$instance"}')],
    "target-instance-rule": [expression('cgwarden_agent_cgroups{job=~"$job"}')],
    "target-counter-agg-rule": [
        expression(f"cgwarden_workload_starts_total{{{MATCHERS}}}"),
        expression(f"rate(cgwarden_agent_cgroups{{{MATCHERS}}}[$__rate_interval])"),
        expression(f"cgwarden_agent_moon{{{MATCHERS}}}"),
    ],
    "uneditable-dashboard": [lambda d: d.update(editable=True)],
    "frame": [lambda d: d.update(uid="x" * 41), lambda d: d.update(title="mine"), lambda d: d.update(id=1)],
    "further_variables": [
        lambda d: variable(d, "workload").update(label=""),
        lambda d: variable(d, "workload").update(allValue=".*"),
    ],
    "variables_in_order": [lambda d: d["templating"]["list"].reverse()],
    "no_unused_variable": [lambda d: variable(d, "workload").update(name="other")],
    "titles_are_unique": [lambda d: d["panels"].append(copy.deepcopy(panel(d)))],
    "legends_and_references": [
        lambda d: panel(d)["targets"][0].update(legendFormat=""),
        lambda d: panel(d)["targets"].append(panel(d)["targets"][0]),
    ],
    "place": [lambda d: panel(d)["gridPos"].update(x=20, w=12), lambda d: d["panels"].append(panel(d))],
    "links_to_the_manuals": [
        lambda d: panel(d).update(links=[]),
        lambda d: panel(d)["links"][0].update(url="${docs}/runbook.md#nothing"),
        lambda d: panel(d)["links"][0].update(url="https://example.org/runbook.md"),
    ],
}


def test_every_rule_has_a_fault():
    assert set(FAULTS) == set(RULES)


@pytest.mark.parametrize(
    "rule, spoil", [(rule, spoil) for rule, spoils in FAULTS.items() for spoil in spoils]
)
def test_rule_finds_the_fault(rule, spoil):
    dashboard = expressions.load_dashboard(expressions.DASHBOARDS / "cgwarden-overview.json")
    spoil(dashboard)
    assert faults(rule, dashboard)
