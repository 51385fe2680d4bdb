"""What is around the panels: variables, annotations, links to the other dashboards."""

import queries as q
from panels import DATASOURCE, layout

# Where docs/ is read; alerts.yml has the same default. Each user changes it in the dashboard.
DOCS = "file:///usr/share/doc/cgwarden"


def query_variable(name, label, query, every=True):
    """`every`: may stand for all values, and does at first."""
    found = {
        "name": name,
        "label": label,
        "type": "query",
        "datasource": DATASOURCE,
        "definition": query,
        "query": {"qryType": 1, "query": query, "refId": f"variable-{name}"},
        "refresh": 2,
        "sort": 1,
        "multi": True,
        "includeAll": every,
        "current": {},
    }
    if every:
        found["allValue"] = ".+"
        found["current"] = {"selected": True, "text": ["All"], "value": ["$__all"]}
    return found


def cgroup_variable(every=True):
    query = f"label_values({q.select('cgwarden_cgroup_info', q.TARGET)}, cgroup)"
    return query_variable("cgroup", "Cgroup", query, every)


def workload_variable():
    query = f"label_values({q.select('cgwarden_workload_running', q.TARGET)}, workload)"
    return query_variable("workload", "Workload", query)


def workload_of_cgroup_variable():
    """The workloads of the chosen cgroups; none for a cgroup of somebody else."""
    info = q.select("cgwarden_cgroup_info", q.CGROUP + ', workload!=""')
    return query_variable("workload", "Workload", f"label_values({info}, workload)", every=False)


def deaths(selector=q.WORKLOAD):
    """Marks in time: the deaths, with their verdicts."""
    changes = q.rate("cgwarden_workload_deaths_total", selector, "changes")
    return {
        "name": "Deaths",
        "datasource": DATASOURCE,
        "enable": True,
        "iconColor": "red",
        "expr": q.by(("workload", "verdict"), changes) + " > 0",
        "titleFormat": "{{workload}}",
        "textFormat": "{{verdict}}",
    }


def deaths_of_others(verdicts='verdict!="STOPPED"'):
    """The same of everybody's units and containers."""
    selector = f"{q.TARGET}, {verdicts}"
    units = q.rate("cgwarden_unit_deaths_total", selector, "changes")
    containers = q.rate("cgwarden_container_deaths_total", selector, "changes")
    labels = ("unit", "container", "pod", "verdict")
    return {
        "name": "Deaths of units and containers",
        "datasource": DATASOURCE,
        "enable": True,
        "iconColor": "orange",
        "expr": q.by(labels, f"{units} or {containers}") + " > 0",
        "titleFormat": "{{unit}}{{container}}",
        "textFormat": "{{verdict}}",
    }


def dashboard(uid, title, description, rows, variables=(), annotations=()):
    build = "cgwarden_build_info"
    return {
        "uid": uid,
        "title": f"cgwarden / {title}",
        "description": description,
        "tags": ["cgwarden"],
        "schemaVersion": 41,
        "editable": False,
        "graphTooltip": 1,
        "refresh": "30s",
        "time": {"from": "now-1h", "to": "now"},
        "timezone": "browser",
        "annotations": {"list": list(annotations)},
        "links": [
            {
                "title": "cgwarden",
                "type": "dashboards",
                "tags": ["cgwarden"],
                "asDropdown": True,
                "includeVars": True,
                "keepTime": True,
            },
            {"title": "Runbook", "type": "link", "url": "${docs}/runbook.md", "targetBlank": True},
        ],
        "templating": {
            "list": [
                {
                    "name": "datasource",
                    "label": "Data source",
                    "type": "datasource",
                    "query": "prometheus",
                },
                query_variable("job", "Job", f"label_values({build}, job)"),
                query_variable(
                    "instance", "Instance", f'label_values({build}{{job=~"$job"}}, instance)'
                ),
                *variables,
                {
                    "name": "docs",
                    "label": "Manuals",
                    "type": "textbox",
                    "query": DOCS,
                    "current": {"text": DOCS, "value": DOCS},
                },
            ]
        },
        "panels": layout(rows),
    }
