"use strict";
// Everything shown comes from api/v1/ of this endpoint; names are foreign text and only ever become
// text nodes. Counters become rates between two answers, so the agent keeps nothing for this page.

const POLL_MS = 2000;
const VERDICTS_MS = 10000;
const LANES = 12;

const byId = (id) => document.getElementById(id);
const element = (tag, properties = {}, ...children) => {
  const made = Object.assign(document.createElement(tag), properties);
  made.append(...children);
  return made;
};

// --- what is shown of numbers

const bytes = (value) => {
  if (value === undefined || value === null) return "";
  const units = ["B", "KiB", "MiB", "GiB", "TiB"];
  let unit = 0;
  while (value >= 1024 && unit < units.length - 1) {
    value /= 1024;
    ++unit;
  }
  return `${unit === 0 ? value : value.toFixed(1)} ${units[unit]}`;
};
const percent = (ratio) => (ratio === undefined ? "" : `${(100 * ratio).toFixed(ratio < 0.1 ? 1 : 0)} %`);
const cores = (value) => (value === undefined ? "" : value.toFixed(value < 0.1 ? 3 : 2));
// 2026-11-26 03:12:45, in the reader's time zone.
const moment = (usec) => new Date(usec / 1000).toLocaleString("sv-SE");

const difference = (now, then) =>
  now === undefined || then === undefined || now < then ? undefined : now - then;

// The growth of one row since the answer before, per second.
function rates(now, then, seconds) {
  const rate = { pressure: {} };
  if (!then || !(seconds > 0)) return rate;
  const usage = difference(now.cpu.usage_usec, then.cpu.usage_usec);
  if (usage !== undefined) rate.cores = usage / 1e6 / seconds;
  const periods = difference(now.cpu.nr_periods, then.cpu.nr_periods);
  const throttled = difference(now.cpu.nr_throttled, then.cpu.nr_throttled);
  if (throttled !== undefined && periods !== undefined) rate.throttled = periods > 0 ? throttled / periods : 0;
  for (const [resource, lines] of Object.entries(now.pressure)) {
    const stalled = difference(lines.some_usec, then.pressure[resource]?.some_usec);
    if (stalled !== undefined) rate.pressure[resource] = Math.min(1, stalled / 1e6 / seconds);
  }
  return rate;
}

function memoryShare(row) {
  const limit = row.memory.limit?.bytes;
  return limit > 0 && row.memory.current !== undefined ? row.memory.current / limit : undefined;
}

// Rows that hurt come first.
function trouble(row) {
  const share = memoryShare(row) ?? 0;
  return (
    2 * (row.rate.throttled ?? 0) +
    Math.max(0, share - 0.8) * 5 +
    2 * (row.rate.pressure.memory ?? 0) +
    (row.rate.pressure.io ?? 0) +
    (row.rate.pressure.cpu ?? 0) +
    (row.frozen ? 1 : 0)
  );
}

const level = (value, warn, bad) => (value >= bad ? "bad" : value >= warn ? "warn" : "");

const columns = [
  { key: "name", title: "Name", of: (row) => row.name, ascending: true, show: nameCell },
  { key: "kind", title: "Kind", of: (row) => row.kind, ascending: true },
  {
    key: "cores", title: "CPU cores", of: (row) => row.rate.cores,
    show: (row) => withLimit(cores(row.rate.cores), coresOfQuota(row), cores),
  },
  {
    key: "throttled", title: "Throttled periods", of: (row) => row.rate.throttled,
    show: (row) => marked(percent(row.rate.throttled), level(row.rate.throttled, 0.05, 0.25)),
  },
  { key: "memory", title: "Memory", of: (row) => row.memory.current, show: memoryCell },
  {
    key: "psi-cpu", title: "CPU stall", of: (row) => row.rate.pressure.cpu,
    show: (row) => marked(percent(row.rate.pressure.cpu), level(row.rate.pressure.cpu, 0.2, 0.5)),
  },
  {
    key: "psi-memory", title: "Memory stall", of: (row) => row.rate.pressure.memory,
    show: (row) => marked(percent(row.rate.pressure.memory), level(row.rate.pressure.memory, 0.05, 0.2)),
  },
  {
    key: "psi-io", title: "IO stall", of: (row) => row.rate.pressure.io,
    show: (row) => marked(percent(row.rate.pressure.io), level(row.rate.pressure.io, 0.2, 0.5)),
  },
  {
    key: "pids", title: "Tasks", of: (row) => row.pids.current,
    show: (row) => withLimit(row.pids.current ?? "", row.pids.max, String),
  },
];

