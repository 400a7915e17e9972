/* The tearsheet of one run. */

const HEADLINE = [
  ["total_return_pct", "Total return"], ["annual_return_pct", "Annual return"], ["annual_volatility_pct", "Annual volatility"],
  ["max_drawdown_pct", "Maximum drawdown"], ["sharpe_ratio", "Sharpe ratio"], ["sharpe_arithmetic", "Sharpe, arithmetic"],
  ["sortino_ratio", "Sortino ratio"], ["calmar_ratio", "Calmar ratio"], ["information_ratio", "Information ratio"], ["total_trades", "Closed trades"],
  ["win_rate_pct", "Win rate"], ["profit_factor", "Profit factor"],
];
const GROUP_NAMES = { return: "Return", risk: "Risk", ratio: "Ratios", trades: "Trades", benchmark: "Against the benchmark", honesty: "How far to trust it" };

const metricOf = (d, name) => ((d.metrics || []).find((m) => m.name === name) || {}).value ?? null;
const parametersText = (p) => Object.entries(p || {}).map(([k, v]) => `${k} ${typeof v === "object" ? JSON.stringify(v) : v}`).join(", ");

function heading(d) {
  const value = (name) => metricOf(d, name);
  const small = {
    sharpe_ratio: value("sharpe_ratio_low") === null ? null : `95 % interval ${number(value("sharpe_ratio_low"))} to ${number(value("sharpe_ratio_high"))}`,
    total_return_pct: value("benchmark_return_pct") === null ? null : `benchmark ${percent(value("benchmark_return_pct"), 1)}`,
  };
  return [
    el("h1", null, d.walkforward ? `${d.strategy}, walked forward` : d.strategy),
    el("p", { class: "lead" }, [parametersOf(d), `${d.start_date} – ${d.end_date}`, `${number(d.n_bars, 0)} bars`, `${number(d.n_symbols, 0)} symbols`,
      `capital ${number(d.initial_capital, 0)}`, d.benchmark ? `benchmark: ${d.benchmark.name}` : null].filter(Boolean).join(" · ")),
    el("p", { class: "lead" }, d.walkforward ? `Walk-forward ${d.run_id}: the tests of ${number(d.walkforward.folds.length, 0)} folds as one run` : `Run ${d.run_id}`),
    el("dl", { class: "headline" }, HEADLINE.filter(([name]) => (d.metrics || []).some((m) => m.name === name)).map(([name, text]) => {
      const metric = d.metrics.find((m) => m.name === name);
      const shown = metric.unit === "trades" ? number(metric.value, 0) : withUnit(metric.value, metric.unit);
      return el("div", { title: metric.formula }, el("dt", null, text), el("dd", { class: /return|drawdown/.test(name) ? sign(metric.value) : null }, shown, small[name] ? el("small", null, small[name]) : null));
    })),
    el("ul", { class: "notes", "aria-label": "Warnings and notes" }, (d.warnings || []).map((w) =>
      el("li", { class: w.level }, el("b", null, w.level === "warning" ? "Warning. " : w.level === "good" ? "Good. " : "Note. "), w.text))),
  ];
}

/* Marks of the trades of one symbol on the equity. */
function tradeMarks(d, symbol, c) {
  const t = d.trades, col = (name) => t.data[t.columns.indexOf(name)];
  const marks = [];
  col("symbol").forEach((s, i) => {
    if (s !== symbol) return;
    const entry = col("entry_date")[i], exit = col("exit_date")[i];
    marks.push({ coord: [entry, d.bars.equity[entry]], symbol: "triangle", symbolSize: 9, itemStyle: { color: c.gain }, name: "entry" });
    if (exit !== null) marks.push({ coord: [exit, d.bars.equity[exit]], symbol: "diamond", symbolSize: 9, itemStyle: { color: c.loss }, name: "exit" });
  });
  return marks;
}

