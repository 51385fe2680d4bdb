"""Alerts and recording rules by promtool, and every expression of the dashboards as a rule."""

import pathlib
import re

import pytest
import yaml

import documents
import expressions
import lint_rules
import promql

ROOT = pathlib.Path(__file__).resolve().parents[2]
ALERTS = expressions.DASHBOARDS / "alerts.yml"
RULES = expressions.DASHBOARDS / "rules.yml"
SEVERITIES = {"info", "warning", "critical"}
REQUIRED = {
    "CPUThrottlingHigh",
    "WorkloadOOMOwnLimit",
    "WorkloadOOMAncestor",
    "NodeGlobalOOM",
    "WorkloadOOMNoVictim",
    "WorkloadMemoryHighStalled",
    "WorkloadCrashLooping",
    "WorkloadFrozen",
    "UnitOOMKilled",
    "UnitCrashLooping",
    "ContainerOOMKilled",
    "ContainerCrashLooping",
    "PidsNearLimit",
    "DiagnosisEvidenceLost",
    "DiagnosisUnknownVerdicts",
    "AgentDown",
}


def alerts():
    return expressions.load_rules(ALERTS)


def records():
    return expressions.load_rules(RULES)


def passed(result):
    assert result.returncode == 0, (result.stdout + result.stderr).decode()


@pytest.mark.parametrize("path", expressions.rule_files(), ids=lambda path: path.name)
def test_promtool_accepts_the_rules(promtool, path):
    passed(promtool.run("check", "rules", path))


@pytest.mark.parametrize("path", expressions.rule_files(), ids=lambda path: path.name)
def test_the_rules_do_what_they_should(promtool, path):
    passed(promtool.run("test", "rules", path.with_name(f"{path.stem}_test.yml")))


def checks_of_alerts():
    tests = yaml.safe_load((expressions.DASHBOARDS / "alerts_test.yml").read_text())["tests"]
    return [check for test in tests for check in test["alert_rule_test"]]


def test_every_alert_has_a_test_that_fires():
    fired = {check["alertname"] for check in checks_of_alerts() if check["exp_alerts"]}
    assert {rule["alert"] for rule in alerts()} == fired


def test_every_alert_has_a_test_that_does_not_fire():
    silent = {check["alertname"] for check in checks_of_alerts() if not check["exp_alerts"]}
    assert {rule["alert"] for rule in alerts()} == silent


def test_every_record_has_a_test_with_samples():
    tests = yaml.safe_load((expressions.DASHBOARDS / "rules_test.yml").read_text())["tests"]
    asked = [check["expr"] for test in tests for check in test["promql_expr_test"] if check["exp_samples"]]
    for rule in records():
        assert any(rule["record"] in expression for expression in asked), rule["record"]


@pytest.mark.parametrize("rule", records(), ids=lambda rule: rule["record"])
def test_record_is_named_by_its_labels_metric_and_operation(rule):
    level, metric, operation = rule["record"].split(":")
    labels = re.search(r"sum by \(([^)]*)\)", rule["expr"])[1]
    for label in level.split("_"):
        assert label in labels
    assert metric in rule["expr"]
    assert re.fullmatch(r"sum|(?:ratio_|p99_)?(?:rate|increase)\d+[md]", operation)


@pytest.mark.parametrize("rule", alerts() + records(), ids=lambda r: r.get("alert") or r["record"])
def test_rule_uses_metrics_that_exist_and_rates_counters(rule):
    assert list(lint_rules.rate_faults(rule["expr"])) == []


def test_required_alerts_are_there():
    names = [rule["alert"] for rule in alerts()]
    assert len(names) == len(set(names))
    assert set(names) >= REQUIRED


@pytest.mark.parametrize("rule", alerts(), ids=lambda rule: rule["alert"])
def test_alert_is_complete(rule):
    assert rule["labels"]["severity"] in SEVERITIES
    texts = rule["annotations"]
    assert "{{" not in texts["summary"], "the summary is constant, so that alerts group"
    assert "{{" in texts["description"]
    assert expressions.COMPARISON.search(rule["expr"]), "an alert without comparison always fires"


@pytest.mark.parametrize("rule", alerts() + records(), ids=lambda r: r.get("alert") or r["record"])
def test_rates_cover_four_scrapes_of_a_minute(rule):
    for selector in promql.selectors(rule["expr"]):
        if selector.window:
            number, unit = re.fullmatch(r"(\d+)([mhd])", selector.window).groups()
            assert int(number) * {"m": 1, "h": 60, "d": 1440}[unit] >= 4


@pytest.mark.parametrize("rule", alerts(), ids=lambda rule: rule["alert"])
def test_runbook_link_leads_somewhere(rule):
    url = rule["annotations"]["runbook_url"]
    head, target = url.split("{{ end }}")
    assert head.startswith("{{ with $externalLabels.cgwarden_docs }}{{ . }}{{ else }}")
    assert re.fullmatch(r"/[\w-]+\.md#[\w-]+", target)
    assert documents.leads_somewhere(target[1:])


def test_every_expression_is_promql(promtool, tmp_path):
    """As recording rules, which promtool parses and type-checks."""
    rules = [
        {"record": f"test:expression_{index}", "expr": expression.promql}
        for index, expression in enumerate(expressions.all_expressions())
    ]
    path = tmp_path / "rules.yml"
    path.write_text(yaml.safe_dump({"groups": [{"name": "all", "rules": rules}]}))
    passed(promtool.run("check", "rules", path))


def test_promtool_would_refuse_a_bad_expression(promtool, tmp_path):
    path = tmp_path / "rules.yml"
    path.write_text("groups: [{name: a, rules: [{record: 'a:b', expr: 'rate(x)'}]}]")
    assert promtool.run("check", "rules", path).returncode != 0


def golden(*names):
    return b"".join((ROOT / "tests/exporters/golden" / name).read_bytes() for name in names)


def test_promtool_finds_no_fault_in_the_exposition(promtool):
    result = promtool.run("check", "metrics", stdin=golden("metrics.txt", "agent.txt"))
    passed(result)
    assert result.stderr == b"" and result.stdout == b""


def test_promtool_finds_no_fault_in_the_page_of_cadvisors_names(promtool):
    result = promtool.run("check", "metrics", stdin=golden("cadvisor.txt"))
    passed(result)
    assert result.stderr == b"" and result.stdout == b""


def test_promtool_would_find_a_fault(promtool):
    assert promtool.run("check", "metrics", stdin=b"cgwarden_x_total 1\n").returncode != 0
