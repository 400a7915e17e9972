"""Makes a database of synthetic minute bars: DB SYMBOLS BARS [FILES]. The same arguments make the same prices.

Each symbol is a slow wave with noise; what matters is how many there are, not what they do.
"""

import pathlib
import sys

import numpy
import pyarrow
import pyarrow.parquet

ROWS_AT_A_TIME = 5_000_000


def main():
    folder, n_symbols, n_bars = pathlib.Path(sys.argv[1]) / "prices", int(sys.argv[2]), int(sys.argv[3])
    n_files = int(sys.argv[4]) if len(sys.argv) > 4 else max(1, n_symbols * n_bars // ROWS_AT_A_TIME)
    folder.mkdir(parents=True, exist_ok=True)
    names = pyarrow.array([f"S{s:04d}" for s in range(n_symbols)])
    symbols = numpy.arange(n_symbols)
    random = numpy.random.default_rng(1)
    for number, bars in enumerate(numpy.array_split(numpy.arange(n_bars), n_files)):
        shape = (len(bars), n_symbols)
        wave = numpy.sin(bars[:, None] / 3000.0 * (1 + symbols / 50.0) + symbols)
        price = 100 * numpy.exp(0.5 * wave + 0.002 * random.random(shape))
        part = random.random(shape)
        times = numpy.datetime64("2015-01-01", "us") + bars.astype("timedelta64[m]")
        table = pyarrow.table({
            "timestamp": numpy.repeat(times, n_symbols),
            "symbol": pyarrow.DictionaryArray.from_arrays(numpy.tile(symbols.astype("int32"), len(bars)), names),
            "open_price": price.ravel(),
            "high_price": (price * (1 + 0.001 * part)).ravel(),
            "low_price": (price * (1 - 0.001 * part)).ravel(),
            "close_price": (price * (1 + 0.0005 * (2 * part - 1))).ravel(),
            "volume": (1000 + 100000 * part).astype("int64").ravel(),
        })
        pyarrow.parquet.write_table(table, folder / f"{number:04d}.parquet", compression="snappy")


if __name__ == "__main__":
    main()