function equitySection(d) {
  const b = d.bars;
  if (!b || !b.equity) return null;
  const state = { log: false, benchmark: true, windows: true, symbol: -1 };
  const positive = b.equity.every((v) => v > 0);
  const figure = chart("Equity", `From ${number(d.initial_capital, 0)} to ${number(b.equity[b.equity.length - 1], 0)}; ` +
    (b.benchmark ? `the benchmark (${d.benchmark ? d.benchmark.name : "market"}) came to ${number(b.benchmark[b.benchmark.length - 1], 0)}.` : "no benchmark.") + (d.walkforward ? " A dotted line stands where each test begins." : ""),
    (c) => lines(c, b.date, [{ name: "Equity", data: b.equity, markPoint: state.symbol >= 0 ? { data: tradeMarks(d, state.symbol, c), label: { show: false } } : undefined, markLine: d.walkforward && state.windows ? foldMarks(d, c) : undefined },
      ...(b.benchmark && state.benchmark ? [{ name: d.benchmark ? d.benchmark.name : "Benchmark", data: b.benchmark, dashed: true }] : [])], { zoom: true, log: state.log, decimals: 0 }),
    () => ({ columns: [{ name: "Date", value: (r) => b.date[r] }, { name: "Equity", number: true, value: (r) => b.equity[r] }, ...(b.benchmark ? [{ name: "Benchmark", number: true, value: (r) => b.benchmark[r] }] : [])], rows: b.date.map((_, i) => i) }), "tall");
  const repaintIt = () => figure.item.instance && figure.item.paint();
  const traded = d.trades ? [...new Set(d.trades.data[d.trades.columns.indexOf("symbol")])].sort((x, y) => (d.symbols[x] < d.symbols[y] ? -1 : 1)) : [];
  figure.insertBefore(el("div", { class: "bar" },
    positive ? toggle("Logarithmic", false, (on) => { state.log = on; repaintIt(); }) : null,
    b.benchmark ? toggle("Benchmark", true, (on) => { state.benchmark = on; repaintIt(); }) : null,
    d.walkforward ? toggle("Windows", true, (on) => { state.windows = on; repaintIt(); }) : null,
    traded.length ? choice("Trades of", [["-1", "no symbol"], ...traded.map((s) => [String(s), d.symbols[s]])], "-1", (v) => { state.symbol = Number(v); repaintIt(); }) : null), figure.item.box);
  figure.id = "equity-chart";
  const under = chart("Drawdown", `How far the equity was below its highest value so far; at worst ${percent(metricOf(d, "max_drawdown_pct"))}.`,
    (c) => lines(c, b.date, [{ name: "Drawdown", data: scaled(b.drawdown_frac, 100), area: true, color: c.loss }], { suffix: " %", max: 0 }),
    () => ({ columns: [{ name: "Date", value: (r) => b.date[r] }, { name: "Drawdown %", number: true, value: (r) => b.drawdown_frac[r] * 100 }], rows: b.date.map((_, i) => i) }), "low");
  const worst = (d.drawdowns || []).length ? table("The worst drawdowns", [
    { name: "Depth", number: true, signed: true, value: (r) => r.depth_pct, text: (r) => percent(r.depth_pct) },
    { name: "Peak", value: (r) => r.peak_date }, { name: "Trough", value: (r) => r.trough_date }, { name: "Recovered", value: (r) => r.recovery_date, text: (r) => r.recovery_date || "not yet" },
    { name: "Bars down", number: true, value: (r) => r.bars_to_trough, text: (r) => number(r.bars_to_trough, 0) }, { name: "Bars up again", number: true, value: (r) => r.bars_to_recovery, text: (r) => number(r.bars_to_recovery, 0) }],
    d.drawdowns, { sortable: false }) : el("p", { class: "empty" }, "The equity was never below an earlier value.");
  return section("equity", "Equity and drawdown", figure, under, worst);
}

/* --- returns --- */

