/* Several runs side by side; a sweep; the list of all runs. */

/* --- comparison --- */

function correlation(a, b) {
  const n = a.length;
  if (n < 3) return null;
  const mean = (x) => x.reduce((s, v) => s + v, 0) / n;
  const ma = mean(a), mb = mean(b);
  let xy = 0, xx = 0, yy = 0;
  for (let i = 0; i < n; i++) {
    xy += (a[i] - ma) * (b[i] - mb);
    xx += (a[i] - ma) ** 2;
    yy += (b[i] - mb) ** 2;
  }
  return xx > 0 && yy > 0 ? xy / Math.sqrt(xx * yy) : null;
}
/* Where less is better. */
const LESS = /volatility|ulcer|losing|avg_loss|longest_(drawdown|recovery|loss)|tracking_error|min_track/;
const NO_BEST = /^(total_trades|winning_trades|avg_bars_held|skew|excess_kurtosis|beta|benchmark_return|r_squared|annual_turnover|time_in_market|best_|down_capture)/;

function comparisonPage(d) {
  const runs = d.runs;
  document.title = `Comparison of ${runs.length} runs`;
  const names = runs.map((r, i) => (runs.filter((o) => o.strategy === r.strategy).length > 1 ? `${r.strategy} ${i + 1}` : r.strategy));
  const dates = [...new Set(runs.flatMap((r) => r.bars.date))].sort();
  const place = new Map(dates.map((date, i) => [date, i]));
  const joined = (r, values) => {
    const out = Array(dates.length).fill(null);
    r.bars.date.forEach((date, i) => (out[place.get(date)] = values[i]));
    return out;
  };
  const growth = runs.map((r) => joined(r, r.bars.equity.map((v) => (v / r.initial_capital) * 100)));
  const falls = runs.map((r) => joined(r, scaled(r.bars.drawdown_frac, 100)));
  const state = { log: false };
  const rows = () => ({ columns: [{ name: "Date", value: (i) => dates[i] }, ...names.map((name, k) => ({ name, number: true, value: (i) => growth[k][i] }))], rows: dates.map((_, i) => i) });
  const figure = chart("Equity", "Each run begins at 100. " + names.map((n, k) => `${n}: ${number(growth[k].filter((v) => v !== null).pop(), 0)}`).join("; ") + ".",
    (c) => lines(c, dates, names.map((name, k) => ({ name, data: growth[k] })), { zoom: true, log: state.log, decimals: 1 }), rows, "tall");
  figure.insertBefore(el("div", { class: "bar" }, toggle("Logarithmic", false, (on) => { state.log = on; if (figure.item.instance) figure.item.paint(); })), figure.item.box);
  const under = chart("Drawdown", "Below the highest value so far.", (c) => lines(c, dates, names.map((name, k) => ({ name, data: falls[k] })), { suffix: " %", max: 0 }),
    () => ({ columns: [{ name: "Date", value: (i) => dates[i] }, ...names.map((name, k) => ({ name, number: true, value: (i) => falls[k][i] }))], rows: dates.map((_, i) => i) }), "low");
  const metrics = runs[0].metrics.map((m) => ({ name: m.name, unit: m.unit, values: runs.map((r) => metricOf(r, m.name)) }));
  for (const m of metrics) {
    const known = m.values.filter((v) => v !== null);
    m.best = NO_BEST.test(m.name) || known.length < 2 || known.every((v) => v === known[0]) ? null : LESS.test(m.name) ? Math.min(...known) : Math.max(...known);
  }
  const side = table("Metrics; the best of each line is marked with ●", [{ name: "Metric", value: (m) => label(m.name) }, ...names.map((name, k) => ({ name, number: true, value: (m) => m.values[k], text: (m) => (m.best !== null && m.values[k] === m.best ? "● " : "") + withUnit(m.values[k], m.unit) }))], metrics, { sortable: false });
  const returns = runs.map((r) => new Map(r.bars.date.map((date, i) => [date, i === 0 ? r.bars.equity[0] / r.initial_capital - 1 : r.bars.equity[i] / r.bars.equity[i - 1] - 1])));
  const matrix = names.map((name, a) => ({ name, values: names.map((_, b) => {
    const common = dates.filter((date) => returns[a].has(date) && returns[b].has(date));
    return correlation(common.map((date) => returns[a].get(date)), common.map((date) => returns[b].get(date)));
  }) }));
  const years = [...new Set(runs.flatMap((r) => (r.periods.year || []).map((y) => y.name)))].sort();
  return [el("h1", null, `${runs.length} runs compared`), el("p", { class: "lead" }, names.map((n, k) => `${n}: ${parametersOf(runs[k])} (${runs[k].run_id})`).join(" · ")),
    section("equity", "Equity and drawdown", figure, under), section("metrics", "Side by side", side),
    section("years", "Years", table("Return of each year in percent", [{ name: "Year", value: (y) => y }, ...names.map((name, k) => ({ name, number: true, signed: true, value: (y) => ((runs[k].periods.year || []).find((x) => x.name === y) || {}).return_pct ?? null, text: (y) => signed(((runs[k].periods.year || []).find((x) => x.name === y) || {}).return_pct ?? null) }))], years)),
    section("correlation", "Correlation of returns", table("Over the bars that both have", [{ name: "Run", value: (r) => r.name }, ...names.map((name, b) => ({ name, number: true, value: (r) => r.values[b] }))], matrix, { sortable: false })),
    section("warnings", "Warnings", el("ul", { class: "notes" }, runs.flatMap((r, k) => r.warnings.filter((w) => w.level === "warning").map((w) => el("li", { class: "warning" }, el("b", null, names[k] + ". "), w.text)))))];
}

