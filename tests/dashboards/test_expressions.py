"""The two helpers the other tests lean on."""

import pytest

import expressions
import promql


def test_every_place_is_found():
    where = [expression.where for expression in expressions.all_expressions()]
    assert len(where) >= 200
    for kind in ("panel", "annotation", "variable"):
        assert any(f": {kind} " in place for place in where), kind
    for rule in ("CPUThrottlingHigh", "AgentDown", "workload_verdict:cgwarden_workload_deaths:increase1d"):
        assert any(place.endswith(rule) for place in where)


def test_variables_are_filled_in():
    for expression in expressions.all_expressions(expressions.Intervals(rate="15s")):
        assert "$" not in expression.promql
    assert any("[15s]" in e.promql for e in expressions.all_expressions(expressions.Intervals("15s")))


@pytest.mark.parametrize(
    "text, filled",
    [
        ('a{job=~"$job"}', 'a{job=~".+"}'),
        ('a{job=~"${job}"}', 'a{job=~".+"}'),
        ('a{job=~"${job:regex}"}', 'a{job=~".+"}'),
        ("rate(a[$__rate_interval])", "rate(a[5m])"),
        ("rate(a[$__interval]) + b[$__range]", "rate(a[1m]) + b[1h]"),
    ],
)
def test_substitution(text, filled):
    dashboard = {"templating": {"list": [{"name": "job", "type": "query", "allValue": ".+"}]}}
    assert expressions.substitute(text, dashboard) == filled


def test_a_chosen_value_is_filled_in():
    dashboard = {"templating": {"list": [{"name": name, "type": "query"} for name in ("job", "cgroup")]}}
    text = 'a{job=~"$job", cgroup=~"$cgroup"}'
    filled = expressions.substitute(text, dashboard, chosen={"cgroup": "/a|/b"})
    assert filled == 'a{job=~".+", cgroup=~"/a|/b"}'


def test_an_unknown_variable_is_an_error():
    with pytest.raises(ValueError, match="unknown"):
        expressions.substitute("a[$other]", {"templating": {"list": []}})


@pytest.mark.parametrize(
    "text, left",
    [
        ("a > 0", "a"),
        ("a / b > 0.25 and c >= -1", "a / b and c"),
        ('up{job="x"} == 0', 'up{job="x"}'),
        ('a{b!=""} != 3', 'a{b!=""}'),
        ('a{b=~"x"} unless b < bool 7', 'a{b=~"x"} unless b'),
    ],
)
def test_comparisons_are_cut_out(text, left):
    assert expressions.without_comparisons(text) == left


def test_selectors():
    found = promql.selectors(
        'sum by (job, le) (rate(m_total{job=~"$job", a="}b"}[$__rate_interval])) / on (job) x{} > 0.5'
        " and histogram_quantile(0.99, y_bucket) or up"
    )
    assert [s.metric for s in found] == ["m_total", "x", "y_bucket", "up"]
    first = found[0]
    assert first.function == "rate" and first.window == "$__rate_interval"
    assert first.matchers == {("job", "=~", "$job"), ("a", "=", "}b")}
    assert found[1].function == "" and found[1].matchers == frozenset()