const MONTHS = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
function heat(node, value, scale) {
  if (value === null || value === undefined) return node;
  const strength = Math.min(1, Math.abs(value) / scale) * 0.5;
  node.style.background = `rgba(var(${value >= 0 ? "--gain-wash" : "--loss-wash"}), ${strength.toFixed(3)})`;
  return node;
}
function monthTable(d) {
  const months = d.periods.month;
  if (!months || months.length === 0) return null;
  const byYear = new Map();
  for (const m of months) {
    const [year, month] = m.name.split("-").map(Number);
    if (!byYear.has(year)) byYear.set(year, Array(12).fill(null));
    byYear.get(year)[month - 1] = m.return_pct;
  }
  const scale = Math.max(2, ...months.map((m) => Math.abs(m.return_pct)).sort((a, b) => a - b).slice(0, Math.ceil(months.length * 0.95)));
  const years = new Map((d.periods.year || []).map((y) => [Number(y.name), y.return_pct]));
  return el("div", { class: "scroll", tabindex: "0", role: "region", "aria-label": "Monthly returns" }, el("table", { id: "months" }, el("caption", null, "Monthly returns in percent; blue above zero, orange below"),
    el("thead", null, el("tr", null, el("th", { scope: "col" }, "Year"), MONTHS.map((m) => el("th", { scope: "col", class: "n" }, m)), el("th", { scope: "col", class: "n" }, "Year"))),
    el("tbody", null, [...byYear.entries()].map(([year, values]) => el("tr", null, el("th", { scope: "row" }, year),
      values.map((v) => heat(el("td", { class: "heat" }, signed(v, 1)), v, scale)), heat(el("td", { class: "heat" }, el("strong", null, signed(years.get(year) ?? null, 1))), years.get(year) ?? null, scale * 4))))));
}
function periodBars(title, rows) {
  return chart(title, `Best ${signed(Math.max(...rows.map((r) => r.return_pct)), 1)} %, worst ${signed(Math.min(...rows.map((r) => r.return_pct)), 1)} %.`,
    (c) => ({
      tooltip: tooltip(c, 2, " %"), legend: { top: 0, right: 0, textStyle: { color: c.soft } },
      xAxis: Object.assign({ type: "category", data: rows.map((r) => r.name) }, axisStyle(c), { splitLine: { show: false } }), yAxis: Object.assign({ type: "value" }, axisStyle(c)),
      series: [{ name: "Run", type: "bar", data: rows.map((r) => ({ value: r.return_pct, itemStyle: { color: r.return_pct >= 0 ? c.gain : c.loss } })), itemStyle: { color: c.gain }, barMaxWidth: 22 },
        { name: "Benchmark", type: "bar", data: rows.map((r) => r.benchmark_pct), itemStyle: { color: c.third, opacity: 0.45 }, barMaxWidth: 22 }],
    }),
    () => ({ columns: periodColumns("Period"), rows }));
}
function periodColumns(name) {
  return [{ name, value: (r) => r.name }, { name: "Return %", number: true, signed: true, value: (r) => r.return_pct, text: (r) => signed(r.return_pct) },
    { name: "Benchmark %", number: true, value: (r) => r.benchmark_pct, text: (r) => signed(r.benchmark_pct) }, { name: "Sharpe", number: true, value: (r) => r.sharpe }, { name: "Volatility %", number: true, value: (r) => r.volatility_pct },
    { name: "Drawdown %", number: true, value: (r) => r.max_drawdown_pct }, { name: "Best bar %", number: true, value: (r) => r.best_pct }, { name: "Worst bar %", number: true, value: (r) => r.worst_pct },
    { name: "Bars up %", number: true, value: (r) => r.win_rate_pct, text: (r) => number(r.win_rate_pct, 1) }, { name: "Bars", number: true, value: (r) => r.n_bars, text: (r) => number(r.n_bars, 0) }];
}
function distribution(d) {
  const x = d.distribution;
  if (!x) return null;
  const names = x.counts.map((_, i) => `${number(x.edges[i])} to ${number(x.edges[i + 1])} %`);
  const binOf = (value) => Math.max(0, Math.min(x.counts.length - 1, x.edges.findIndex((e) => e > value) - 1));
  return chart("Distribution of returns", `One bar in twenty lost more than ${percent(-x.var_95_pct)} (VaR 95), one in a hundred more than ${percent(-x.var_99_pct)} (VaR 99); the worst twentieth lost ${percent(-x.cvar_95_pct)} on average (CVaR 95). The line is the normal distribution with the same mean and deviation.`,
    (c) => ({
      tooltip: tooltip(c, 1), xAxis: Object.assign({ type: "category", data: x.counts.map((_, i) => number((x.edges[i] + x.edges[i + 1]) / 2, 2)) }, axisStyle(c), { splitLine: { show: false } }), yAxis: Object.assign({ type: "value" }, axisStyle(c)),
      series: [{ name: "Bars", type: "bar", barCategoryGap: "4%", data: x.counts.map((n, i) => ({ value: n, itemStyle: { color: x.edges[i] < 0 ? c.loss : c.gain, opacity: 0.8 } })),
        markLine: { symbol: "none", label: { color: c.ink, formatter: "{b}" }, lineStyle: { color: c.ink, type: "dashed" }, data: [{ name: "VaR 95", xAxis: binOf(x.var_95_pct) }, { name: "VaR 99", xAxis: binOf(x.var_99_pct) }] } },
      { name: "Normal", type: "line", showSymbol: false, smooth: true, data: x.normal, lineStyle: { color: c.second, width: 2 }, itemStyle: { color: c.second } }],
    }), () => ({ columns: [{ name: "Return", value: (r) => names[r] }, { name: "Bars", number: true, value: (r) => x.counts[r], text: (r) => number(x.counts[r], 0) }, { name: "Normal", number: true, value: (r) => x.normal[r] }], rows: names.map((_, i) => i) }));
}
function returnsSection(d) {
  if (!d.periods) return null;
  const p = d.periods;
  return section("returns", "Returns", monthTable(d), el("div", { style: "height:1.25rem" }),
    el("div", { class: "two" }, p.year && p.year.length > 1 ? periodBars("By year", p.year) : null, p.quarter && p.quarter.length > 1 ? periodBars("By quarter", p.quarter) : null), distribution(d),
    el("div", { class: "two" }, p.weekday && p.weekday.length ? table("By weekday", periodColumns("Weekday").slice(0, 4).concat(periodColumns("").slice(8)), p.weekday) : null,
      p.regime && p.regime.length ? table("By regime of the benchmark: above or below its mean of some 200 bars, volatility above or below its median", periodColumns("Regime").slice(0, 6).concat(periodColumns("").slice(9)), p.regime) : null),
    p.year && p.year.length ? [el("h3", null, "Years"), table("Every year", periodColumns("Year"), p.year)] : null);
}

