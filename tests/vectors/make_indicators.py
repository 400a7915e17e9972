"""Make indicators.h: bars of a random walk, and what TA-Lib and pandas make of them.

    .venv/bin/python tests/vectors/make_indicators.py > tests/vectors/indicators.h && tools/format

Nothing of Assay takes part: the definitions are those of tests/python/test_indicators.py, on other data, put together from
TA-Lib 0.8.2 and pandas 2.3.3.
"""

import sys
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "python"))

import test_indicators as definitions  # noqa: E402

N_ROWS = 90
COLUMNS = ("open", "high", "low", "close", "volume", "x", "y")
NUMBERS = {
    "zscore": (20, 1e-6),
    "quantile": (20, 0.25),
    "macd": (12, 26),
    "macd_signal": (12, 26, 9),
    "macd_histogram": (12, 26, 9),
    "ppo": (12, 26),
    "stoch_k": (5, 3),
    "stoch_d": (5, 3, 3),
    "ultosc": (7, 14, 28),
    "adosc": (3, 10),
    **{name: (20, 2.0) for name in ("bb_upper", "bb_middle", "bb_lower", "bb_width", "bb_pct")},
    **{name: () for name in ("typical_price", "trange", "bop", "obv", "ad")},
}


def row(values):
    return "{" + ", ".join("NAN_VALUE" if np.isnan(value) else repr(float(value)) for value in values) + "},"


def main():
    market = {name: np.ascontiguousarray(column[:N_ROWS, 0]) for name, column in definitions.random_market(11).items()}
    print("/* Made by make_indicators.py with TA-Lib 0.8.2 and pandas 2.3.3; nothing of Assay took part. */")
    print('#include "base/number.h"\n')
    print(f"#define NAN_VALUE ASSAY_NAN\nenum {{ VECTOR_ROWS = {N_ROWS} }};\n")
    print(f"/* {', '.join(COLUMNS)} */\nstatic const double vector_input[][VECTOR_ROWS] = {{")
    for name in COLUMNS:
        print(row(market[name]))
    print("};\n")
    print("typedef struct vector {\n const char *name;\n double number[4];\n double value[VECTOR_ROWS];\n} vector;\n")
    print("static const vector vectors[] = {")
    for name, expected in definitions.EXPECTED.items():
        numbers = NUMBERS.get(name, (14,))
        values = np.asarray(expected(market, *numbers), dtype=float)
        print(f'{{"{name}", {{{", ".join(repr(float(n)) for n in numbers) or "0"}}}, {row(values)[:-1]}}},')
    print("};\n\n#undef NAN_VALUE")


if __name__ == "__main__":
    main()
