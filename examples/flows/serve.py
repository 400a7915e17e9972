"""Serves the quick-wins flow: every weekday at 22:00, and whenever somebody asks for it.

    ASSAY_DB=/data/db python examples/flows/serve.py

Needs ``pip install "assay[prefect]"`` and a Prefect server (``prefect server start``; PREFECT_API_URL says where). ``python
examples/flows/serve.py once`` runs the flow one time instead.
"""

import os
import sys

from assay.flows import backtest_quick_wins_flow

SYMBOLS = os.environ.get("SYMBOLS", "AAPL,MSFT,GOOGL,TSLA,META").split(",")
PARAMETERS = {"symbols": SYMBOLS, "strategies": ["momentum", "mean_reversion"], "reports": os.environ.get("REPORTS", "reports")}

if __name__ == "__main__":
    if sys.argv[1:] == ["once"]:
        for name, result in backtest_quick_wins_flow(**PARAMETERS, start_date=os.environ.get("START")).items():
            print(f"{name}: {result['metrics']['total_return_pct']:.2f} %")
    else:
        backtest_quick_wins_flow.serve(name="nightly", cron="0 22 * * 1-5", parameters=PARAMETERS)