/* --- rolling, exposure --- */

function rollingSection(d) {
  if (!d.rolling || d.rolling.length === 0) return null;
  let at = Math.min(1, d.rolling.length - 1);
  const kinds = [["sharpe", "Sharpe ratio", 1, ""], ["volatility_frac", "Annual volatility", 100, " %"], ["beta", "Beta", 1, ""], ["max_drawdown_frac", "Drawdown within the window", 100, " %"]];
  const figures = kinds.filter(([key]) => d.rolling[at][key]).map(([key, title, factor, suffix]) => chart(`Rolling ${title === "Sharpe ratio" ? title : title.toLowerCase()}`, "Over the bars of the window up to each date.",
    (c) => lines(c, d.bars.date, [{ name: title, data: scaled(d.rolling[at][key], factor) }], { suffix }),
    () => ({ columns: [{ name: "Date", value: (r) => d.bars.date[r] }, { name: title + suffix, number: true, value: (r) => (d.rolling[at][key][r] === null ? null : d.rolling[at][key][r] * factor) }], rows: d.bars.date.map((_, i) => i) }), "low"));
  const pick = choice("Window", d.rolling.map((r, i) => [String(i), `${r.window} bars`]), String(at), (v) => { at = Number(v); figures.forEach((f) => f.item.instance && f.item.paint()); });
  return section("rolling", "Over time", el("div", { class: "bar" }, pick), el("div", { class: "two" }, figures));
}
function exposureSection(d) {
  const b = d.bars;
  if (!b || !b.gross_frac) return null;
  const one = (title, sentence, series, suffix, step) => chart(title, sentence, (c) => lines(c, b.date, series.map((s) => Object.assign({ step }, s)), { suffix, decimals: 1 }),
    () => ({ columns: [{ name: "Date", value: (r) => b.date[r] }, ...series.map((s) => ({ name: s.name, number: true, value: (r) => s.data[r] }))], rows: b.date.map((_, i) => i) }), "low");
  const mean = (values) => values.reduce((a, v) => a + (v || 0), 0) / Math.max(1, values.length);
  return section("exposure", "Exposure", el("div", { class: "two" },
    one("Gross and net exposure", `Gross ${percent(mean(b.gross_frac) * 100, 1)} of equity on average.`, [{ name: "Gross", data: scaled(b.gross_frac, 100) }, { name: "Net", data: scaled(b.net_frac, 100), dashed: true }], " %"),
    one("Positions", `${number(mean(b.num_positions), 1)} on average.`, [{ name: "Positions", data: b.num_positions }], "", true),
    one("Leverage and concentration", "Concentration is the sum of squared weights: 1 is one position alone.", [{ name: "Leverage", data: b.leverage }, { name: "Concentration", data: b.concentration, dashed: true }], ""),
    one("Turnover", `${number(metricOf(d, "annual_turnover"), 1)} times the equity a year.`, [{ name: "Turnover", data: scaled(b.turnover, 100) }], " %")));
}