/* --- sweep --- */

const median = (values) => {
  const v = values.filter((x) => x !== null).sort((a, b) => a - b);
  return v.length === 0 ? null : v.length % 2 ? v[(v.length - 1) / 2] : (v[v.length / 2 - 1] + v[v.length / 2]) / 2;
};
const asNumber = (text) => (text.trim() !== "" && isFinite(Number(text)) ? Number(text) : null);

function sweepPage(d) {
  document.title = `Sweep ${d.sweep_id}`;
  const p = d.points, axes = d.axes.map((axis, a) => {
    const order = axis.values.map((_, i) => i);
    if (axis.values.every((v) => asNumber(v) !== null)) order.sort((x, y) => asNumber(axis.values[x]) - asNumber(axis.values[y]));
    const rank = [];
    order.forEach((value, i) => (rank[value] = i));
    return { name: axis.name, values: order.map((i) => axis.values[i]), of: p.axis[a].map((i) => rank[i]) };
  });
  const state = { x: 0, y: Math.min(1, axes.length - 1), metric: 0, fold: "best" };
  const goal = d.goal === "min" ? -1 : 1;
  function grid() {
    const cells = new Map();
    p.metric[state.metric].forEach((value, i) => {
      const key = axes[state.x].of[i] + "|" + (state.y === state.x ? 0 : axes[state.y].of[i]);
      if (!cells.has(key)) cells.set(key, []);
      if (value !== null) cells.get(key).push(value);
    });
    return [...cells.entries()].map(([key, values]) => {
      const [x, y] = key.split("|").map(Number);
      return [x, y, values.length === 0 ? null : state.fold === "median" ? median(values) : goal > 0 ? Math.max(...values) : Math.min(...values)];
    });
  }
  const range = (cells) => {
    const known = cells.map((c) => c[2]).filter((v) => v !== null);
    return [Math.min(...known), Math.max(...known)];
  };
  const ramp = (c) => [c.loss, c.card, c.gain];
  const map = chart("Heatmap", "Each cell is the best (or the median) of the points that share its two values; other parameters are folded into it.",
    (c) => {
      const cells = grid(), [low, high] = range(cells);
      return { tooltip: { trigger: "item", renderMode: "richText", backgroundColor: c.card, borderColor: c.line, textStyle: { color: c.ink, fontSize: 12 },
        formatter: (q) => `${axes[state.x].name} ${axes[state.x].values[q.value[0]]}` + (state.x === state.y ? "" : `\n${axes[state.y].name} ${axes[state.y].values[q.value[1]]}`) + `\n${label(d.metrics[state.metric])} ${number(q.value[2], 3)}` },
        grid: { left: 8, right: 16, top: 14, bottom: 56, containLabel: true }, xAxis: Object.assign({ type: "category", data: axes[state.x].values, name: axes[state.x].name, nameLocation: "middle", nameGap: 26, nameTextStyle: { color: c.soft } }, axisStyle(c)),
        yAxis: Object.assign({ type: "category", data: state.x === state.y ? [""] : axes[state.y].values }, axisStyle(c)),
        visualMap: { min: low, max: high, calculable: true, orient: "horizontal", left: "center", bottom: 0, itemHeight: 120, itemWidth: 12, textStyle: { color: c.soft }, inRange: { color: ramp(c) }, formatter: (v) => number(v, 2) },
        series: [{ type: "heatmap", data: cells.map((q) => [q[0], q[1], q[2] === null ? "-" : q[2]]), progressive: 2000 }] };
    },
    () => ({ columns: [{ name: axes[state.x].name, value: (q) => axes[state.x].values[q[0]] }, { name: axes[state.y].name, value: (q) => axes[state.y].values[q[1]] }, { name: label(d.metrics[state.metric]), number: true, value: (q) => q[2], text: (q) => number(q[2], 4) }], rows: grid() }), "tall");
  /* A surface seen from above and aside: a profile for each value of the second parameter, one behind the other. */
  const surface = chart("Surface", "The same numbers as ridges: a line over the first parameter for each value of the second, the later ones further back. A plateau is broad; a spike is luck.",
    (c) => {
      const cells = grid(), [low, high] = range(cells), depth = Math.max(1, axes[state.y].values.length - 1), lift = (high - low || 1) * 0.9;
      const ridges = (state.x === state.y ? [""] : axes[state.y].values).map((name, y) => {
        const data = Array(axes[state.x].values.length).fill(null);
        cells.forEach((q) => { if (q[1] === y) data[q[0]] = q[2] === null ? null : q[2] + (lift * y) / depth; });
        return { type: "line", name: String(name), data, showSymbol: false, z: 100 - y, lineStyle: { width: 1.2, color: c.accent }, areaStyle: { color: c.card, opacity: 0.85, origin: "start" } };
      });
      return { tooltip: { show: false }, xAxis: Object.assign({ type: "category", boundaryGap: false, data: axes[state.x].values, name: axes[state.x].name, nameLocation: "middle", nameGap: 26, nameTextStyle: { color: c.soft } }, axisStyle(c)), grid: { left: 8, right: 16, top: 14, bottom: 24, containLabel: true },
        yAxis: { type: "value", show: false, scale: true }, series: ridges.slice(0, 200) };
    }, null, "tall");
  const repaintBoth = () => [map, surface].forEach((f) => f.item.instance && f.item.paint());
  const bar = el("div", { class: "bar" }, choice("Across", axes.map((a, i) => [String(i), a.name]), String(state.x), (v) => { state.x = Number(v); repaintBoth(); }), choice("Up", axes.map((a, i) => [String(i), a.name]), String(state.y), (v) => { state.y = Number(v); repaintBoth(); }),
    choice("Metric", d.metrics.map((m, i) => [String(i), label(m)]), "0", (v) => { state.metric = Number(v); repaintBoth(); }), choice("Others", [["best", "the best"], ["median", "the median"]], "best", (v) => { state.fold = v; repaintBoth(); }));
  const sensitivity = (d.sensitivity || []).map((s) => chart(`Sensitivity: ${s.axis}`, `This parameter alone explains ${percent(s.importance === null ? null : s.importance * 100, 1)} of the objective's variance.`,
    (c) => ({ color: c.series, legend: { top: 0, right: 0, textStyle: { color: c.soft } }, tooltip: tooltip(c, 3), xAxis: Object.assign({ type: "category", data: s.values, boundaryGap: false }, axisStyle(c), { splitLine: { show: false } }), yAxis: Object.assign({ type: "value", scale: true }, axisStyle(c)),
      series: ["best", "median", "worst"].map((k, i) => ({ name: label(k), type: "line", data: s[k], showSymbol: s.values.length < 30, lineStyle: { width: k === "median" ? 2 : 1, type: k === "median" ? "solid" : "dashed" } })) }),
    () => ({ columns: [{ name: s.axis, value: (i) => s.values[i] }, ...["best", "median", "mean", "worst"].map((k) => ({ name: label(k), number: true, value: (i) => s[k][i], text: (i) => number(s[k][i], 4) }))], rows: s.values.map((_, i) => i) })));
  const rows = p.number.map((_, i) => i);
  const best = new Set(d.best);
  const list = table(p.shown_of > rows.length ? `${number(rows.length, 0)} of ${number(p.shown_of, 0)} points, evenly` : `All ${number(rows.length, 0)} points`, [{ name: "Point", number: true, value: (i) => p.number[i], text: (i) => (best.has(p.number[i]) ? "● " : "") + number(p.number[i], 0) },
    ...axes.map((a) => ({ name: a.name, number: a.values.every((v) => asNumber(v) !== null), value: (i) => (asNumber(a.values[a.of[i]]) ?? a.values[a.of[i]]), text: (i) => a.values[a.of[i]] })),
    ...d.metrics.map((m, k) => ({ name: label(m), number: true, value: (i) => p.metric[k][i], text: (i) => number(p.metric[k][i], 3) }))], rows, { page: 50, order: [1 + axes.length, -goal * -1 > 0 ? -1 : 1] });
  const dsr = d.deflated_sharpe, plateau = d.plateau;
  const verdict = [
    dsr === null || dsr === undefined ? null : `Deflated Sharpe ratio ${number(dsr, 3)}: the probability that the best point is better than the best of ${number(d.n_tried, 0)} tries without skill. ` + (dsr >= 0.95 ? "That is above 0.95." : "Below 0.95, luck explains it."),
    d.expected_max_sharpe === null ? null : `The largest annual Sharpe ratio expected of luck alone is ${number(d.expected_max_sharpe)}; the best point has ${number(d.best_sharpe)}.`,
    plateau ? `The best point has ${number(plateau.best, 3)}; the median of its ${number(plateau.n_neighbours, 0)} neighbours ${number(plateau.neighbours_median, 3)}: far below is a spike.` : null,
  ].filter(Boolean);
  return [el("h1", null, `${d.strategy}: ${number(d.n_points, 0)} points`), el("p", { class: "lead" }, `Sweep ${d.sweep_id} · ${d.start_date} – ${d.end_date} · ${number(d.n_bars, 0)} bars · ${number(d.n_symbols, 0)} symbols · ${d.goal} ${label(d.objective).toLowerCase()}`),
    el("ul", { class: "notes", "aria-label": "How much is luck" }, verdict.map((text, i) => el("li", { class: i === 0 && dsr !== null && dsr < 0.95 ? "warning" : null }, text))),
    section("heatmap", "Parameters", bar, map, surface), section("sensitivity", "Sensitivity", el("div", { class: "two" }, sensitivity)), section("points", "Points", list),
    section("configuration", "Configuration and data", el("p", { class: "soft" }, `Data fingerprint ${d.data_fingerprint || DASH} · Assay ${d.assay.version}`), el("pre", { tabindex: "0", "aria-label": "Configuration" }, JSON.stringify(d.config, null, 2)))];
}

