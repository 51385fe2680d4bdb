"""Alerts by promtool, and every expression of the dashboards as a rule."""

import pathlib
import re

import pytest
import yaml

import expressions
import promql

ROOT = pathlib.Path(__file__).resolve().parents[2]
ALERTS = expressions.DASHBOARDS / "alerts.yml"
SEVERITIES = {"info", "warning", "critical"}
REQUIRED = {
    "CPUThrottlingHigh",
    "WorkloadOOMOwnLimit",
    "WorkloadOOMAncestor",
    "WorkloadCrashLooping",
    "PidsNearLimit",
    "WorkloadMemoryHighStalled",
    "AgentDown",
}


def alerts():
    return expressions.load_rules(ALERTS)


def passed(result):
    assert result.returncode == 0, (result.stdout + result.stderr).decode()


def anchors(path):
    """The anchors of a Markdown file's headings, as GitHub makes them, and explicit ones."""
    text = path.read_text(encoding="utf-8")
    found = set(re.findall(r'<a (?:id|name)="([^"]+)"', text))
    for heading in re.findall(r"^#+ +(.+?) *$", text, re.MULTILINE):
        plain = re.sub(r"[^\w\- ]", "", heading.lower())
        found.add(plain.replace(" ", "-"))
    return found


def test_promtool_accepts_the_alerts(promtool):
    passed(promtool.run("check", "rules", ALERTS))


def test_the_alerts_fire_when_they_should(promtool):
    passed(promtool.run("test", "rules", expressions.DASHBOARDS / "alerts_test.yml"))


def test_every_alert_has_a_test_that_fires():
    tests = yaml.safe_load((expressions.DASHBOARDS / "alerts_test.yml").read_text())["tests"]
    fired = {
        check["alertname"]
        for test in tests
        for check in test["alert_rule_test"]
        if check["exp_alerts"]
    }
    assert {rule["alert"] for rule in alerts()} == fired


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


@pytest.mark.parametrize("rule", alerts(), ids=lambda rule: rule["alert"])
def test_rates_cover_four_scrapes_of_a_minute(rule):
    for selector in promql.selectors(rule["expr"]):
        if selector.window:
            number, unit = re.fullmatch(r"(\d+)([mh])", selector.window).groups()
            assert int(number) * {"m": 1, "h": 60}[unit] >= 4


@pytest.mark.parametrize("rule", alerts(), ids=lambda rule: rule["alert"])
def test_runbook_link_leads_somewhere(rule):
    url = rule["annotations"]["runbook_url"]
    head, target = url.split("{{ end }}")
    assert head.startswith("{{ with $externalLabels.cgwarden_docs }}{{ . }}{{ else }}")
    file, anchor = re.fullmatch(r"/([\w-]+\.md)#([\w-]+)", target).groups()
    assert anchor in anchors(ROOT / "docs" / file)


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