/* --- where it came from --- */

function partsChart(title, rows, total) {
  const sorted = rows.slice().sort((a, b) => b.pnl - a.pnl), told = sorted.filter((r) => r.n_trades || Math.abs(r.pnl) > 0.005);
  const shown = told.length > 24 ? [...told.slice(0, 12), ...told.slice(-12)] : told;
  return chart(title, `${told.length} parts sum to ${number(total, 0)}.` + (shown.length < told.length ? " Shown are the twelve best and the twelve worst." : ""),
    (c) => ({ tooltip: Object.assign(tooltip(c, 0), { trigger: "item" }), xAxis: Object.assign({ type: "value" }, axisStyle(c)), yAxis: Object.assign({ type: "category", inverse: true, data: shown.map((r) => r.name) }, axisStyle(c)),
      series: [{ name: "Gain", type: "bar", data: shown.map((r) => ({ value: r.pnl, itemStyle: { color: r.pnl >= 0 ? c.gain : c.loss } })), barMaxWidth: 14 }] }),
    () => ({ columns: [{ name: "Part", value: (r) => r.name }, { name: "Gain", number: true, signed: true, value: (r) => r.pnl }, { name: "% of capital", number: true, value: (r) => r.contribution_pct }], rows: sorted }), shown.length > 12 ? "tall" : "");
}
function attributionSection(d) {
  const a = d.attribution;
  if (!a) return null;
  const parts = [];
  if (a.symbol && a.symbol.length) parts.push(partsChart("Gain by symbol, before costs", a.symbol, a.total_pnl));
  if (a.sector && a.sector.some((r) => r.n_trades && r.name !== "no sector")) parts.push(partsChart("Gain by sector, before costs", a.sector, a.total_pnl));
  if (a.strategy && a.strategy.filter((r) => r.n_trades).length > 1) parts.push(partsChart("Gain by strategy, before costs", a.strategy, a.total_pnl));
  const b = a.brinson;
  const rows = b ? [...b.rows, { sector: "costs, financing", allocation_pct: null, selection_pct: null, interaction_pct: null, total: b.costs_pct },
    { sector: "Together", portfolio_return_pct: b.portfolio_return_pct, benchmark_return_pct: b.benchmark_return_pct, allocation_pct: b.allocation_pct, selection_pct: b.selection_pct, interaction_pct: b.interaction_pct, total: b.active_pct }] : [];
  rows.forEach((r) => { if (r.total === undefined) r.total = r.allocation_pct + r.selection_pct + r.interaction_pct; });
  const brinson = b ? [el("h3", null, `Against the ${b.benchmark}`), el("p", { class: "soft" }, "Brinson and Fachler: what came of being in the better sectors (allocation), of holding the better symbols in them (selection), and of both at once (interaction); linked over time (Cariño), in percent of the beginning."),
    table("Attribution to sectors", [{ name: "Sector", value: (r) => r.sector }, { name: "Weight %", number: true, value: (r) => r.portfolio_weight_pct }, { name: "Benchmark weight %", number: true, value: (r) => r.benchmark_weight_pct },
      { name: "Return %", number: true, value: (r) => r.portfolio_return_pct }, { name: "Benchmark return %", number: true, value: (r) => r.benchmark_return_pct },
      ...["allocation", "selection", "interaction"].map((k) => ({ name: label(k), number: true, signed: true, value: (r) => r[k + "_pct"], text: (r) => signed(r[k + "_pct"]) })),
      { name: "Sum", number: true, signed: true, value: (r) => r.total, text: (r) => signed(r.total) }], rows, { sortable: false })] : [];
  const f = a.factors;
  const factors = f ? [el("h3", null, "Factors"), table(`Regression on ${number(f.n, 0)} bars, R² ${number(f.r_squared, 3)}`, [{ name: "Factor", value: (r) => r.factor }, { name: "Coefficient", number: true, value: (r) => r.coefficient, text: (r) => number(r.coefficient, 5) },
    { name: "Standard error", number: true, value: (r) => r.std_error, text: (r) => number(r.std_error, 5) }, { name: "t", number: true, value: (r) => r.t }, { name: "Contribution % a year", number: true, value: (r) => r.contribution_pct }], f.rows, { sortable: false })] : [];
  return section("attribution", "Where it came from", el("div", { class: "two" }, parts), brinson, factors);
}
function costsSection(d) {
  if (!d.costs) return null;
  return section("costs", "Costs and income", table("Over the whole run; below zero is paid", [{ name: "Kind", value: (r) => r.name, text: (r) => label(r.name) }, { name: "Money", number: true, signed: true, value: (r) => r.money, text: (r) => signed(r.money) },
    { name: "% of capital", number: true, value: (r) => r.pct_of_capital, text: (r) => signed(r.pct_of_capital) }], d.costs, { sortable: false }));
}

