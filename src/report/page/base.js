"use strict";
/* What all parts of the page share: elements, numbers, tables, charts. Texts of the document become text nodes, never markup. */

const DASH = "–";

function el(name, attributes, ...children) {
  const node = document.createElement(name);
  for (const [key, value] of Object.entries(attributes || {})) {
    if (value === undefined || value === null || value === false) continue;
    if (key === "class") node.className = value;
    else if (key.startsWith("on")) node.addEventListener(key.slice(2), value);
    else node.setAttribute(key, value === true ? "" : value);
  }
  for (const child of children.flat(Infinity)) {
    if (child === null || child === undefined) continue;
    node.append(child instanceof Node ? child : document.createTextNode(String(child)));
  }
  return node;
}

/* --- numbers --- */

const formats = new Map();
function grouped(value, decimals) {
  let format = formats.get(decimals);
  if (!format) {
    format = new Intl.NumberFormat("en-US", { minimumFractionDigits: decimals, maximumFractionDigits: decimals });
    formats.set(decimals, format);
  }
  return format.format(value).replace("-", "−");
}

function number(value, decimals = 2) {
  return typeof value === "number" && isFinite(value) ? grouped(value, decimals) : DASH;
}
const percent = (value, decimals = 2) => (number(value, decimals) === DASH ? DASH : number(value, decimals) + " %");
function signed(value, decimals = 2) {
  const text = number(value, decimals);
  return text !== DASH && value > 0 ? "+" + text : text;
}
const sign = (value) => (value > 0 ? "gain" : value < 0 ? "loss" : "");
const label = (name) => name.replace(/_/g, " ").replace(/ (pct|frac)$/, "").replace(/^./, (c) => c.toUpperCase());

function withUnit(value, unit) {
  if (number(value) === DASH) return DASH;
  if (unit === "%") return percent(value);
  if (unit === "trades" || unit === "bars") return number(value, Number.isInteger(value) ? 0 : 1) + " " + unit;
  if (unit === "probability") return number(value, 4);
  return number(value, Math.abs(value) < 10 ? 3 : 2);
}

/* --- tables --- */

const DATE = /^\d{4}-\d\d(-\d\d)?/;
/* columns: {name, value(row), text?(row), number?: true, signed?, heat?}. Sorting by a click on a heading, or by keyboard. */
function table(caption, columns, rows, options = {}) {
  const body = el("tbody");
  let order = options.order || null; /* [column, 1 or -1] */
  let shown = rows;
  const page = { size: options.page || Infinity, at: 0 };
  const heads = columns.map((column, i) => {
    const inner = options.sortable === false ? column.name : el("button", { type: "button", onclick: () => sortBy(i) }, column.name);
    return el("th", { scope: "col", class: column.number ? "n" : null }, inner);
  });
  const status = el("span", { class: "soft", role: "status" });
  const back = el("button", { type: "button", onclick: () => turn(-1) }, "Previous");
  const on = el("button", { type: "button", onclick: () => turn(1) }, "Next");

  function cell(column, row, i) {
    const value = column.value(row);
    const text = column.text ? column.text(row) : column.number ? number(value) : value ?? DASH;
    const classes = [column.number ? "n" : DATE.test(text) ? "d" : "", column.signed ? sign(value) : "", column.class || ""].join(" ").trim();
    const attributes = { class: classes || null };
    if (i === 0 && !column.number) return el("th", { scope: "row" }, text);
    return el("td", attributes, text);
  }
  function draw() {
    const from = page.at === 0 ? 0 : page.at * page.size, to = Math.min(shown.length, from + page.size);
    body.replaceChildren(...shown.slice(from, to).map((row) => el("tr", null, columns.map((c, i) => cell(c, row, i)))));
    if (isFinite(page.size)) {
      status.textContent = shown.length === 0 ? "nothing found" : `${number(from + 1, 0)}–${number(to, 0)} of ${number(shown.length, 0)}`;
      back.disabled = page.at === 0;
      on.disabled = to >= shown.length;
    }
  }
  function sortBy(i, direction) {
    const down = direction || (order && order[0] === i ? -order[1] : columns[i].number ? -1 : 1);
    order = [i, down];
    heads.forEach((head, k) => (k === i ? head.setAttribute("aria-sort", down > 0 ? "ascending" : "descending") : head.removeAttribute("aria-sort")));
    arrange();
  }
  function arrange() {
    if (order) {
      const value = columns[order[0]].value, down = order[1];
      shown = shown.slice().sort((a, b) => {
        const x = value(a), y = value(b), noX = x === null || x === undefined, noY = y === null || y === undefined;
        if (noX || noY) return noX - noY;
        return (x < y ? -1 : x > y ? 1 : 0) * down;
      });
    }
    page.at = 0;
    draw();
  }
  function turn(step) {
    page.at += step;
    draw();
  }
  if (order) sortBy(order[0], order[1]);
  else draw();
  const box = el("div", { class: "scroll", tabindex: "0", role: "region", "aria-label": caption },
    el("table", null, el("caption", null, caption), el("thead", null, el("tr", null, heads)), body));
  const parts = isFinite(page.size) && rows.length > page.size ? [box, el("div", { class: "bar", style: "margin-top:.6rem" }, back, on, status)] : [box];
  const node = el("div", null, parts);
  node.show = (some) => {
    shown = some;
    arrange();
  };
  return node;
}

