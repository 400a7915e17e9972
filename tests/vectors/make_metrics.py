"""Make metrics.h: equity curves and trades with their metrics, computed by NumPy and empyrical alone.

Run with ``empyrical-reloaded`` 0.7.1 and NumPy 2.4 and redirect to ``metrics.h``. Nothing of Assay takes part. NumPy values follow
docs/semantics.md, section 9; the others are what empyrical calls by a name of its own: annual_return, max_drawdown,
calmar_ratio and sharpe_ratio (arithmetic, ddof 1) of the same returns.
"""

import empyrical
import numpy as np
import pandas as pd

# Bars, periods per year, annual risk-free rate, drift and deviation of a bar, chance of an unchanged bar.
CURVES = [
    (250, 252, 0.0, 0.0006, 0.012, 0.0),
    (61, 52, 0.02, -0.002, 0.025, 0.1),
    (120, 12, 0.015, 0.006, 0.045, 0.0),
    (300, 365, 0.0, 0.0, 0.0004, 0.5),
    (13, 252, -0.01, 0.01, 0.06, 0.0),
]
CAPITAL = 100000.0


def metrics(equity, periods, rf, pnl, bars_held):
    e = np.concatenate([[CAPITAL], equity])
    r = e[1:] / e[:-1] - 1
    returns = pd.Series(r)
    annual_return = empyrical.annual_return(returns, annualization=periods)
    volatility = np.std(r, ddof=0) * np.sqrt(periods)
    downside = np.std(r[r < 0], ddof=0) * np.sqrt(periods)
    won, lost = pnl[pnl > 0], pnl[pnl < 0]
    return {
        "total_return_pct": (e[-1] / e[0] - 1) * 100,
        "annual_return_pct": annual_return * 100,
        "annual_volatility_pct": volatility * 100,
        "sharpe_ratio": (annual_return - rf) / volatility,
        "sortino_ratio": (annual_return - rf) / downside,
        "max_drawdown_pct": empyrical.max_drawdown(returns) * 100,
        "calmar_ratio": empyrical.calmar_ratio(returns, annualization=periods),
        "sharpe_arithmetic": empyrical.sharpe_ratio(returns, risk_free=rf / periods, annualization=periods),
        "win_rate_pct": len(won) / len(pnl) * 100,
        "profit_factor": won.sum() / -lost.sum(),
        "total_trades": len(pnl),
        "winning_trades": len(won),
        "losing_trades": len(lost),
        "avg_win_pnl": won.mean(),
        "avg_loss_pnl": -lost.mean(),
        "avg_bars_held": bars_held.mean(),
    }


def numbers(values):
    lines, line = [], "   "
    for value in values:
        text = f" {float(value)!r},"
        if len(line) + len(text) > 108:
            lines.append(line)
            line = "   "
        line += text
    return "\n".join([*lines, line])


def main():
    rng = np.random.default_rng(20240229)
    print(
        "/* Made by make_metrics.py with NumPy and empyrical-reloaded 0.7.1; nothing of Assay took part. Capital 100,000. */"
    )
    rows = []
    for i, (n, periods, rf, drift, deviation, still) in enumerate(CURVES):
        r = np.where(rng.random(n) < still, 0.0, drift + deviation * rng.standard_t(5, n))
        equity = np.round(CAPITAL * np.cumprod(1 + r), 2)
        pnl = np.round(rng.normal(20, 500, 7 + 11 * i), 2)
        pnl[rng.random(len(pnl)) < 0.1] = 0.0
        bars_held = rng.integers(0, 90, len(pnl))
        print(f"static const double equity_{i}[] = {{\n{numbers(equity)}\n}};")
        print(f"static const double pnl_{i}[] = {{\n{numbers(pnl)}\n}};")
        print(f"static const double bars_held_{i}[] = {{\n{numbers(bars_held)}\n}};")
        rows.append((n, periods, rf, len(pnl), metrics(equity, periods, rf, pnl, bars_held)))
    names = list(rows[0][4])
    print(f"enum {{ N_VECTOR_METRICS = {len(names)} }};")
    print("static const char *const vector_metric[N_VECTOR_METRICS] = {")
    print("\n".join(f'    "{name}",' for name in names) + "\n};")
    print("typedef struct metric_vector {")
    print("    const double *equity;\n    size_t n;\n    double periods_per_year, risk_free_rate;")
    print(
        "    const double *pnl, *bars_held;\n    size_t n_trades;\n    double value[N_VECTOR_METRICS];\n} metric_vector;"
    )
    print("static const metric_vector metric_vectors[] = {")
    for i, (n, periods, rf, n_trades, values) in enumerate(rows):
        print(f"    {{equity_{i}, {n}, {periods}, {rf}, pnl_{i}, bars_held_{i}, {n_trades}, {{")
        print(numbers(values.values()) + "}},")
    print("};")


if __name__ == "__main__":
    main()
