"use strict";
// Sorting and filtering of tables, symbols of charts linked with their rows, and the trend of a provider one chooses.
// Without this script every table and chart but the single providers' trends is still there.

const EMPTY = new Set(["*", "**", "–", ""]);

function sortValue(cell) {
  const text = cell.textContent.trim();
  if (EMPTY.has(text)) return null;
  // A figure may have its interval behind it: 21.2 (20.2 to 22.2).
  const number = Number(text.replace(/ \(.*$/, "").replace(/,/g, ""));
  return Number.isNaN(number) ? text : number;
}

function compare(one, other, direction) {
  // What is not shown stands last in either direction, so that its place says nothing.
  if (one === null || other === null) return (one === null) - (other === null);
  const order = typeof one === "number" && typeof other === "number" ? one - other
    : String(one).localeCompare(String(other), "en-GB", { numeric: true });
  return order * direction;
}

for (const table of document.querySelectorAll("table.sortable")) {
  const body = table.tBodies[0];
  table.querySelectorAll("thead th").forEach((heading, column) => {
    const button = document.createElement("button");
    button.type = "button";
    button.textContent = heading.textContent;
    heading.replaceChildren(button);
    button.addEventListener("click", () => {
      const direction = heading.getAttribute("aria-sort") === "descending" ? 1 : -1;
      table.querySelectorAll("thead th").forEach((each) => each.removeAttribute("aria-sort"));
      heading.setAttribute("aria-sort", direction === 1 ? "ascending" : "descending");
      const rows = Array.from(body.rows, (row) => [sortValue(row.cells[column]), row]);
      rows.sort((one, other) => compare(one[0], other[0], direction));
      body.append(...rows.map(([, row]) => row));
    });
  });
}

for (const input of document.querySelectorAll("input[data-filters]")) {
  const body = document.getElementById(input.dataset.filters).tBodies[0];
  const count = document.getElementById(input.id.replace(/-filter$/, "-count"));
  input.addEventListener("input", () => {
    const wanted = input.value.trim().toLowerCase();
    let shown = 0;
    for (const row of body.rows) {
      row.hidden = !row.textContent.toLowerCase().includes(wanted);
      shown += !row.hidden;
    }
    count.textContent = wanted ? `${shown} of ${body.rows.length} rows` : "";
  });
}

const tip = document.getElementById("tip");

function tell(row) {
  const headings = row.closest("table").tHead.rows[0].cells;
  return Array.from(row.cells, (cell, place) =>
    place === 0 ? cell.textContent : `${headings[place].textContent}: ${cell.textContent}`).slice(0, 9).join("\n");
}

function link(symbol, row, kind) {
  const light = (on) => [symbol, row].forEach((each) => each.classList.toggle("lit", on));
  symbol.addEventListener("mouseenter", (event) => {
    light(true);
    tip.textContent = tell(row);
    tip.hidden = false;
    tip.style.left = `${Math.min(event.clientX + 14, innerWidth - 300)}px`;
    tip.style.top = `${Math.min(event.clientY + 14, innerHeight - tip.offsetHeight - 10)}px`;
  });
  symbol.addEventListener("mouseleave", () => { light(false); tip.hidden = true; });
  if (kind === "funnel") symbol.addEventListener("click", () => row.scrollIntoView({ block: "nearest" }));
  row.addEventListener("mouseenter", () => light(true));
  row.addEventListener("mouseleave", () => light(false));
}

for (const figure of document.querySelectorAll("figure[data-chart]")) {
  const kind = figure.dataset.chart;
  const symbols = figure.querySelectorAll(".units > *");
  for (const row of document.getElementById(figure.dataset.table).tBodies[0].rows) {
    const place = row.dataset[kind[0]];
    if (place !== undefined && symbols[place]) link(symbols[place], row, kind);
  }
}

const held = document.getElementById("trends");
const trends = held ? JSON.parse(held.textContent) : null;

function pointsOf(series) {
  // Figures come as counts; a rate is worked out here as it is everywhere else.
  return (series.q ? trends.quarters : trends.months).map((month, place) => {
    const at = place - (series.a ?? 0), inside = at >= 0 && at < series.e.length;
    if (!inside) return { month, rate: null, mean: null, lower: null, upper: null, kind: "no signal", inside };
    const [eligible, flagged] = [series.e[at], series.f[at]].map((count) => count === null ? null : count * trends.unit);
    const shown = eligible !== null && flagged !== null;
    const part = (values) => (values ? values[Math.min(at, values.length - 1)] : null);
    const signal = series.s?.[at] ?? null;
    const incomplete = (series.x ?? []).includes(at);
    const kind = incomplete ? "incomplete" : !signal ? "no signal"
      : /above|up|high|rising/.test(signal) ? "high" : "low";
    return { month, eligible, flagged, rate: !shown || eligible === 0 ? null : Math.round(flagged / eligible * 1e6) / 1e3,
      mean: part(series.m), lower: part(series.l), upper: part(series.u), inside,
      signal: incomplete ? "incomplete" : signal, kind };
  });
}

function number(value, digits) {
  return value === null ? null : value.toLocaleString("en-GB",
    { minimumFractionDigits: digits, maximumFractionDigits: digits });
}

// What trend_charts.py, plot.py and axes.py paint for all providers, painted here for one: the same sizes and symbols.

function svgPart(parent, tag, attributes, text) {
  const part = document.createElementNS("http://www.w3.org/2000/svg", tag);
  for (const [name, value] of Object.entries(attributes)) {
    part.setAttribute(name, typeof value === "number" ? String(Math.round(value * 10) / 10) : value);
  }
  if (text !== undefined) part.textContent = text;
  parent.append(part);
  return part;
}

function roundStep(span, most) {
  const power = 10 ** Math.floor(Math.log10(span / most));
  return [1, 2, 5, 10].map((factor) => factor * power).find((step) => step * most * 1.2 >= span);
}

function digitsWidth(text) {
  return Array.from(text).reduce((sum, letter) => sum + (",. ".includes(letter) ? 0.278 : letter === "-" ? 0.333
    : letter === "t" ? 0.278 : 0.556), 0) * 12 * 1.2;
}

function trendPicture(data, name, quarters) {
  const { width, height, title, symbols } = trends.style;
  const largest = Math.max(...data.flatMap((point) => [point.rate, point.mean, point.lower, point.upper])) || 1;
  const step = roundStep(largest, 8), top = Math.ceil(largest / step - 1e-9) * step;
  const decimals = Math.max(0, -Math.floor(Math.log10(step) + 1e-9));
  const ticks = Array.from({ length: Math.round(top / step) + 1 }, (_, at) => at * step);
  const left = Math.max(...ticks.map((tick) => digitsWidth(number(tick, decimals)))) + 31;
  const upper = trends.style.top, bottom = upper + height, below = bottom + 9;
  const labels = trends.style.labels[quarters ? 1 : 0];
  const x = (place) => left + (place + 0.5) / data.length * width;
  const y = (value) => bottom - value / top * height;
  const svg = svgPart(document.createElement("div"), "svg", { role: "img", "aria-label": name, width: left + width + 12,
    height: below + labels, viewBox: `0 0 ${left + width + 12} ${below + labels}`, "font-size": 12 });
  svgPart(svg, "g", {}).innerHTML = trends.style.key;
  svgPart(svg, "rect", { x: left, y: upper, width, height, fill: "none", stroke: "#bbbbbb" });
  const every = Math.max(1, Math.ceil(1.15 * 12 / (width / data.length)));
  data.forEach((point, place) => {
    if (place % every) return;
    svgPart(svg, "line", { x1: x(place), y1: bottom, x2: x(place), y2: bottom + 5, stroke: "#bbbbbb" });
    svgPart(svg, "text", { x: x(place), y: below, dy: ".35em", "text-anchor": "end",
      transform: `rotate(-90 ${x(place)} ${below})` }, point.month);
  });
  for (const tick of ticks) {
    svgPart(svg, "line", { x1: left - 5, y1: y(tick), x2: left, y2: y(tick), stroke: "#bbbbbb" });
    svgPart(svg, "text", { x: left - 9, y: y(tick), dy: ".35em", "text-anchor": "end" }, number(tick, decimals));
  }
  svgPart(svg, "text", { x: 9, y: upper + height / 2, dy: ".35em", "text-anchor": "middle",
    transform: `rotate(-90 9 ${upper + height / 2})` }, title);
  const curve = (figure, attributes) => {
    const is = (place) => place >= 0 && place < data.length && data[place][figure] !== null;
    let path = "";
    const level = (place) => is(place) ? data[place][figure] : null;
    data.forEach((point, place) => {
      if (!is(place)) return;
      if (level(place) === level(place - 1) && level(place) === level(place + 1)) return;
      const down = y(point[figure]).toFixed(1), alone = !is(place - 1) && !is(place + 1) ? 2 : 0;
      path += `${is(place - 1) ? "L" : "M"}${(x(place) - alone).toFixed(1)},${down}`;
      if (alone) path += `L${(x(place) + alone).toFixed(1)},${down}`;
    });
    if (path) svgPart(svg, "path", { d: path, fill: "none", ...attributes });
  };
  curve("lower", { stroke: "#767676", "stroke-width": 1.2, "stroke-dasharray": "5 4" });
  curve("upper", { stroke: "#767676", "stroke-width": 1.2, "stroke-dasharray": "5 4" });
  curve("mean", { stroke: "#000000" });
  curve("rate", { stroke: trends.style.edge, "stroke-width": 1.5 });
  const usual = { fill: symbols["no signal"].colour, stroke: trends.style.edge, "stroke-width": 1.5 };
  const units = svgPart(svg, "g", { class: "units", ...usual });
  data.forEach((point, place) => {
    if (point.rate === null) return;
    const { d, shape, colour } = symbols[point.kind];
    const differing = shape === "cross" ? { fill: colour } : { fill: colour, stroke: "white" };
    const transform = `translate(${x(place).toFixed(1)},${y(point.rate).toFixed(1)})`;
    const symbol = shape === "circle"
      ? svgPart(units, "circle", { cx: x(place), cy: y(point.rate), r: trends.style.size })
      : svgPart(units, "path", { d, transform, ...differing });
    const said = point.kind === "no signal" ? "" : `, ${point.kind}`;
    svgPart(symbol, "title", {}, `${point.month}: ${number(point.rate, 2)}${said}`);
  });
  return svg;
}

function drawTrend(place, data, label, series) {
  const figure = document.createElement("figure");
  figure.tabIndex = 0;
  place.replaceChildren(figure);
  // A few points between suppressed ones would look like a trend.
  const inside = data.filter((point) => point.inside && point.eligible !== 0);
  if (inside.filter((point) => point.rate !== null).length * 2 < inside.length || !inside.length) {
    figure.textContent = "Too few in scope to draw: most points are suppressed.";
    return;
  }
  if (series.j) {
    const reason = document.createElement("p");
    reason.textContent = series.j;
    figure.append(reason);
  }
  figure.append(trendPicture(data, `Rate by ${series.q ? "quarter" : "month"}, ${label}`, series.q));
}

function trendRow(month, gone) {
  const row = document.createElement("tr");
  const figures = [number(month.eligible, 0) ?? gone, number(month.flagged, 0) ?? gone, number(month.rate, 2) ?? gone,
    number(month.mean, 2) ?? "–", number(month.lower, 2) ?? "–", number(month.upper, 2) ?? "–"];
  const head = document.createElement("th");
  head.scope = "row";
  head.textContent = month.month;
  row.append(head, ...[...figures, month.signal ?? "–"].map((text, at) => {
    const cell = document.createElement("td");
    if (at >= figures.length) cell.className = "t";
    cell.textContent = text;
    return cell;
  }));
  return row;
}

for (const select of document.querySelectorAll("select[data-trend]")) {
  const rule = select.dataset.trend;
  const place = document.getElementById(`${rule}-drawn`);
  const body = document.getElementById(`${rule}-months`).tBodies[0];
  const first = [...place.childNodes], firstRows = [...body.rows];
  select.addEventListener("change", () => {
    const chosen = Number(select.value) - 1;
    if (chosen < 0) { place.replaceChildren(...first); body.replaceChildren(...firstRows); return; }
    const series = trends.rules[rule][chosen], data = pointsOf(series);
    drawTrend(place, data, select.options[select.selectedIndex].text, series);
    const gone = series.w ? "**" : "*";
    body.replaceChildren(...data.filter((point) => point.inside).map((point) => trendRow(point, gone)));
  });
}

function openTarget() {
  const target = location.hash ? document.getElementById(location.hash.slice(1)) : null;
  target?.querySelectorAll("details.rule").forEach((each) => { each.open = true; });
}
addEventListener("hashchange", openTarget);
openTarget();

addEventListener("beforeprint", () => document.querySelectorAll("details.rule").forEach((each) => { each.open = true; }));