function coresOfQuota(row) {
  const max = row.cpu.max;
  return max && max.quota_usec !== null ? max.quota_usec / max.period_usec : undefined;
}
const marked = (text, className) => element("span", { className, textContent: text });
const withLimit = (text, limit, show) =>
  limit === undefined || limit === null || text === "" ? text : `${text} of ${show(limit)}`;

function nameCell(row) {
  const link = element("a", { href: `#${new URLSearchParams({ cgroup: row.cgroup })}`, textContent: row.name });
  link.title = row.cgroup;
  return row.frozen ? element("span", {}, link, marked(" frozen", "warn")) : link;
}

function memoryCell(row) {
  const share = memoryShare(row);
  const text = withLimit(bytes(row.memory.current), row.memory.limit?.bytes, bytes);
  if (share === undefined) return text;
  const meter = element("meter", { min: 0, max: 1, low: 0.8, high: 0.95, optimum: 0, value: share });
  meter.title = `${percent(share)} of memory.max of ${row.memory.limit.cgroup}`;
  return element("span", {}, marked(text, level(share, 0.85, 0.95)), meter);
}

// --- state

const state = { answer: null, rows: [], sort: { key: "trouble", ascending: false }, verdicts: [], live: new Map() };
// Points that came while the page was open, per cgroup id; older ones are of the recorder.
const LIVE_POINTS = 1800;

async function ask(path, parameters = {}) {
  const query = new URLSearchParams(parameters).toString();
  const answer = await fetch(`api/v1/${path}${query ? `?${query}` : ""}`, { cache: "no-store" });
  if (!answer.ok) throw new Error((await answer.text()).trim() || `HTTP status ${answer.status}`);
  return answer;
}

function say(text, bad = false) {
  const status = byId("state");
  status.className = bad ? "bad" : "";
  status.textContent = text;
}

async function pollRows() {
  try {
    const answer = await (await ask("cgroups")).json();
    const before = state.answer;
    if (before && answer.boottime_usec === before.boottime_usec) return;
    const seconds = before ? (answer.boottime_usec - before.boottime_usec) / 1e6 : 0;
    const then = new Map((before?.rows ?? []).map((row) => [row.id, row]));
    for (const row of answer.rows) {
      row.rate = rates(row, then.get(row.id), seconds);
      remember(row, answer.wall_usec);
    }
    const alive = new Set(answer.rows.map((row) => row.id));
    for (const id of state.live.keys()) if (!alive.has(id)) state.live.delete(id);
    state.answer = answer;
    state.rows = answer.rows;
    byId("node").textContent = answer.node;
    say(`${answer.cgroups} cgroups · sampled ${moment(answer.wall_usec)} · agent ${answer.agent}`);
    showRows();
    refreshDetail();
  } catch (error) {
    say(`The agent does not answer: ${error.message}`, true);
  }
}

function remember(row, wall) {
  const points = state.live.get(row.id) ?? [];
  points.push({
    wall, cores: row.rate.cores ?? null, throttled: row.rate.throttled ?? null,
    memory: row.memory.current ?? null, max: row.memory.limit?.bytes ?? null,
  });
  if (points.length > LIVE_POINTS) points.shift();
  state.live.set(row.id, points);
}

// --- the table

function showColumns() {
  byId("columns").replaceChildren(
    ...columns.map((column) => {
      const button = element("button", { type: "button", textContent: column.title });
      button.addEventListener("click", () => {
        const again = state.sort.key === column.key;
        state.sort = { key: column.key, ascending: again ? !state.sort.ascending : Boolean(column.ascending) };
        showRows();
      });
      const head = element("th", { scope: "col" }, button);
      head.dataset.key = column.key;
      return head;
    }),
  );
}