/* --- charts --- */

const charts = [];
const css = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();
const watcher = "IntersectionObserver" in window
  ? new IntersectionObserver((entries) => entries.forEach((e) => e.isIntersecting && e.target.start && e.target.start()), { rootMargin: "300px" })
  : null;

function colours() {
  return { ink: css("--ink"), soft: css("--soft"), line: css("--line"), hair: css("--hair"), card: css("--card"), gain: css("--gain"), loss: css("--loss"),
    accent: css("--accent"), second: css("--second"), third: css("--third"), fill: css("--fill"),
    series: [css("--accent"), css("--second"), css("--loss"), css("--third"), "#7a5195", "#2f7d57"] };
}

/* option(c) makes ECharts' option from the colours; rows() the table that says the same: {columns, rows}. */
function chart(title, sentence, option, rows, size = "") {
  const box = el("div", { class: "chart " + size, role: "img", "aria-label": `${title}. ${sentence}` });
  const details = rows ? el("details", null, el("summary", null, "As a table")) : null;
  if (details)
    details.addEventListener("toggle", () => {
      if (details.open && details.children.length === 1) {
        const t = rows();
        details.append(table(title, t.columns, t.rows, { page: 200, sortable: false }));
      }
    });
  const item = { box, instance: null, dark: null };
  item.paint = () => {
    const c = colours();
    if (!item.instance) item.instance = echarts.init(box, null, { renderer: "canvas" });
    const base = { animation: false, textStyle: { fontFamily: "inherit", color: c.ink }, aria: { enabled: false },
      grid: { left: 8, right: 16, top: 28, bottom: 8, containLabel: true } };
    item.instance.setOption(Object.assign(base, option(c)), { notMerge: true });
  };
  box.start = () => {
    if (watcher) watcher.unobserve(box);
    if (!item.instance) item.paint();
  };
  charts.push(item);
  box.item = item;
  const node = el("figure", null, el("figcaption", null, el("strong", null, title), sentence), box, details);
  node.item = item;
  if (watcher) watcher.observe(box);
  else setTimeout(box.start, 0);
  return node;
}

function repaint() {
  for (const item of charts) if (item.instance) item.paint();
}
function paintAll() {
  for (const item of charts) if (!item.instance) item.box.start();
}
/* On paper every chart has the width of a page, and is drawn before this returns: printing waits for no frame. */
const PAPER_PX = 680;
function toPaper() {
  document.documentElement.dataset.theme = "light";
  for (const item of charts) {
    item.box.style.width = PAPER_PX + "px";
    if (watcher) watcher.unobserve(item.box);
    item.paint();
    item.instance.resize({ width: PAPER_PX, height: item.box.clientHeight || 260 });
    item.instance.getZr().flush();
  }
}
function fromPaper() {
  for (const item of charts) {
    item.box.style.width = "";
    if (item.instance) item.instance.resize({ width: "auto", height: "auto" });
  }
}
let resizing = 0;
addEventListener("resize", () => {
  clearTimeout(resizing);
  resizing = setTimeout(() => charts.forEach((item) => item.instance && item.instance.resize()), 100);
});

