"""Parameters chosen by Optuna on the first years, and looked at on the last.

    python examples/python/optuna_sweep.py [TRIALS]

The panel is built once and shared by all trials. `assay optimize` sweeps grids of thousands of points in C; this is for searches
that go where results are good. The best of many trials is lucky: the second half says how much.
"""

import sys
import tempfile

import assay
import optuna
from assay import BacktestEngine, MomentumStrategy, Panel

SPLIT = "2016-06-30"


def sharpe(panel, parameters, **period):
    """The Sharpe ratio of a run; -10 where it is undefined, as without a trade."""
    value = BacktestEngine(**period).run(MomentumStrategy(**parameters), panel)["metrics"]["sharpe_ratio"]
    return value if value == value else -10.0


def main():
    trials = int(sys.argv[1]) if len(sys.argv) > 1 else 30
    with tempfile.TemporaryDirectory() as folder:
        assay.program("sample", "--db", folder, "--symbols", "40", "--days", "756", "--quiet")
        panel = Panel(assay.ParquetDB(folder).read_prices())

    def objective(trial):
        parameters = {
            "lookback": trial.suggest_int("lookback", 5, 120),
            "threshold": trial.suggest_float("threshold", 0.02, 0.30),
        }
        return sharpe(panel, parameters, end_date=SPLIT)

    optuna.logging.set_verbosity(optuna.logging.WARNING)
    study = optuna.create_study(direction="maximize", sampler=optuna.samplers.TPESampler(seed=1))
    study.optimize(objective, n_trials=trials)
    print("best of", trials, "trials:", study.best_params)
    print(f"Sharpe ratio until {SPLIT}: {study.best_value:.2f}")
    print(f"Sharpe ratio after it:      {sharpe(panel, study.best_params, start_date='2016-07-01'):.2f}")


if __name__ == "__main__":
    main()