function sorted(rows) {
  const column = columns.find((each) => each.key === state.sort.key);
  const value = column ? column.of : trouble;
  const sign = state.sort.ascending ? 1 : -1;
  return rows.toSorted((a, b) => {
    const [left, right] = [value(a), value(b)];
    if (left === undefined || right === undefined) return (left === undefined) - (right === undefined);
    return sign * (left < right ? -1 : left > right ? 1 : 0) || a.name.localeCompare(b.name);
  });
}

function showRows() {
  const wanted = byId("filter").value.trim().toLowerCase();
  const rows = sorted(
    state.rows.filter((row) => `${row.name} ${row.kind} ${row.cgroup}`.toLowerCase().includes(wanted)),
  );
  for (const head of byId("columns").children) {
    if (head.dataset.key === state.sort.key) {
      head.setAttribute("aria-sort", state.sort.ascending ? "ascending" : "descending");
    } else {
      head.removeAttribute("aria-sort");
    }
  }
  const focused = document.activeElement?.closest?.("#rows a")?.getAttribute("href");
  byId("rows").replaceChildren(
    ...rows.map((row) =>
      element("tr", {}, ...columns.map((column) => element("td", {}, (column.show ?? column.of)(row) ?? ""))),
    ),
  );
  if (focused) document.querySelector(`#rows a[href="${CSS.escape(focused)}"]`)?.focus();
  const hidden = (state.answer?.of ?? 0) - state.rows.length;
  byId("rows-note").textContent =
    (state.rows.length === 0 ? "No workload, unit or container has a cgroup that is sampled. " : "") +
    (hidden > 0 ? `${hidden} more are not shown: those that use the least memory. ` : "") +
    (rows.length < state.rows.length ? `${rows.length} of ${state.rows.length} match the filter.` : "");
}

// --- the verdicts

const family = (verdict) => {
  if (!verdict.death) return "stall";
  if (/OOM|SWAP/.test(verdict.verdict)) return "oom";
  if (/^(KILLED|STOPPED)/.test(verdict.verdict)) return "kill";
  return verdict.verdict === "EXITED" || verdict.verdict === "UNKNOWN" ? "exit" : "fault";
};

function svg(tag, attributes = {}, ...children) {
  const made = document.createElementNS("http://www.w3.org/2000/svg", tag);
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
  made.append(...children);
  return made;
}

const whyLink = (verdict) => `#${new URLSearchParams({ why: verdict.name })}`;

function mark(verdict, x, y) {
  const label = `${moment(verdict.wall_usec)} ${verdict.name}: ${verdict.answer}`;
  const shape = verdict.death
    ? svg("circle", { cx: x, cy: y, r: 5, class: family(verdict) })
    : svg("rect", { x: x - 4, y: y - 4, width: 8, height: 8, class: family(verdict) });
  return svg("a", { href: whyLink(verdict), "aria-label": label }, svg("title", {}, label), shape);
}

function showTimeline(since, until) {
  const names = [...new Set(state.verdicts.map((verdict) => verdict.name))];
  const lanes = names.length > LANES ? [...names.slice(0, LANES - 1), "others"] : names;
  const [width, left, height] = [1000, 190, 20];
  const drawing = svg("svg", {
    viewBox: `0 0 ${width} ${lanes.length * height + 22}`, role: "group", "aria-label": "Verdicts by time",
  });
  const at = (wall) => left + ((width - left - 10) * (wall - since)) / (until - since);
  for (let hour = 0; hour <= 24; hour += 4) {
    const wall = until - hour * 3600e6;
    drawing.append(
      svg("line", { x1: at(wall), x2: at(wall), y1: 0, y2: lanes.length * height }),
      svg("text", { x: at(wall), y: lanes.length * height + 15, "text-anchor": hour === 0 ? "end" : "middle" },
        hour === 0 ? "now" : `−${hour} h`),
    );
  }
  lanes.forEach((name, lane) => {
    const y = lane * height + height / 2;
    const shown = name.length > 26 ? `${name.slice(0, 25)}…` : name;
    drawing.append(svg("text", { x: 0, y: y + 4 }, shown), svg("line", { x1: left, x2: width, y1: y, y2: y }));
  });
  for (const verdict of state.verdicts.toReversed()) {
    const lane = lanes.indexOf(verdict.name);
    drawing.append(mark(verdict, at(verdict.wall_usec), (lane < 0 ? lanes.length - 1 : lane) * height + height / 2));
  }
  byId("timeline").replaceChildren(...(lanes.length > 0 ? [drawing] : []));
}

