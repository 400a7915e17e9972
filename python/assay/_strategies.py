"""Strategies: the built-in ones by name, and the base of those that are written in Python."""

from __future__ import annotations

import hashlib
import inspect
import json
import pickle
import weakref
from collections.abc import Iterable, Mapping
from enum import Enum
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from . import _native
from ._errors import ArgumentTypeError, ConfigError
from ._inputs import SYMBOL_NAMES, TIME_NAMES, Columns, to_list
from ._types import Signal
from ._view import BarView


class BaseStrategy:
    """Base of every strategy.

    A strategy in Python overrides one of three methods:

    - `on_bar(view)`: the fast one; gets a `BarView` with NumPy arrays of this bar.
    - `generate_signals(prices_df, technical_df, holdings_df, date)`: gets data frames of all that is known.
    - `signals(frame)`: is asked once with the whole market, and gives all signals at once. It can look ahead: `assay.verify`
      finds out whether it does.

    Parameters
    ----------
    name : str, optional
        Letters, digits and underscores; the class's name by default.
    parameters : dict, optional
        Parameters; numbers are stored with the run.

    Attributes
    ----------
    features : sequence of str
        Expressions of the rule language (docs/rules.md), such as "rsi(close, 14)", which the engine computes for all
        symbols and `view.feature(...)` returns.
    needs_sectors : bool
        Whether the strategy asks for sectors.
    """

    features: Iterable[str] = ()
    needs_sectors: bool = False

    def __init__(self, name: str | None = None, parameters: dict[str, Any] | None = None) -> None:
        self.name = type(self).__name__ if name is None else name
        self.parameters: dict[str, Any] = {} if parameters is None else parameters

    def set_parameters(self, **parameters: Any) -> None:
        """Changes parameters.

        Parameters
        ----------
        **parameters
            Values by name.
        """
        self.parameters.update(parameters)

    def start(self) -> None:  # noqa: B027
        """Is called before the first bar of a run; a strategy with state of its own begins afresh here."""

    def on_bar(self, view: BarView) -> Iterable[Signal] | None:
        """Gives the signals of a bar, through the view or as a list.

        Parameters
        ----------
        view : BarView
            What is known at this bar's close.

        Returns
        -------
        iterable of Signal, optional
            Signals beside those that were given through the view.
        """
        raise NotImplementedError(none_of_its_own(self, "on_bar"))

    def generate_signals(
        self, prices_df: Any, technical_df: Any, holdings_df: Any, date: Any, *args: Any, **kwargs: Any
    ) -> Iterable[Signal] | None:
        """Gives the signals of a date.

        Parameters
        ----------
        prices_df : pandas.DataFrame
            Bars up to `date`, indexed by timestamp, with symbol, open_price, high_price, low_price, close_price, volume, adjusted
            for splits; and further numeric columns of the prices, as they are.
        technical_df : pandas.DataFrame
            Rows of the technical data up to `date`.
        holdings_df : pandas.DataFrame
            Symbols (`sym`) and their sectors.
        date : pandas.Timestamp
            The bar.
        *args, **kwargs
            Not given to a method that does not name them: see the notes.

        Returns
        -------
        iterable of Signal
            At most one a symbol.

        Notes
        -----
        A method may also have any of the parameters fundamental_df, positions (quantities by symbol), portfolio_value,
        cash and view, which are then given by name.
        """
        raise NotImplementedError(none_of_its_own(self, "generate_signals"))

    def signals(self, frame: Any) -> Any:
        """Gives all signals of a market at once.

        Parameters
        ----------
        frame : pandas.DataFrame
            All bars, indexed by timestamp, with symbol, open_price, high_price, low_price, close_price, volume, raw;
            split_coefficient and dividend_amount, on rows without a bar as well; and further numeric columns of the prices.

        Returns
        -------
        pandas.DataFrame
            Columns timestamp and symbol, and any of action, strength, score, target_position, signal_type, reason.
        """
        raise NotImplementedError(none_of_its_own(self, "signals"))

    def __repr__(self) -> str:
        inside = ", ".join(f"{key}={value!r}" for key, value in self.parameters.items())
        return f"{type(self).__name__}({inside})"


METHODS = ("on_bar", "generate_signals", "signals")


def none_of_its_own(strategy: Any, method: str) -> str:
    """Why a method of the base cannot be called."""
    decides = "decides in C" if isinstance(strategy, NativeStrategy) else "inherits none"
    return f"{type(strategy).__name__} has no {method} to call: {decides}; what overrides it must decide by itself"


def method_of(strategy: Any) -> str | None:
    """Which of the three methods a strategy has of its own."""
    for cls in type(strategy).__mro__:
        if cls is BaseStrategy:
            return None
        for name in METHODS:
            if name in vars(cls) and vars(cls)[name] is not vars(BaseStrategy)[name]:
                return name
    return None


