"""Panels, as values and as Grafana's classic JSON."""

import dataclasses

DATASOURCE = {"type": "prometheus", "uid": "${datasource}"}
GRID = 24  # columns of Grafana's grid
STATES = ((0, "no", "red"), (1, "yes", "green"))


@dataclasses.dataclass(frozen=True)
class Panel:
    """What a panel shows. `docs` is file#heading below docs/, where to read on."""

    title: str
    description: str
    unit: str
    targets: tuple  # of (expression, legend)
    docs: str
    kind: str = "timeseries"
    width: int = 12
    height: int = 8
    states: tuple = ()  # (value, text, colour): for stat and state-timeline
    bars: bool = False  # of events: nothing is drawn where there is none

    def json(self, identifier, x, y):
        instant = self.kind in ("stat", "table")
        return {
            "id": identifier,
            "type": self.kind,
            "title": self.title,
            "description": self.description,
            "datasource": DATASOURCE,
            "gridPos": {"h": self.height, "w": self.width, "x": x, "y": y},
            "links": [
                {
                    "title": "Runbook" if self.docs.startswith(("runbook", "alerts")) else "Manual",
                    "url": f"${{docs}}/{self.docs}",
                    "targetBlank": True,
                }
            ],
            "fieldConfig": {"defaults": self._defaults(), "overrides": self._overrides()},
            "options": OPTIONS[self.kind],
            "transformations": self._transformations(),
            "targets": [self._target(i, *t, instant) for i, t in enumerate(self.targets)],
        }

    def _defaults(self):
        found = {"unit": self.unit}
        if self.kind == "timeseries":
            found["min"] = 0
            found["custom"] = {"lineWidth": 1, "fillOpacity": 5, "showPoints": "never"}
            if self.bars:
                found["custom"] = {"drawStyle": "bars", "lineWidth": 0, "fillOpacity": 70}
        if self.kind == "state-timeline":
            found["custom"] = {"lineWidth": 0, "fillOpacity": 70}
        if self.states:
            found["mappings"] = [
                {
                    "type": "value",
                    "options": {
                        str(value): {"index": index, "text": text, "color": colour}
                        for index, (value, text, colour) in enumerate(self.states)
                    },
                }
            ]
        return found

    def _overrides(self):
        """In a table every query is a column with its own unit: the legend is `name|unit`."""
        if self.kind != "table":
            return []
        overrides = []
        for index, (_, legend) in enumerate(self.targets):
            name, unit = legend.split("|")
            properties = [{"id": "displayName", "value": name}, {"id": "unit", "value": unit}]
            matcher = {"id": "byName", "options": self._column(index)}
            overrides.append({"matcher": matcher, "properties": properties})
        return overrides

    def _column(self, index):
        """The name that Grafana's merge gives the value of a query."""
        return "Value" if len(self.targets) == 1 else f"Value #{reference(index)}"

    def _transformations(self):
        if self.kind != "table":
            return []
        hidden = {"excludeByName": {"Time": True, "job": True, "__name__": True}}
        return [{"id": "merge", "options": {}}, {"id": "organize", "options": hidden}]

    def _target(self, index, expression, legend, instant):
        return {
            "datasource": DATASOURCE,
            "editorMode": "code",
            "expr": expression,
            "format": "table" if self.kind == "table" else "time_series",
            "instant": instant,
            "legendFormat": legend.split("|")[0],
            "range": not instant,
            "refId": reference(index),
        }


OPTIONS = {
    "timeseries": {
        "legend": {"displayMode": "table", "placement": "bottom", "calcs": ["lastNotNull", "max"]},
        "tooltip": {"mode": "multi", "sort": "desc"},
    },
    "stat": {
        "reduceOptions": {"calcs": ["lastNotNull"], "fields": "", "values": False},
        "colorMode": "value",
        "graphMode": "none",
        "textMode": "auto",
    },
    "table": {"showHeader": True, "cellHeight": "sm"},
    "state-timeline": {
        "mergeValues": True,
        "showValue": "never",
        "rowHeight": 0.8,
        "legend": {"displayMode": "list", "placement": "bottom"},
        "tooltip": {"mode": "single"},
    },
}


def reference(index):
    return chr(ord("A") + index)


def stat(title, description, unit, expression, docs, states=()):
    return Panel(title, description, unit, ((expression, title),), docs, "stat", 4, 4, states)


def events(title, description, expression, legend, docs):
    """How many of something that is rare: only what is more than none is drawn."""
    return happenings(title, description, ((expression, legend),), docs)


def happenings(title, description, targets, docs, width=12):
    """events() of several expressions, as (expression, legend)."""
    description += " No data: there was none."
    found = tuple((f"{expression} > 0", legend) for expression, legend in targets)
    return Panel(title, description, "short", found, docs, bars=True, width=width)


def timeline(title, description, expression, legend, docs, states=STATES, width=12):
    return Panel(
        title, description, "none", ((expression, legend),), docs, "state-timeline", width, 8, states
    )


def table(title, description, targets, docs, width=24, height=8):
    return Panel(title, description, "none", targets, docs, "table", width, height)


def layout(rows):
    """The panels of [(row title, [Panel, ...]), ...] from left to right, in lines."""
    out, y = [], 0
    for title, panels in rows:
        place = {"h": 1, "w": GRID, "x": 0, "y": y}
        out.append(
            {
                "id": len(out) + 1,
                "type": "row",
                "title": title,
                "collapsed": False,
                "gridPos": place,
                "panels": [],
            }
        )
        x, y, height = 0, y + 1, 0
        for panel in panels:
            if x + panel.width > GRID:
                x, y, height = 0, y + height, 0
            out.append(panel.json(len(out) + 1, x, y))
            x, height = x + panel.width, max(height, panel.height)
        y += height
    return out