/* --- trades --- */

function groupTable(name, rows) {
  const text = label(name);
  return table(`By ${text.toLowerCase()}`, [{ name: text, value: (r) => r.name }, { name: "Closed", number: true, value: (r) => r.n_trades, text: (r) => number(r.n_trades, 0) }, { name: "Open", number: true, value: (r) => r.n_open, text: (r) => number(r.n_open, 0) },
    { name: "Won %", number: true, value: (r) => r.win_rate_pct, text: (r) => number(r.win_rate_pct, 1) }, { name: "Gain", number: true, signed: true, value: (r) => r.pnl, text: (r) => signed(r.pnl, 0) }, { name: "Share %", number: true, value: (r) => r.share_pct, text: (r) => number(r.share_pct, 1) },
    { name: "Mean gain", number: true, value: (r) => r.avg_pnl, text: (r) => number(r.avg_pnl, 0) }, { name: "Profit factor", number: true, value: (r) => r.profit_factor }, { name: "Bars held", number: true, value: (r) => r.avg_bars_held, text: (r) => number(r.avg_bars_held, 1) },
    { name: "Mean worst %", number: true, value: (r) => r.avg_mae_pct }, { name: "Mean best %", number: true, value: (r) => r.avg_mfe_pct }, { name: "Commission", number: true, value: (r) => r.commission, text: (r) => number(r.commission, 0) },
    { name: "Slippage", number: true, value: (r) => r.slippage, text: (r) => number(r.slippage, 0) }, { name: "Dividends", number: true, value: (r) => r.dividends, text: (r) => number(r.dividends, 0) }], rows, { order: [4, -1], page: 25 });
}
function tradesSection(d) {
  const t = d.trades;
  if (!t || !t.data) return null;
  const col = Object.fromEntries(t.columns.map((name, i) => [name, t.data[i]]));
  const text = (i) => (i === null || i === undefined ? DASH : d.texts[i]);
  const rows = col.trade_id.map((_, i) => i);
  const money = (name, decimals = 2) => ({ name: label(name), number: true, value: (r) => col[name][r], text: (r) => number(col[name][r], decimals) });
  const columns = [{ name: "Symbol", value: (r) => d.symbols[col.symbol[r]] }, { name: "Side", value: (r) => col.direction[r] }, { name: "Entry", value: (r) => d.bars.date[col.entry_date[r]] }, { name: "Exit", value: (r) => (col.exit_date[r] === null ? "open" : d.bars.date[col.exit_date[r]]) },
    { name: "Gain", number: true, signed: true, value: (r) => col.pnl[r], text: (r) => signed(col.pnl[r]) }, { name: "%", number: true, signed: true, value: (r) => col.pnl_pct[r], text: (r) => signed(col.pnl_pct[r]) }, money("bars_held", 0), money("quantity", 2), money("entry_price"), money("exit_price"),
    { name: "Worst %", number: true, value: (r) => col.mae_pct[r] }, { name: "Best %", number: true, value: (r) => col.mfe_pct[r] }, money("commission"), money("slippage"), money("dividends"),
    { name: "Why in", value: (r) => text(col.entry_reason[r]) }, { name: "Why out", value: (r) => text(col.exit_reason[r]) }, { name: "Sector", value: (r) => text(col.sector[r]) }, { name: "Strategy", value: (r) => text(col.strategy[r]) }];
  const list = table(t.n_shown < t.n ? `The last ${number(t.n_shown, 0)} of ${number(t.n, 0)} trades` : `All ${number(t.n, 0)} trades`, columns, rows, { page: 50 });
  list.id = "trade-list";
  const search = el("input", { type: "search", id: "trade-search", placeholder: "Symbol, reason, sector, date …", autocomplete: "off" });
  const key = rows.map((r) => columns.filter((c) => !c.number).map((c) => c.value(r)).join(" ").toLowerCase());
  search.addEventListener("input", () => {
    const words = search.value.toLowerCase().split(/\s+/).filter(Boolean);
    list.show(rows.filter((r) => words.every((w) => key[r].includes(w))));
  });
  const groups = Object.entries(d.groups || {}).filter(([, g]) => g.length > 0);
  const wide = groups.filter(([, g]) => g.length > 1);
  const holder = el("div");
  const show = (name) => holder.replaceChildren(groupTable(name, d.groups[name]));
  if (groups.length) show((wide[0] || groups[0])[0]);
  const scatter = col.pnl_pct.length > 1 ? chart("How far trades went against us and for us", "Each closed trade by its worst (MAE) and best (MFE) price on the way, in percent of its entry; blue ended above zero, orange below.",
    (c) => ({ tooltip: { trigger: "item", renderMode: "richText", backgroundColor: c.card, borderColor: c.line, textStyle: { color: c.ink, fontSize: 12 }, formatter: (p) => `${d.symbols[col.symbol[p.value[2]]]}\nworst ${number(p.value[0])} %, best ${number(p.value[1])} %\ngain ${signed(col.pnl_pct[p.value[2]])} %` },
      xAxis: Object.assign({ type: "value", name: "worst %", nameTextStyle: { color: c.soft } }, axisStyle(c)), yAxis: Object.assign({ type: "value", name: "best %", nameTextStyle: { color: c.soft } }, axisStyle(c)),
      series: [{ type: "scatter", symbolSize: 5, data: rows.filter((r) => col.exit_date[r] !== null).map((r) => ({ value: [col.mae_pct[r], col.mfe_pct[r], r], itemStyle: { color: col.pnl[r] >= 0 ? c.gain : c.loss, opacity: 0.6 } })) }] }), () => ({ columns: columns.slice(0, 4).concat(columns.slice(10, 12)), rows })) : null;
  return section("trades", "Trades", groups.length ? [el("div", { class: "bar" }, choice("Group by", groups.map(([name, g]) => [name, `${label(name).toLowerCase()} (${g.length})`]), (wide[0] || groups[0])[0], show)), holder] : null,
    scatter ? el("div", { style: "margin-top:1.25rem" }, scatter) : null, el("h3", null, "Every trade"), el("div", { class: "bar" }, el("label", { for: "trade-search" }, "Search"), search), list);
}

