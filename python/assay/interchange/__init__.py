"""Frames of other tools in, and frames that other tools take out.

Entries and exits of vectorbt, orders and transactions of backtrader, zipline and brokers become ready signals (docs/signals.md),
which `SignalsStrategy` and ``assay run signals:FILE`` take; results become what quantstats and pyfolio take. None of these tools
needs to be installed. See docs/coming-from.md.

A ready signal asks for a fraction of a full position, an order for a number of shares. With `ORDER_SETTINGS` a full position is
the initial capital, so that the fraction is the number of shares, and fills have the quantities of the orders.
"""

from ._orders import ORDER_SETTINGS, signals_from_backtrader, signals_from_orders, signals_from_zipline
from ._results import for_pyfolio, returns_for_quantstats
from ._vectorbt import signals_from_vectorbt

__all__ = [
    "ORDER_SETTINGS",
    "for_pyfolio",
    "returns_for_quantstats",
    "signals_from_backtrader",
    "signals_from_orders",
    "signals_from_vectorbt",
    "signals_from_zipline",
]
