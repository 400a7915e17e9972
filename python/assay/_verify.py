"""The look-ahead test: does a decision change where only the future does?"""

from __future__ import annotations

import copy
from dataclasses import dataclass
from typing import Any

from . import _native
from ._adapter import Beside, PythonDefinition, StoredBeside
from ._beside import add_columns
from ._database import PATH, database_folder
from ._engine import (
    BacktestEngine,
    as_list,
    is_native,
    lag_days,
    make_members,
    set_sectors,
)
from ._errors import ConfigError
from ._inputs import chosen_symbols, sectors_of, symbols_of
from ._panel import Panel
from ._strategies import as_strategy, params_as_texts


@dataclass(frozen=True)
class VerifyReport:
    """What the look-ahead test found.

    Attributes
    ----------
    cuts, runs : int
        Places in time at which the data were changed, and runs with changed data.
    failed_runs : int
        Runs in which a signal, order or fill at or before the cut differs.
    skipped_runs : int
        Runs with too few bars before their cut.
    signals, fills : int
        What the first run has, which was compared.
    failed : dict
        Failed runs by what became of the data after the cut.
    first : str
        The first difference as a sentence; empty where there is none.
    """

    cuts: int
    runs: int
    failed_runs: int
    skipped_runs: int
    signals: int
    fills: int
    failed: dict[str, int]
    first: str

    @property
    def is_blind(self) -> bool:
        """Whether no decision depends on the future, and there was a signal to tell it by."""
        return self.failed_runs == 0 and self.signals > 0


def verify(
    strategies: Any,
    prices_df: Any = None,
    db: PATH | None = None,
    symbols: Any = None,
    holdings_df: Any = None,
    frequency: str | None = None,
    cuts: int = 10,
    seed: int = 1,
    threads: int = 0,
    technical_df: Any = None,
    fundamental_df: Any = None,
    **settings: Any,
) -> VerifyReport:
    """Runs strategies, and runs them again with everything after a cut changed.

    Parameters
    ----------
    strategies : strategy, name, or list of them
        Those in Python are copied (copy.deepcopy) for each run.
    prices_df : table or Panel, optional
        Prices, as for `BacktestEngine.run`; without it those of the database `db`.
    db : str or path, optional
        The database folder.
    symbols : iterable of str, optional
        Of the database, these alone.
    holdings_df : table, optional
        Symbols and sectors.
    frequency : str, optional
        Which frequency of the database.
    cuts : int
        How many cuts; each is run with noise, scaled prices, splits, missing bars and nothing after it.
    seed : int
        Of the cuts' places and the noise.
    threads : int
        For strategies in C; 0: every core.
    technical_df, fundamental_df : table, optional
        Further columns beside `prices_df`, as for `BacktestEngine.run`; of a database its own tables are read.
    **settings
        Settings of the engine.

    Returns
    -------
    VerifyReport
        A difference is no error: see `is_blind`.

    Notes
    -----
    Prices and events are changed, nothing else: a strategy that looks ahead in technical_df, in further columns of the prices or
    in a file is not found out.
    """
    engine = BacktestEngine(**settings)
    texts = engine._texts()
    given = [as_strategy(s) for s in as_list(strategies)]
    sectors = {} if holdings_df is None else sectors_of(holdings_df)
    if symbols is not None and prices_df is not None:
        raise ConfigError(
            "symbols are those of a database: choose them of prices_df by holdings_df, or of a Panel"
        )
    symbols = None if symbols is None else chosen_symbols(symbols)
    if cuts < 1:
        raise ConfigError(f"cuts {cuts}: at least 1")
    wanted = symbols if symbols is not None else symbols_of(holdings_df) if holdings_df is not None else None
    panel = None if prices_df is None else engine._panel(prices_df, holdings_df, texts).resampled(texts)
    if panel is not None and sectors:
        set_sectors(panel, sectors)
    folder = database_folder(db) if panel is None else None
    beside = beside_of(panel, folder, wanted, technical_df, fundamental_df, holdings_df, lag_days(texts))

    def anew(native: Any) -> list[Any]:
        return make_members([copy.deepcopy(s) for s in given], beside, Panel.lent(native), folder)

    first = [
        (s.native(folder), params_as_texts(s.parameters))
        if is_native(s)
        else (PythonDefinition(s, beside), {})
        for s in given
    ]
    if panel is not None:
        add_columns(panel, first, beside, texts)
    report = _native.verify(
        None if panel is None else panel.native,
        folder,
        first,
        texts,
        [str(s) for s in wanted or []],
        [f"{name}={sectors[name]}" for name in sorted(sectors)],
        frequency,
        None if all(is_native(s) for s in given) else anew,
        cuts,
        seed,
        threads,
    )
    return VerifyReport(**report)


def beside_of(
    panel: Panel | None,
    folder: str | None,
    symbols: Any,
    technical: Any,
    fundamental: Any,
    holdings: Any,
    lag: int,
) -> Beside:
    """What strategies have beside the prices of a panel or a database."""
    if folder is not None:
        if technical is not None or fundamental is not None:
            raise ConfigError(
                "technical_df and fundamental_df go with prices_df; a database has tables of its own"
            )
        return StoredBeside(folder, symbols, holdings, lag)
    beside = Beside(technical, fundamental, holdings, lag)
    beside.panel = panel
    return beside