class NativeStrategy(BaseStrategy):
    """A strategy that runs in C: a built-in one, a rule, a plugin, or ready signals.

    Parameters
    ----------
    reference : str
        What names it on the command line: "momentum", "rule:FILE.yaml", "plugin:FILE.so", "signals:SOURCE".
    parameters : dict, optional
        Its parameters; those that are left out have their defaults.
    """

    def __init__(self, reference: str, parameters: Mapping[str, Any] | None = None) -> None:
        super().__init__(reference, dict(parameters or {}))
        self.reference = reference

    def native(self, db: str | None = None) -> _native.Strategy:
        """The strategy of the C library; `db` is where ready signals are looked for."""
        kind, _, source = self.reference.partition(":")
        if db is None and kind == "signals" and source.endswith((".csv", ".parquet")):
            db = str(Path(source).absolute().parent)  # a file needs no database; any folder does
        return _native.open_strategy(self.reference, db)

    def __reduce__(self) -> Any:
        return (rebuild, (type(self), self.__dict__.copy()))


def rebuild(cls: type, state: dict[str, Any]) -> Any:
    """A strategy of a class with its attributes, from a pickle."""
    strategy: Any = object.__new__(cls)
    strategy.__dict__.update(state)
    return strategy


class MomentumStrategy(NativeStrategy):
    """Buys what rose by more than a threshold, sells what fell by more.

    Parameters
    ----------
    lookback : int
        Own bars of the window, the current one included.
    threshold : float
        Return over the window, as a fraction.
    """

    def __init__(self, lookback: int = 20, threshold: float = 0.10) -> None:
        super().__init__("momentum", {"lookback": lookback, "threshold": threshold})


class MeanReversionStrategy(NativeStrategy):
    """Buys what is far below its mean, sells what is far above.

    Parameters
    ----------
    lookback : int
        Own bars of the window.
    z_threshold : float
        Distance from the mean in standard deviations.
    """

    def __init__(self, lookback: int = 20, z_threshold: float = 2.0) -> None:
        super().__init__("mean_reversion", {"lookback": lookback, "z_threshold": z_threshold})


class SectorRotationStrategy(NativeStrategy):
    """Moves from the worst sector to the best.

    Parameters
    ----------
    lookback : int
        Own bars of the window.
    rotation_freq : int
        It acts at every so many bars that it is asked.
    """

    def __init__(self, lookback: int = 60, rotation_freq: int = 5) -> None:
        super().__init__("sector_rotation", {"lookback": lookback, "rotation_freq": rotation_freq})


class PortfolioBetaStrategy(NativeStrategy):
    """Reduces what has a beta above the target, increases what is below.

    Parameters
    ----------
    target_beta : float
        The beta to aim at.
    lookback : int
        Returns of the window.
    band : float
        Distance from the target that is left alone.
    """

    def __init__(self, target_beta: float = 1.0, lookback: int = 60, band: float = 0.2) -> None:
        super().__init__("portfolio_beta", {"target_beta": target_beta, "lookback": lookback, "band": band})


class SignalsStrategy(NativeStrategy):
    """Ready signals of a data frame.

    Parameters
    ----------
    frame : pandas.DataFrame, polars.DataFrame, pyarrow.Table or mapping of arrays
        Columns timestamp and symbol, and any of action, strength, score, target_position, signal_type, reason.
    name : str
        What the strategy is called.
    """

    def __init__(self, frame: Any, name: str = "signals") -> None:
        super().__init__(name)
        self._native = strategy_of_frame(frame, name)
        self._frame = frame

    def native(self, db: str | None = None) -> _native.Strategy:
        """The strategy of the C library."""
        return self._native

    def __reduce__(self) -> Any:
        return (type(self), (self._frame, self.name))


def strategy_of_frame(frame: Any, name: str) -> _native.Strategy:
    """Ready signals of a frame as a strategy of the C library."""
    columns = Columns(frame, f"signals of {name}")
    times = columns.times_us(columns.need(TIME_NAMES))
    names, codes = columns.codes(columns.need(SYMBOL_NAMES))
    symbols = [names[code] for code in codes.tolist()]

    def texts(*names: str) -> list[str | None] | None:
        found = columns.find(names)
        if found is None:
            return None
        values = to_list(columns.series(found))
        return [
            None if gone else str(getattr(v, "value", v))
            for v, gone in zip(values, pd.isna(np.array(values, dtype=object)))
        ]

    def floats(*names: str) -> Any:
        found = columns.find(names)
        return None if found is None else columns.floats(found)

    actions, strengths, scores = texts("action", "side"), floats("strength"), floats("score")
    if strengths is not None:  # as where there is no such column
        strengths = np.where(np.isnan(strengths), 1.0, strengths)
    targets, types, reasons = (
        floats("target_position", "target_position_pct", "weight"),
        texts("signal_type"),
        texts("reason"),
    )
    digest = hashlib.sha256(np.ascontiguousarray(times).tobytes())
    for part in (symbols, actions, types, reasons):
        digest.update(json.dumps(part).encode())
    for array in (strengths, scores, targets):
        digest.update(b"-" if array is None else array.tobytes())
    return _native.strategy_of_signals(
        name,
        f"python:{name}#{digest.hexdigest()[:12]}",
        times,
        symbols,
        actions,
        strengths,
        scores,
        targets,
        types,
        reasons,
    )


