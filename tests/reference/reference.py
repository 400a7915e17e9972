"""Independent reference of the backtest contract: slow, obvious, one symbol and one bar at a time.

Written from docs/semantics.md alone (section numbers are cited as §), never from the C sources, so that the two can be
compared. No vector libraries, plain floats, `math.fsum` where a sum matters. Readings of silent passages are listed in
AMBIGUITIES.md beside this file (A1, A2, … here).

    market    {symbol: [row, …]}, rows in time order; a row is a dict with timestamp (datetime.date), open, high, low,
              close, volume, dividend, split (None = missing)
    settings  {name: value}, see DEFAULTS and, for the parameters of the one strategy, reference_strategies.PARAMETERS; or
              of an ensemble {"strategies": [{"strategy": "momentum", "lookback": 20, "weight": 1.0}, …], "combine": …}
              settings["tables"] has the tables beside prices, see reference_tables.py
    run()     {"signals", "fills", "trades", "snapshots": lists of dicts; "metrics": dict; "ties": near-threshold notes;
               "ruined": bool; "delisted_positions": int}

reference_data.py holds the market, reference_tables.py the tables beside prices; reference_book.py one portfolio with its
orders, reference_decide.py how signals become orders, reference_actions.py corporate actions; reference_strategies.py,
reference_rules.py and reference_ensembles.py what decides, reference_results.py and reference_metrics.py what is told of it.
"""

from reference_book import Book, Journal
from reference_data import Data
from reference_metrics import metrics
from reference_results import make_trades, snapshot
from reference_strategies import ALIASES, PARAMETERS, read_members

DEFAULTS = {
    "strategy": "momentum", "strategies": None, "combine": "union", "vote_threshold": 0.5,
    "symbols": None, "sectors": None, "benchmark": None, "start": None, "end": None,
    "initial_capital": 100000.0, "max_position_pct": 0.10, "sizing_basis": "equity",
    "target_scaled_by_strength": False, "allow_short": False, "lot_size": 0.0,
    "fill": "next_open", "slippage_model": "bps", "slippage_bps": 5.0, "half_spread_bps": 0.0,
    "impact_coefficient": 0.0, "commission_pct": 0.001, "commission_per_share": 0.0, "commission_min": 0.0,
    "max_participation": 0.10, "insufficient_cash": "scale", "min_scale_frac": 0.5, "min_trade_frac": 0.05,
    "max_pending_days": 7, "serve_order": "closings_first",
    "rebalance_frequency": "daily", "rebalance_dates": None,
    "delist_after_days": 10, "delisting_return": 0.0,
    "lot_method": "fifo", "signal_prices": "split_adjusted",
    "borrow_fee_pct": 0.0, "cash_interest_pct": 0.0,
    "tables": None, "point_in_time_universe": True, "dividend_payment": "ex_date", "lag_days": 90, "max_age_days": 400,
}


def complete(settings):
    """Every setting; the parameters of the one strategy stand apart."""
    strategy = settings.get("strategy", DEFAULTS["strategy"])
    names = {} if settings.get("strategies") else PARAMETERS[ALIASES.get(strategy, strategy)]
    unknown = set(settings) - set(DEFAULTS) - set(names)
    if unknown:
        raise ValueError(f"unknown settings {sorted(unknown)}")
    whole = {**DEFAULTS, **{k: v for k, v in settings.items() if k not in names}}
    if not settings.get("strategies"):
        whole["combine"] = None                 # one strategy is no ensemble
    return {**whole, "parameters": {k: v for k, v in settings.items() if k in names}}


def run(market, settings):
    settings = complete(settings)
    data, journal, members = Data(market, settings), Journal(), read_members(settings)
    capital = settings["initial_capital"]
    if settings["combine"] == "sleeves":        # a book for each strategy, with its share of the capital
        total = sum(m.weight for m in members)
        books = [Book(data, {**settings, "initial_capital": m.weight / total * capital}, [m], journal) for m in members]
    else:
        books = [Book(data, settings, members, journal)]
    snapshots, previous = [], None
    for t in data.bars:
        used_volume = {}
        for book in books:
            book.step(t, previous, used_volume)
        snapshots.append(snapshot(t, books, capital, snapshots))
        previous = t
    for book in books:
        book.finish()
    trades = make_trades(books)
    return {"signals": journal.signals, "fills": journal.fills, "trades": trades, "snapshots": snapshots,
            "metrics": metrics(capital, [s["total_value"] for s in snapshots], trades),
            "ties": journal.ties, "ruined": any(b.ruined for b in books),
            "delisted_positions": sum(b.delisted_positions for b in books)}
