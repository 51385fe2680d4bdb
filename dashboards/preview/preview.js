// Draws a dashboard as Grafana would lay it out, from what a Prometheus answered to its queries.
// A preview for readers of the manual and nothing more: what a panel is drawn with is in Grafana.
"use strict";

const { dashboard, answers, chosen, span, unitHeight, pageWidth, headerHeight } = window.PREVIEW;
const COLOURS = [
  "#3274d9", "#e0752d", "#37872d", "#a352cc", "#c4162a", "#0a9c9c", "#b58900", "#7a5c3e", "#5f6b7a", "#e05fa0",
];
const STATES = { red: "#e02f44", green: "#56a64b", blue: "#3274d9", gray: "#b4b4b4" };
const LEGENDS = 6;

const element = (parent, name, kind, text) => {
  const made = document.createElement(name);
  if (kind) made.className = kind;
  if (text !== undefined) made.textContent = text;
  parent.append(made);
  return made;
};

const scaled = (value, factors) => {
  const [factor, suffix] = factors.find(([f]) => Math.abs(value) >= f) ?? factors.at(-1);
  return `${Number((value / factor).toPrecision(3))}${suffix}`;
};

const BYTES = [[2 ** 30, " GiB"], [2 ** 20, " MiB"], [2 ** 10, " KiB"], [1, " B"]];
const UNITS = {
  bytes: (v) => scaled(v, BYTES),
  Bps: (v) => `${scaled(v, BYTES)}/s`,
  s: (v) => scaled(v, [[1, " s"], [1e-3, " ms"], [1e-6, " µs"]]),
  percentunit: (v) => `${Number((v * 100).toPrecision(3))} %`,
  ops: (v) => `${scaled(v, [[1e3, "k"], [1, ""]])}/s`,
};
const show = (value, unit) => {
  if (value === null || Number.isNaN(value)) return "";
  if (value === 0) return "0";
  return (UNITS[unit] ?? ((v) => scaled(v, [[1e6, "M"], [1e3, "k"], [1, ""]])))(value);
};

const legend = (format, labels) => format.replace(/\{\{(\w+)\}\}/g, (_, name) => labels[name] ?? "");

const grid = () => {
  const times = [];
  for (let t = span.start; t <= span.end + 1e-6; t += span.step) times.push(t);
  return times;
};
const TIMES = grid();

// The values of a range query at the points of the grid, null where there is none.
const onGrid = (series) => {
  const values = new Array(TIMES.length).fill(null);
  for (const [time, text] of series.values) {
    const value = Number(text);
    if (Number.isFinite(value)) values[Math.round((time - span.start) / span.step)] = value;
  }
  return values;
};

const lines = (panel) =>
  panel.targets.flatMap((target) =>
    answers[`${panel.id}${target.refId}`].map((series) => ({
      name: legend(target.legendFormat, series.metric),
      values: onGrid(series),
    })),
  );

// Bytes are counted in powers of two.
const INCREMENTS = { bytes: Array.from({ length: 50 }, (_, i) => 2 ** i) };
INCREMENTS.Bps = INCREMENTS.bytes;

const strokes = (panel, line, i) => {
  const stroke = COLOURS[i % COLOURS.length];
  const points = { show: false };
  if (panel.fieldConfig.defaults.custom.drawStyle !== "bars") return { stroke, width: 1.2, points };
  return { stroke, fill: `${stroke}90`, width: 0, points, paths: uPlot.paths.bars({ size: [1] }) };
};

const marks = (answers.annotations ?? []).flatMap((series) =>
  series.values.map(([time]) => time).filter((time, i, all) => i === 0 || time - all[i - 1] > 2 * span.step),
);

const drawMarks = (plot) => {
  const { ctx, bbox } = plot;
  ctx.save();
  ctx.strokeStyle = "#e02f44";
  ctx.setLineDash([3, 3]);
  for (const time of marks) {
    const x = Math.round(plot.valToPos(time, "x", true)) + 0.5;
    ctx.beginPath();
    ctx.moveTo(x, bbox.top);
    ctx.lineTo(x, bbox.top + bbox.height);
    ctx.stroke();
  }
  ctx.restore();
};

const clock = (time) => {
  const left = Math.round(time - TIMES.at(-1));
  return left === 0 ? "now" : `${left} s`;
};

const axis = { font: "10px DejaVu Sans", grid: { stroke: "#f0f0f0" }, ticks: { show: false } };
const FIFTHS = [0, 1, 2, 3, 4, 5].map((i) => TIMES[0] + ((TIMES.at(-1) - TIMES[0]) * i) / 5);