BUILT_IN: dict[str, type[NativeStrategy]] = {
    "momentum": MomentumStrategy,
    "mean_reversion": MeanReversionStrategy,
    "sector_rotation": SectorRotationStrategy,
    "portfolio_beta": PortfolioBetaStrategy,
    "beta": PortfolioBetaStrategy,
}


def strategy(name: str, **parameters: Any) -> NativeStrategy:
    """A strategy by its name.

    Parameters
    ----------
    name : str
        "momentum", "mean_reversion", "sector_rotation", "portfolio_beta" (or "beta"), "rule:FILE.yaml", "plugin:FILE.so",
        "signals:SOURCE".
    **parameters
        Its parameters.

    Returns
    -------
    NativeStrategy
        The strategy. A name that does not exist is an error when it is run, a built-in one's parameter at once.
    """
    cls = BUILT_IN.get(name)
    if cls is not None:
        known = inspect.signature(cls).parameters
        unknown = [key for key in parameters if key not in known]
        if unknown:
            raise ConfigError(f"{name} has no parameter '{unknown[0]}'; it has {', '.join(known)}")
        return cls(**parameters)
    return NativeStrategy(name, parameters)


def as_strategy(given: str | BaseStrategy | Any) -> Any:
    """What was given as a strategy, as an object."""
    if isinstance(given, str):
        return strategy(given)
    if isinstance(given, type):
        raise ArgumentTypeError(f"{given.__name__} is a class; give an instance: {given.__name__}()")
    if isinstance(given, NativeStrategy) or any(callable(getattr(given, name, None)) for name in METHODS):
        return given
    raise ArgumentTypeError(f"expected a strategy or the name of one, not {type(given).__name__}")


def params_as_texts(parameters: Mapping[str, Any]) -> dict[str, str]:
    """Parameters as a configuration has them."""
    return {name: text_of(value) for name, value in parameters.items()}


def text_of(value: Any) -> str:
    """A value as a configuration has it."""
    if isinstance(value, (bool, np.bool_)):
        return "true" if value else "false"
    if isinstance(value, (float, np.floating)):
        return repr(float(value))
    if isinstance(value, np.integer):
        return str(int(value))
    return str(value)


SOURCES: weakref.WeakKeyDictionary[type, str] = weakref.WeakKeyDictionary()


def source_of(cls: type) -> str:
    """The text of a class; empty where there is none, as at a prompt. It takes long to find."""
    if cls not in SOURCES:
        try:
            SOURCES[cls] = inspect.getsource(cls)
        except (OSError, TypeError):
            SOURCES[cls] = ""
    return SOURCES[cls]


def reference_of(given: Any) -> str:
    """What tells a strategy in Python from others: its class, its code, and what it was given beside numeric parameters.

    Attributes count as they are when a run begins, except those that begin with "_": what a strategy remembers of a run.
    """
    cls = type(given)
    digest = hashlib.sha256(source_of(cls).encode())
    parameters = getattr(given, "parameters", None) or {}
    others = {k: v for k, v in parameters.items() if not isinstance(v, (int, float, np.integer, np.floating))}
    own = {k: v for k, v in getattr(given, "__dict__", {}).items() if not k.startswith("_")}
    own.pop("parameters", None)
    own.pop("name", None)
    for part in (others, own):
        add_value(digest, part)
    return f"python:{cls.__module__}.{cls.__qualname__}#{digest.hexdigest()[:12]}"


def add_value(digest: Any, value: Any) -> None:
    """Adds a value to a digest: plain ones and their containers by what they are, others as they are pickled."""
    digest.update(f"{type(value).__name__}(".encode())
    if value is None or isinstance(value, (bool, int, float, complex, str, Enum, np.generic)):
        digest.update(repr(value).encode())
    elif isinstance(value, Mapping):
        for key in sorted(value, key=repr):
            add_value(digest, key)
            add_value(digest, value[key])
    elif isinstance(value, (list, tuple)):
        for item in value:
            add_value(digest, item)
    elif isinstance(value, (set, frozenset)):
        for item in sorted(value, key=repr):
            add_value(digest, item)
    else:
        digest.update(pickled(value))
    digest.update(b")")


def pickled(value: Any) -> bytes:
    """A value as bytes; of one that cannot be pickled, such as a function or a connection, its name."""
    try:
        return pickle.dumps(value, protocol=4)
    except Exception:  # whatever the value's own methods raise
        return str(getattr(value, "__qualname__", type(value).__qualname__)).encode()
