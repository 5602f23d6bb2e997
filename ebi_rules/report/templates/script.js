"use strict";
// Sorting and filtering of tables, symbols of charts linked with their rows, and the trend of a provider one chooses.
// Without this script every table and chart but the single providers' trends is still there.

const EMPTY = new Set(["*", "**", "–", ""]);

function sortValue(cell) {
  const text = cell.textContent.trim();
  if (EMPTY.has(text)) return null;
  const number = Number(text.replace(/,/g, ""));
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
  const symbols = figure.querySelectorAll("[class*='units_marks'] path");
  for (const row of document.getElementById(figure.dataset.table).tBodies[0].rows) {
    const place = row.dataset[kind];
    if (place !== undefined && symbols[place]) link(symbols[place], row, kind);
  }
}

const held = document.getElementById("trends");
const trends = held ? JSON.parse(held.textContent) : null;

function pointsOf(series) {
  // Figures come as counts; a rate is worked out here as it is everywhere else.
  return (series.q ? trends.quarters : trends.months).map((month, place) => {
    const at = place - series.a, inside = at >= 0 && at < series.e.length;
    if (!inside) return { month, rate: null, mean: null, lower: null, upper: null, kind: "no signal", inside };
    const eligible = series.e[at], flagged = series.f[at];
    const shown = eligible !== null && flagged !== null;
    const part = (values) => (values ? values[Math.min(at, values.length - 1)] : null);
    const signal = series.s[at] ?? null;
    const incomplete = (series.x ?? []).includes(at);
    const kind = incomplete ? "incomplete" : !signal ? "no signal"
      : /above|up|high|rising/.test(signal) ? "high" : "low";
    return { month, eligible, flagged, rate: !shown || eligible === 0 ? null : flagged / eligible * 1000,
      mean: part(series.m), lower: part(series.l), upper: part(series.u), inside,
      signal: incomplete ? "incomplete" : signal, kind };
  });
}

function number(value, digits) {
  return value === null ? null : value.toLocaleString("en-GB",
    { minimumFractionDigits: digits, maximumFractionDigits: digits });
}

function drawTrend(place, data, label, series) {
  const figure = document.createElement("figure");
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
  const picture = document.createElement("div");
  picture.setAttribute("role", "img");
  picture.setAttribute("aria-label", `Rate by ${series.q ? "quarter" : "month"}, ${label}`);
  // Vega gives the element that it draws in a role and a name of its own.
  const inner = document.createElement("div");
  picture.append(inner);
  figure.append(picture);
  const spec = structuredClone(trends.chart);
  spec.datasets = { shown: data };
  vegaEmbed(inner, spec, { actions: false, renderer: "svg", logLevel: 1 }).then(() => {
    // The picture has one name, and its figures stand in the table: its parts are not read one by one.
    for (const part of [inner, ...inner.querySelectorAll("[role]")]) {
      for (const name of ["role", "aria-roledescription", "aria-label"]) part.removeAttribute(name);
    }
  });
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

addEventListener("beforeprint", () => document.querySelectorAll("details").forEach((each) => { each.open = true; }));