async function pollVerdicts() {
  try {
    const answer = await (await ask("verdicts", { hours: 24 })).json();
    state.verdicts = answer.verdicts;
    showTimeline(answer.since_wall_usec, answer.since_wall_usec + 24 * 3600e6);
    byId("verdicts").replaceChildren(
      ...state.verdicts.slice(0, 100).map((verdict) =>
        element("li", {},
          element("time", { dateTime: new Date(verdict.wall_usec / 1000).toISOString(),
            textContent: moment(verdict.wall_usec) }),
          element("p", {},
            element("a", { href: whyLink(verdict), textContent: verdict.name }),
            ` ${verdict.verdict} (${verdict.confidence}): ${verdict.answer}`)),
      ),
      ...(state.verdicts.length === 0 ? [element("li", { className: "dim", textContent: "None." })] : []),
    );
  } catch (error) {
    byId("verdicts").replaceChildren(
      element("li", { className: "bad", textContent: `The verdicts cannot be read: ${error.message}` }));
  }
}

// --- one of them in depth

const detail = { key: null, charts: [], history: null };

function chosen() {
  const wanted = new URLSearchParams(location.hash.slice(1));
  const cgroup = wanted.get("cgroup");
  const name = wanted.get("why");
  const row = state.rows.find((each) => (cgroup ? each.cgroup === cgroup : (each.why ?? each.name) === name));
  const shown = row?.name ?? name ?? cgroup;
  return { cgroup: cgroup ?? row?.cgroup, name: name ?? row?.why ?? row?.name, shown, row, asked: cgroup || name };
}

async function openDetail() {
  const { asked, cgroup, name, shown } = chosen();
  detail.key = asked || null;
  detail.history = null;
  byId("detail").hidden = !asked;
  byId("charts").replaceChildren();
  detail.charts = [];
  if (!asked) return;
  byId("detail-name").textContent = shown;
  byId("why").textContent = "";
  refreshDetail();
  const still = () => detail.key === asked;
  if (name) {
    try {
      const text = await (await ask("why", { name })).text();
      if (still()) byId("why").textContent = text;
    } catch (error) {
      if (still()) byId("why").textContent = error.message;
    }
  }
  if (!cgroup) return;
  try {
    const history = await (await ask("history", { cgroup, hours: 1 })).json();
    if (still()) detail.history = history;
    byId("chart-note").textContent = "";
  } catch (error) {
    if (still()) byId("chart-note").textContent = `Nothing recorded is shown: ${error.message}`;
  }
  if (still()) refreshDetail();
}

function columnsOf(row) {
  const past = detail.history;
  const live = row ? (state.live.get(row.id) ?? []) : [];
  const times = past ? past.wall_usec.map((wall) => wall / 1e6) : [];
  const last = times.at(-1) ?? 0;
  const fresh = live.filter((point) => point.wall / 1e6 > last);
  const join = (old, key) => [...(past ? past[old] : []), ...fresh.map((point) => point[key])];
  return {
    times: [...times, ...fresh.map((point) => point.wall / 1e6)],
    cores: join("cpu_cores", "cores"), throttled: join("throttled_ratio", "throttled"),
    memory: join("memory_bytes", "memory"), max: join("memory_max_bytes", "max"),
  };
}

function chartBox(title) {
  const box = element("div", {}, element("h3", { textContent: title }));
  byId("charts").append(box);
  return box;
}

const clockTime = (seconds) => new Date(seconds * 1000).toLocaleTimeString("sv-SE");
const powersOfTwo = Array.from({ length: 50 }, (_, power) => 2 ** power);

