/* What the tearsheet of a walk-forward has beside that of a run: its windows, what each chose, and what was left of it. */

const parametersOf = (d) => {
  if (!d.walkforward) return parametersText(d.parameters);
  const fixed = Object.entries(d.parameters || {}).filter(([, v]) => !Array.isArray(v));
  return [...d.walkforward.axes, parametersText(Object.fromEntries(fixed))].filter(Boolean).join(", ");
};
const unitOf = (d, name) => ((d.metrics || []).find((m) => m.name === name) || {}).unit;
const range = (from, to) => `${from} – ${to}`;
const inSample = (f, name) => f.in_sample[name] ?? null;
const outOfSample = (f, name) => f.out_of_sample[name] ?? null;
const NOTES = { no_winner: "no point could win", no_capital: "no capital left" };
const noteOf = (f) => NOTES[f.note] || (f.partial ? "the data end here" : "");

/* A line where each test begins; numbers as long as there is room for them. */
function foldMarks(d, c) {
  const folds = d.walkforward.folds, few = folds.length <= 24;
  return { silent: true, symbol: "none", animation: false, lineStyle: { color: few ? c.soft : c.line, width: 1, type: "dotted" },
    label: { show: few, formatter: "{b}", position: "insideStartTop", rotate: 0, color: c.soft, distance: 2 },
    data: folds.map((f) => ({ name: String(f.fold), xAxis: f.test_start })) };
}

function foldBars(d) {
  const w = d.walkforward, objective = w.objective.split(":")[1];
  const names = [objective, ...Object.keys(w.folds[0].in_sample).filter((name) => name !== objective)];
  let at = objective;
  const figure = chart("In sample and out of sample", `What each fold's choice had on its training window, and what it had on the test behind it. The choice sought the ${w.objective.startsWith("min") ? "smallest" : "largest"} ${label(objective).toLowerCase()}.`,
    (c) => ({ legend: { top: 0, right: 0, textStyle: { color: c.soft } }, tooltip: tooltip(c, 3, unitOf(d, at) === "%" ? " %" : ""),
      xAxis: Object.assign({ type: "category", data: w.folds.map((f) => String(f.fold)) }, axisStyle(c), { splitLine: { show: false } }), yAxis: Object.assign({ type: "value" }, axisStyle(c)),
      series: [{ name: "In sample", type: "bar", data: w.folds.map((f) => inSample(f, at)), itemStyle: { color: c.third, opacity: 0.55 }, barMaxWidth: 22 }, { name: "Out of sample", type: "bar", data: w.folds.map((f) => outOfSample(f, at)), itemStyle: { color: c.accent }, barMaxWidth: 22 }] }),
    () => ({ columns: [{ name: "Fold", value: (f) => f.fold }, ...[objective, "annual_return_pct", "max_drawdown_pct", "total_trades"].flatMap((name) => [["in sample", inSample], ["out of sample", outOfSample]].map(([where, of]) => ({ name: `${label(name)}, ${where}`, number: true, value: (f) => of(f, name) })))], rows: w.folds }));
  figure.insertBefore(el("div", { class: "bar" }, choice("Metric", names.map((name) => [name, label(name)]), at, (v) => { at = v; if (figure.item.instance) figure.item.paint(); })), figure.item.box);
  figure.id = "fold-chart";
  return figure;
}

function windowChart(d) {
  const w = d.walkforward, folds = w.folds;
  const bar = (name, f, from, to, color) => ({ name, type: "line", data: [[from, String(f.fold)], [to, String(f.fold)]], showSymbol: false, silent: true, color, lineStyle: { width: Math.max(1, Math.min(9, 180 / folds.length)), color } });
  return chart("Windows in time", `${w.anchored ? "Anchored: every training begins where the first one does" : "Rolling"}; each test lies behind its training.`,
    (c) => ({ legend: { top: 0, right: 0, data: ["Training", "Test"], textStyle: { color: c.soft }, icon: "roundRect" }, tooltip: { show: false },
      xAxis: Object.assign({ type: "time" }, axisStyle(c), { axisLabel: { color: c.soft, hideOverlap: true } }), yAxis: Object.assign({ type: "category", inverse: true, data: folds.map((f) => String(f.fold)) }, axisStyle(c), { splitLine: { show: false } }),
      series: folds.flatMap((f) => [bar("Training", f, f.train_start, f.train_end, c.third), bar("Test", f, f.test_start, f.test_end, c.accent)]) }),
    () => ({ columns: [{ name: "Fold", value: (f) => f.fold }, { name: "Training", value: (f) => range(f.train_start, f.train_end) }, { name: "Bars", number: true, value: (f) => f.train_bars, text: (f) => number(f.train_bars, 0) },
      { name: "Test", value: (f) => range(f.test_start, f.test_end) }, { name: "Bars", number: true, value: (f) => f.test_bars, text: (f) => number(f.test_bars, 0) }], rows: folds }));
}