function compact(value) {
  if (typeof value !== "number") return value;
  const size = Math.abs(value);
  if (size >= 1e9) return number(value / 1e9, value % 1e9 ? 1 : 0) + " bn";
  if (size >= 1e6) return number(value / 1e6, value % 1e6 ? 1 : 0) + " m";
  if (size >= 1e4) return number(value / 1e3, value % 1e3 ? 1 : 0) + " k";
  return String(+value.toPrecision(6)).replace("-", "−");
}
const axisStyle = (c) => ({ axisLine: { lineStyle: { color: c.line } }, axisLabel: { color: c.soft, hideOverlap: true, formatter: compact }, splitLine: { lineStyle: { color: c.hair } }, axisTick: { show: false } });
function timeAxis(c, dates) {
  return Object.assign({ type: "category", data: dates, boundaryGap: false }, axisStyle(c), { splitLine: { show: false }, axisLabel: { color: c.soft, hideOverlap: true, alignMinLabel: "left", alignMaxLabel: "right" } });
}
function tooltip(c, decimals, suffix = "") {
  return { trigger: "axis", renderMode: "richText", backgroundColor: c.card, borderColor: c.line, textStyle: { color: c.ink, fontSize: 12 },
    valueFormatter: (v) => (Array.isArray(v) ? v : number(v === "-" ? null : v, decimals) + suffix) };
}
const zoom = (c) => [{ type: "inside" }, { type: "slider", height: 22, bottom: 4, borderColor: c.line, textStyle: { color: c.soft }, fillerColor: c.fill }];

/* Lines over the bars of a run. series: {name, data, area?, step?, dashed?} */
function lines(c, dates, series, options = {}) {
  return {
    color: c.series,
    legend: series.length > 1 ? { top: 0, right: 0, textStyle: { color: c.soft }, icon: "roundRect", itemHeight: 3 } : undefined,
    tooltip: tooltip(c, options.decimals ?? 2, options.suffix || ""),
    grid: { left: 8, right: 16, top: series.length > 1 ? 34 : 14, bottom: options.zoom ? 40 : 8, containLabel: true },
    xAxis: timeAxis(c, dates),
    yAxis: Object.assign({ type: options.log ? "log" : "value", scale: true, max: options.max }, axisStyle(c)),
    dataZoom: options.zoom ? zoom(c) : undefined,
    series: series.map((s) => ({ type: "line", name: s.name, data: s.data, showSymbol: false, sampling: "lttb", lineStyle: { width: 1.5, type: s.dashed ? "dashed" : "solid" },
      step: s.step ? "end" : undefined, areaStyle: s.area ? { opacity: 0.15 } : undefined, markPoint: s.markPoint, markLine: s.markLine, color: s.color })),
  };
}
const scaled = (values, factor) => values.map((v) => (v === null ? null : v * factor));

/* --- sections --- */

const contents = [];
function section(id, title, ...children) {
  const kids = children.flat(Infinity).filter((c) => c !== null && c !== undefined);
  if (kids.length === 0) return null;
  contents.push([id, title]);
  return el("section", { id, "aria-labelledby": id + "-h" }, el("h2", { id: id + "-h" }, title), kids);
}
function toggle(text, pressed, change) {
  const button = el("button", { type: "button", "aria-pressed": String(pressed) }, text);
  button.addEventListener("click", () => {
    const now = button.getAttribute("aria-pressed") !== "true";
    button.setAttribute("aria-pressed", String(now));
    change(now);
  });
  return button;
}
function choice(text, values, chosen, change) {
  const select = el("select", { onchange: () => change(select.value) }, values.map(([value, name]) => el("option", { value, selected: value === chosen }, name)));
  return el("label", null, text, select);
}