function timeseries(box, panel, width, height) {
  const found = lines(panel);
  if (!found.length) return element(box, "div", "empty", "No data: there was none");
  const unit = panel.fieldConfig.defaults.unit;
  const values = (_, splits) => splits.map((v) => show(v, unit));
  const options = {
    width,
    height: height - 36,
    legend: { show: false },
    cursor: { show: false },
    padding: [8, 16, 0, 0],
    scales: {
      x: { time: false, range: () => [TIMES[0], TIMES.at(-1)] },
      y: { range: (_, low, high) => [Math.min(0, low ?? 0), (high || 1) * 1.05] },
    },
    series: [{}, ...found.map((line, i) => ({ label: line.name, ...strokes(panel, line, i) }))],
    axes: [
      { ...axis, size: 20, splits: () => FIFTHS, values: (_, splits) => splits.map(clock) },
      { ...axis, size: 58, values, ...(INCREMENTS[unit] && { incrs: INCREMENTS[unit] }) },
    ],
    hooks: { draw: [drawMarks] },
  };
  new uPlot(options, [TIMES, ...found.map((line) => line.values)], element(box, "div"));
  legendLine(box, found);
}

// The lines with the largest values; Grafana shows all.
function legendLine(box, found) {
  const line = element(box, "div", "legend");
  const peak = (entry) => Math.max(...entry[0].values.map((v) => v ?? -1));
  const largest = found.map((f, i) => [f, i]).sort((a, b) => peak(b) - peak(a)).slice(0, LEGENDS);
  for (const [entry, index] of largest) {
    element(line, "i").style.background = COLOURS[index % COLOURS.length];
    line.append(short(entry.name));
  }
  if (found.length > LEGENDS) line.append(`  + ${found.length - LEGENDS} more`);
}

const short = (name) => name.replace("/cgwarden.slice/", "…/");

function state(panel, value) {
  const mapping = panel.fieldConfig.defaults.mappings?.[0]?.options?.[String(value)];
  return mapping && { text: mapping.text, colour: STATES[mapping.color] };
}

function stat(box, panel) {
  const value = answers[`${panel.id}A`][0]?.value[1];
  const known = state(panel, value);
  const shown = known ? known.text : show(Number(value), panel.fieldConfig.defaults.unit);
  const text = value === undefined ? "No data" : shown;
  element(box, "div", "stat", text).style.color = known ? known.colour : "#37872d";
}

function table(box, panel) {
  const units = panel.fieldConfig.overrides.map((o) => Object.fromEntries(o.properties.map((p) => [p.id, p.value])));
  const rows = new Map();
  panel.targets.forEach((target, column) => {
    for (const { metric, value } of answers[`${panel.id}${target.refId}`]) {
      const { job, __name__, ...labels } = metric;
      const key = JSON.stringify(labels);
      if (!rows.has(key)) rows.set(key, { labels, values: [] });
      rows.get(key).values[column] = Number(value[1]);
    }
  });
  const names = [...new Set([...rows.values()].flatMap((row) => Object.keys(row.labels)))];
  const made = element(box, "table");
  const head = element(made, "tr");
  for (const name of [...names, ...units.map((unit) => unit.displayName)]) element(head, "th", "", name);
  for (const { labels, values } of rows.values()) {
    const line = element(made, "tr");
    for (const name of names) element(line, "td", "", labels[name] ?? "");
    units.forEach((unit, i) => element(line, "td", "", show(values[i] ?? null, unit.unit)));
  }
}

function timeline(box, panel, width, height) {
  const found = lines(panel);
  if (!found.length) return element(box, "div", "empty", "No data");
  const lane = Math.min(24, (height - 24) / found.length);
  const name = 150;
  const step = (width - name - 10) / TIMES.length;
  found.forEach((line, i) => {
    const label = element(box, "div", "lane", short(line.name));
    Object.assign(label.style, { left: "6px", width: `${name - 10}px`, top: `${22 + i * lane + lane / 2 - 7}px` });
    line.values.forEach((value, j) => {
      if (value === null) return;
      const cell = element(box, "div", "state");
      Object.assign(cell.style, {
        left: `${name + Math.floor(j * step)}px`,
        width: `${Math.ceil(step)}px`,
        top: `${22 + i * lane}px`,
        height: `${lane - 3}px`,
        background: state(panel, value)?.colour ?? "#888",
      });
    });
  });
}

const DRAW = { timeseries, stat, table, "state-timeline": timeline };

function place(panel, kind) {
  const { x, y, w, h } = panel.gridPos;
  const column = pageWidth / 24;
  const box = element(document.body, "div", kind);
  const size = {
    left: x * column + 2,
    top: headerHeight + y * unitHeight,
    width: w * column - 4,
    height: h * unitHeight - 4,
  };
  for (const [key, value] of Object.entries(size)) box.style[key] = `${value}px`;
  return [box, size];
}

function draw() {
  const header = element(document.body, "header");
  element(header, "h1", "", dashboard.title);
  for (const variable of dashboard.templating.list) {
    if (variable.type !== "query") continue;
    const shown = element(header, "div", "variable");
    element(shown, "b", "", variable.label);
    shown.append(chosen[variable.name] ?? "All");
  }
  for (const panel of dashboard.panels) {
    if (panel.type === "row") {
      place(panel, "row")[0].textContent = panel.title;
      continue;
    }
    const [box, size] = place(panel, "panel");
    element(box, "div", "title", panel.title);
    DRAW[panel.type](box, panel, size.width - 2, size.height);
  }
}

draw();
