"""The metrics of the reference (§9): plain functions of the equity curve and the trades."""

import math


def finite(x):
    return x is not None and math.isfinite(x)


def sign(x):
    return (x > 0) - (x < 0)


def mean(values):
    return math.fsum(values) / len(values)


def deviation(values, ddof):
    """Two-pass standard deviation; None where it is undefined."""
    if len(values) - ddof <= 0:
        return None
    m = mean(values)
    return math.sqrt(math.fsum((v - m) ** 2 for v in values) / (len(values) - ddof))


def one_return(before, after):
    r = after / before - 1 if before > 0 else 0.0
    return 0.0 if abs(r) < 1e-12 else r


def ratio(a, b):
    """a / b, NaN where either is undefined or b is 0: never a made-up 0."""
    return a / b if finite(a) and finite(b) and b != 0 else math.nan


def metrics(initial, equity, trades, periods=252):
    curve = [initial] + equity
    n = len(equity)
    returns = [one_return(a, b) for a, b in zip(curve, curve[1:])]
    growth = curve[-1] / initial
    annual = growth ** (periods / n) - 1 if growth >= 0 else math.nan
    volatility = deviation(returns, 0) * math.sqrt(periods)
    down = deviation([r for r in returns if r < 0], 0)
    spread = deviation(returns, 1)
    peak, worst = initial, 0.0
    for e in equity:
        peak = max(peak, e)
        worst = min(worst, e / peak - 1)
    worst = 0.0 if worst > -1e-12 else worst
    closed = [t for t in trades if t["status"] == "closed"]
    wins = [t["pnl"] for t in closed if t["pnl"] > 0]
    losses = [-t["pnl"] for t in closed if t["pnl"] < 0]
    return {
        "total_return_pct": (growth - 1) * 100,
        "annual_return_pct": annual * 100,
        "annual_volatility_pct": volatility * 100,
        "sharpe_ratio": ratio(annual, volatility),
        "sortino_ratio": ratio(annual, down * math.sqrt(periods)) if down is not None else math.nan,
        "max_drawdown_pct": worst * 100,
        "win_rate_pct": len(wins) / len(closed) * 100 if closed else math.nan,
        "profit_factor": math.nan if not closed else math.fsum(wins) / math.fsum(losses) if losses else math.inf,
        "total_trades": len(closed), "winning_trades": len(wins), "losing_trades": len(losses),
        "avg_win_pnl": mean(wins) if wins else math.nan,
        "avg_loss_pnl": mean(losses) if losses else math.nan,
        "calmar_ratio": ratio(annual, abs(worst)),
        "avg_bars_held": mean([t["bars_held"] for t in closed]) if closed else math.nan,
        "sharpe_arithmetic": ratio(mean(returns), spread) * math.sqrt(periods) if spread is not None else math.nan,
    }