function metricsSection(d) {
  if (!d.metrics) return null;
  const names = [...new Set(d.metrics.map((m) => m.group))];
  return section("metrics", "All metrics", names.map((group) => [el("h3", null, GROUP_NAMES[group] || label(group)), table(`${GROUP_NAMES[group] || label(group)}: values, formulas, sources`,
    [{ name: "Metric", value: (m) => m.name, text: (m) => label(m.name) }, { name: "Value", number: true, value: (m) => m.value, text: (m) => withUnit(m.value, m.unit) }, { name: "Formula", class: "formula", value: (m) => m.formula }, { name: "Source", class: "formula", value: (m) => m.source }],
    d.metrics.filter((m) => m.group === group), { sortable: false })]));
}
function configSection(d) {
  return section("configuration", "Configuration and data", el("p", { class: "soft" }, `Data fingerprint ${d.data_fingerprint || DASH} · periods per year ${number(d.periods_per_year, 0)} · Assay ${d.assay.version}`), el("pre", { tabindex: "0", "aria-label": "Configuration" }, JSON.stringify(d.config, null, 2)));
}

function runPage(d) {
  document.title = `${d.strategy} ${d.start_date} – ${d.end_date}`;
  return [...heading(d), equitySection(d), walkSection(d), returnsSection(d), rollingSection(d), exposureSection(d), attributionSection(d), tradesSection(d), costsSection(d), metricsSection(d), configSection(d)];
}