function choiceChart(d, axis) {
  const folds = d.walkforward.folds, value = (f) => (f.parameters ? f.parameters[axis] : null), drift = d.walkforward.drift[axis];
  const isNumber = folds.every((f) => value(f) === null || typeof value(f) === "number");
  const sentence = `Changed at ${number(drift.changes, 0)} of ${number(drift.pairs, 0)} borders` + (drift.mean_steps === null ? "" : `, by ${number(drift.mean_steps, 1)} places on its axis on average, ${number(drift.max_steps, 0)} at most`) + `; ${number(drift.distinct, 0)} ${drift.distinct === 1 ? "value" : "values"} in all.`;
  return chart(`Chosen: ${axis}`, sentence,
    (c) => ({ tooltip: Object.assign(tooltip(c, 4), isNumber ? {} : { valueFormatter: String }), xAxis: Object.assign({ type: "category", data: folds.map((f) => String(f.fold)) }, axisStyle(c), { splitLine: { show: false } }), yAxis: Object.assign({ type: isNumber ? "value" : "category", scale: true }, axisStyle(c)),
      series: [{ name: axis, type: "line", step: "middle", data: folds.map((f) => (value(f) === null ? null : isNumber ? value(f) : String(value(f)))), symbolSize: 7, color: c.accent, lineStyle: { width: 1.5 } }] }),
    () => ({ columns: [{ name: "Fold", value: (f) => f.fold }, { name: axis, value: (f) => String(value(f) ?? DASH) }], rows: folds }), "low");
}

function foldTable(d) {
  const w = d.walkforward, objective = w.objective.split(":")[1], axes = Object.keys(w.drift);
  const shown = [...new Set([objective, "sharpe_ratio", "annual_return_pct"])];
  const text = (value) => (value === null || value === undefined ? DASH : typeof value === "number" ? String(+value.toPrecision(10)) : String(value));
  const node = table(`${number(w.folds.length, 0)} folds; in: on the training window, out: on the test`, [
    { name: "Fold", value: (f) => f.fold }, { name: "Training", value: (f) => f.train_start, text: (f) => range(f.train_start, f.train_end) }, { name: "Test", value: (f) => f.test_start, text: (f) => range(f.test_start, f.test_end) },
    ...axes.map((axis) => ({ name: axis, class: "n", value: (f) => (f.parameters ? f.parameters[axis] : null), text: (f) => text(f.parameters && f.parameters[axis]) })),
    ...shown.flatMap((name) => [["in", inSample], ["out", outOfSample]].map(([where, of]) => ({ name: `${label(name)}, ${where}`, number: true, signed: where === "out", value: (f) => of(f, name), text: (f) => withUnit(of(f, name), unitOf(d, name)) }))),
    { name: "Efficiency, return", number: true, value: (f) => f.efficiency.annual_return }, { name: "Efficiency, Sharpe", number: true, value: (f) => f.efficiency.sharpe_ratio },
    { name: "Equity at the end", number: true, value: (f) => f.end_equity, text: (f) => number(f.end_equity, 0) }, { name: "Note", class: "d", value: noteOf }, ...(w.folds.some((f) => f.run_id) ? [{ name: "Stored as", class: "d", value: (f) => f.run_id }] : [])], w.folds, { page: 50 });
  node.id = "fold-list";
  return node;
}

function walkSection(d) {
  const w = d.walkforward;
  if (!w) return null;
  const e = w.efficiency, of = (value, n) => `${number(value)} (${number(n, 0)} ${n === 1 ? "fold" : "folds"})`;
  const plan = [w.anchored ? "anchored" : "rolling", `train ${w.train}`, `test ${w.test}`, `step ${w.step}`, `purge ${w.purge}`, `embargo ${w.embargo}`, `positions ${w.positions === "carry" ? "carried through all tests" : "closed between tests"}`,
    `${number(w.points, 0)} points a fold (${w.sampling})`, w.where.length ? `only with ${w.where.join(", ")}` : null].filter(Boolean).join(" · ");
  return section("windows", "Windows", el("p", { class: "soft" }, plan),
    el("p", null, `Efficiency, out of sample over in sample, the mean of whole folds: annual return ${of(e.annual_return, e.annual_return_folds)}, Sharpe ratio ${of(e.sharpe_ratio, e.sharpe_ratio_folds)}.`),
    el("div", { class: "two" }, foldBars(d), windowChart(d)), el("div", { class: "two" }, Object.keys(w.drift).map((axis) => choiceChart(d, axis))), foldTable(d),
    el("p", { class: "soft", style: "margin-top:.8rem" }, "Everything outside this section is of the tests alone, joined to one run. That run has no parameters of its own, so no section shows one set of them; each fold's are in the table above."));
}