function chart(box, series, axes) {
  const style = getComputedStyle(document.documentElement);
  const color = (name) => style.getPropertyValue(name).trim();
  const grid = { stroke: color("--line"), width: 1 };
  return new uPlot(
    {
      width: Math.max(300, box.clientWidth), height: 190,
      scales: { x: { time: true }, ...Object.fromEntries(axes.map((axis) => [axis.scale, { range: axis.range }])) },
      axes: [
        { stroke: color("--dim"), grid, space: 80, values: (_, ticks) => ticks.map(clockTime) },
        ...axes.map((axis) => ({
          scale: axis.scale, side: axis.side, size: 70, stroke: color("--dim"), grid: axis.side === 1 ? { show: false } : grid,
          values: (_, ticks) => ticks.map(axis.show), ...(axis.incrs ? { incrs: axis.incrs } : {}),
        })),
      ],
      series: [{ label: "Time", value: (_, time) => (time ? clockTime(time) : "–") }, ...series.map((one) => ({
        label: one.label, scale: one.scale, stroke: color(one.color), width: 1.5, dash: one.dash,
        spanGaps: false, value: (_, value) => (value === null || value === undefined ? "–" : one.show(value)),
      }))],
    },
    [[], ...series.map(() => [])], box,
  );
}

const fromZero = (_, low, high) => [0, high > 0 ? high * 1.1 : 1];

function makeCharts() {
  // Both boxes first: they share the width.
  const [cpu, memory] = [chartBox("CPU"), chartBox("Memory")];
  detail.charts = [
    chart(cpu,
      [{ label: "cores", scale: "cores", color: "--cpu", show: cores },
        { label: "throttled periods", scale: "share", color: "--bad", show: percent }],
      [{ scale: "cores", side: 3, range: fromZero, show: cores },
        { scale: "share", side: 1, range: () => [0, 1], show: percent }]),
    chart(memory,
      [{ label: "memory.current", scale: "bytes", color: "--mem", show: bytes },
        { label: "limit", scale: "bytes", color: "--bad", show: bytes, dash: [6, 4] }],
      [{ scale: "bytes", side: 3, range: fromZero, show: bytes, incrs: powersOfTwo }]),
  ];
}

function facts(row) {
  if (!row) return "It has no cgroup now.";
  const limit = row.memory.limit;
  return [
    row.cgroup,
    row.rate.cores === undefined ? "" : `${withLimit(cores(row.rate.cores), coresOfQuota(row), cores)} cores`,
    row.rate.throttled ? `throttled in ${percent(row.rate.throttled)} of its periods` : "",
    row.memory.current === undefined ? "" : bytes(row.memory.current),
    limit ? `memory.max ${bytes(limit.bytes)}${limit.cgroup === row.cgroup ? "" : ` at ${limit.cgroup}`}` : "",
    row.memory.oom_kill ? `${row.memory.oom_kill} OOM kills` : "",
  ].filter(Boolean).join(" · ");
}

function refreshDetail() {
  if (!detail.key) return;
  const { row } = chosen();
  byId("detail-facts").textContent = facts(row);
  if (typeof uPlot === "undefined") {
    byId("chart-note").textContent = "This agent was built without uPlot, which draws the charts.";
    return;
  }
  const data = columnsOf(row);
  if (data.times.length < 2) return;
  if (detail.charts.length === 0) makeCharts();
  detail.charts[0].setData([data.times, data.cores, data.throttled]);
  detail.charts[1].setData([data.times, data.memory, data.max]);
}

addEventListener("resize", () => {
  for (const each of detail.charts) each.setSize({ width: Math.max(300, each.root.parentElement.clientWidth), height: each.height });
});
byId("filter").addEventListener("input", showRows);
byId("close").addEventListener("click", (event) => {
  event.preventDefault();
  location.hash = "";
});
addEventListener("hashchange", openDetail);
addEventListener("keydown", (event) => {
  if (event.key === "Escape" && detail.key) location.hash = "";
});

showColumns();
start();

async function start() {
  await Promise.all([pollRows(), pollVerdicts()]);
  await openDetail();
  setInterval(() => document.hidden || pollRows(), POLL_MS);
  setInterval(() => document.hidden || pollVerdicts(), VERDICTS_MS);
}