/* --- all runs --- */

const SVG = "http://www.w3.org/2000/svg";
function spark(values) {
  const known = values.filter((v) => v !== null);
  if (known.length < 2) return DASH;
  const low = Math.min(...known), high = Math.max(...known), svg = document.createElementNS(SVG, "svg"), line = document.createElementNS(SVG, "polyline");
  svg.setAttribute("viewBox", "0 0 120 28");
  svg.setAttribute("class", "spark");
  svg.setAttribute("role", "img");
  svg.setAttribute("aria-label", `equity from ${number(known[0], 0)} to ${number(known[known.length - 1], 0)}`);
  line.setAttribute("points", values.map((v, i) => (v === null ? null : `${((i / (values.length - 1)) * 118 + 1).toFixed(1)},${(26 - ((v - low) / (high - low || 1)) * 24).toFixed(1)}`)).filter(Boolean).join(" "));
  line.setAttribute("fill", "none");
  line.setAttribute("stroke", "var(--accent)");
  line.setAttribute("stroke-width", "1.4");
  svg.append(line);
  return svg;
}
function indexPage(d) {
  document.title = "All runs";
  const columns = [{ name: "Run", value: (r) => r.run_id, text: (r) => (r.file ? el("a", { href: encodeURIComponent(r.file) }, r.run_id) : r.run_id) }, { name: "Strategy", value: (r) => r.strategy }, { name: "From", value: (r) => r.start_date }, { name: "To", value: (r) => r.end_date },
    { name: "Equity", value: (r) => r.total_return_pct, text: (r) => spark(r.equity) }, { name: "Return %", number: true, signed: true, value: (r) => r.total_return_pct, text: (r) => signed(r.total_return_pct) }, { name: "Sharpe", number: true, value: (r) => r.sharpe_ratio },
    { name: "Drawdown %", number: true, value: (r) => r.max_drawdown_pct }, { name: "Trades", number: true, value: (r) => r.total_trades, text: (r) => number(r.total_trades, 0) }, { name: "Stored", value: (r) => r.timestamp, text: (r) => (r.timestamp || DASH).slice(0, 16) }];
  const list = table(`${number(d.runs.length, 0)} runs`, columns, d.runs, { page: 100 });
  const search = el("input", { type: "search", id: "run-search", placeholder: "Strategy, run, date …", autocomplete: "off" });
  search.addEventListener("input", () => {
    const words = search.value.toLowerCase().split(/\s+/).filter(Boolean);
    list.show(d.runs.filter((r) => words.every((w) => `${r.run_id} ${r.strategy} ${r.start_date} ${r.end_date}`.toLowerCase().includes(w))));
  });
  return [el("h1", null, "All runs"), el("p", { class: "lead" }, d.runs.length ? `${number(d.runs.length, 0)} stored runs, the newest first.` : "The database has no runs yet."), el("div", { class: "bar", style: "margin-top:1.5rem" }, el("label", { for: "run-search" }, "Search"), search), list];
}
