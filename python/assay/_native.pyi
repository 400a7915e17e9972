from typing import Any, Callable

version: str

class Memory: ...

class Panel:
    n_bars: int
    symbols: tuple[str, ...]
    timestamps: Any
    bar_ends: bytes
    fingerprint: str
    has_events: bool
    events: list[tuple[int, int, float, float]]
    def set_sectors(self, sectors: list[str | None], /) -> None: ...
    def set_benchmark(self, panel: Panel, symbol: str, /) -> None: ...
    def add_column(self, name: str, values: Any, /) -> None: ...
    def row_block(self, column: int, /) -> bytes: ...

class Strategy:
    name: str
    reference: str
    params: list[dict[str, Any]]
    columns: list[str]
    needs_sectors: bool

class View:
    timestamp_us: int
    known_until_us: int
    symbols: tuple[str, ...]
    open: Any
    high: Any
    low: Any
    close: Any
    volume: Any
    cash: float
    equity: float
    times_asked: int
    positions: Any
    bars_held: Any
    unrealised_return: Any
    own_bars: Any
    in_universe: Any
    sectors: list[str | None]
    def feature(self, name: Any, /) -> Any: ...
    def index(self, symbol: Any, /) -> int: ...
    def _history(self, column: int, n: int, /) -> Any: ...
    def _emit(
        self,
        symbol: Any,
        kind: tuple[int, str, str, int, str],
        value: float,
        score: float,
        strength: float,
        target_position: float,
        /,
    ) -> None: ...
    def _emit_rows(
        self, symbols: Any, kind: tuple[int, str, str, int, str], scores: Any, strengths: Any, targets: Any, /
    ) -> None: ...

class History:
    def update(self, view: View, /) -> int: ...
    def prices(self) -> Memory: ...
    def times(self) -> Any: ...
    def codes(self) -> Any: ...

class Run:
    symbols: tuple[str, ...]
    timestamps: Any
    metrics: dict[str, float]
    run_id: str
    strategy: str
    config_json: str
    parameters_json: str
    duration_ms: int
    frequency: str
    fingerprint: str
    warnings: list[tuple[str, str]]
    kinds: list[str]
    strategies: list[dict[str, Any]]
    def records(self, name: str, /) -> Any: ...
    def strategy_name(self, number: int, /) -> str: ...
    def reasons(self, signals: Any, /) -> list[str]: ...
    def setting(self, name: str, /) -> str: ...
    def positions(self, symbols: Any, quantity: Any, value: Any, /) -> None: ...
    def document(self, is_page: bool, /) -> str: ...
    def save(self, db: str, run_id: str, /) -> None: ...

Members = list[tuple[Any, dict[str, str]]]

def build_panel(
    names: list[str],
    symbols: Any,
    timestamps: Any,
    open: Any,
    high: Any,
    low: Any,
    close: Any,
    volume: Any,
    dividend: Any,
    split_ratio: Any,
    version: Any,
    on_bad_data: int = ...,
    signal_prices: int = ...,
    fill_gap_bars: int = ...,
) -> tuple[Panel, dict[str, int]]: ...
def resample_panel(panel: Panel, settings: dict[str, str], /) -> Panel | None: ...
def codes(objects: Any, codes: Any, /) -> list[str]: ...
def window(array: Any, n: int, /) -> Any: ...
def run(
    panel: Panel,
    members: Members,
    settings: dict[str, str],
    symbols: list[str],
    sectors: list[str],
    frequency: str,
) -> Run: ...
def run_database(
    db: str,
    members: Members,
    settings: dict[str, str],
    symbols: list[str],
    sectors: list[str],
    frequency: str | None,
    n_threads: int,
) -> Run: ...
def verify(
    panel: Panel | None,
    db: str | None,
    members: Members,
    settings: dict[str, str],
    symbols: list[str],
    sectors: list[str],
    frequency: str | None,
    make_members: Callable[[Any], Members] | None,
    cuts: int,
    seed: int,
    threads: int,
) -> dict[str, Any]: ...
def open_strategy(reference: str, db: str | None = ...) -> Strategy: ...
def strategy_of_signals(
    name: str,
    reference: str | None,
    timestamps: Any,
    symbol: list[str],
    action: list[str | None] | None,
    strength: Any,
    score: Any,
    target: Any,
    signal_type: list[str | None] | None,
    reason: list[str | None] | None,
) -> Strategy: ...
def columns(definition: Any) -> list[str]: ...
def settings() -> list[dict[str, Any]]: ...
def strategies() -> list[dict[str, Any]]: ...
def metrics() -> list[dict[str, str]]: ...
def record_fields(name: str, /) -> dict[str, Any]: ...
def enum_names(name: str, /) -> list[str]: ...
def frequency_name(text: str, /) -> str: ...
