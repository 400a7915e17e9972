"""Damaged files of every dialect into `assay import`: any answer but a crash, and nothing stored is harmed.

Bytes are changed, cut out, doubled and put in, in good files of each dialect; the same seeds make the same files. Under the
sanitizers (asan_long) a finding is a crash, too.
"""

import gzip
import os
import random

import pytest

pytestmark = pytest.mark.cli_long

GOOD = {
    "long": b"timestamp,symbol,open,high,low,close,volume\n2024-01-02,A,1,2,0.5,1.5,100\n2024-01-03,A,1.5,2,1,1.75,200\n",
    "yahoo": b"Date,Open,High,Low,Close,Adj Close,Volume\n2024-01-02,1,2,0.5,1.5,1.5,100\n2024-01-03,1.5,2,1,1.75,1.7,200\n",
    "german": b"Date;Symbol;Close;Volume\n02.01.2024;A;1.234,50;1.000\n03.01.2024;A;1.240,75;2.000\n",
    "stooq": b"<TICKER>,<PER>,<DATE>,<TIME>,<OPEN>,<HIGH>,<LOW>,<CLOSE>,<VOL>,<OPENINT>\nA.US,D,20240102,000000,1,2,0.5,1.5,100,0\n",
    "wide": b"Date,AAPL US Equity,VOD LN Equity\n2024-01-02,1.5,2.5\n2024-01-03,1.6,\n",
    "two headers": b",AAPL,AAPL,MSFT,MSFT\nDate,Open,Close,Open,Close\n2024-01-02,1,2,3,4\n2024-01-03,1,2,3,4\n",
    "epoch": b'timestamp,symbol,close\n1704153600,"A, B",1.5\n1704240000,"A ""B""",2.5\n',
    "zones": "\ufefftimestamp\tsymbol\tclose\r\n2024-01-02T09:30:00-05:00\tÄ\t1\r\n2024-01-03 09:31:00-05:00\tÄ\t2\r\n".encode(),
    "utf16": "date,symbol,close\n2024-01-02,A,1\n2024-01-03,A,2\n".encode("utf-16"),
    "gzip": gzip.compress(b"date,symbol,close\n2024-01-02,A,1\n", mtime=0),
}
PIECES = [
    b",",
    b";",
    b"\t",
    b'"',
    b"\n",
    b"\r",
    b"\0",
    b"\xff\xfe",
    b"-",
    b".",
    b"1e309",
    b"NaN",
    b"9" * 40,
    b"31/02/2024",
    b"\xef\xbb\xbf",
    b"%",
    b"'",
]


def damaged(good, rng):
    text = bytearray(good)
    for _ in range(rng.randint(1, 8)):
        at, kind = rng.randrange(len(text) + 1), rng.random()
        if kind < 0.35 and at < len(text):
            text[at] = rng.randrange(256)
        elif kind < 0.6:
            text[at:at] = rng.choice(PIECES)
        elif kind < 0.75:
            del text[at : at + rng.randint(1, 12)]
        elif kind < 0.9:
            text[at:at] = text[at : at + rng.randint(1, 30)]
        else:
            del text[at:]
    return bytes(text)


def try_inputs(assay, tmp_path, dialect, seeds):
    ending = ".csv.gz" if dialect == "gzip" else ".csv"
    for seed in seeds:
        rng = random.Random(f"{dialect} {seed}")
        path = tmp_path / f"damaged{ending}"
        path.write_bytes(damaged(GOOD[dialect], rng))
        done = assay(
            "import",
            path,
            "--db",
            tmp_path / "db",
            *(["--dry-run"] if seed % 2 else []),
            code=None,
            timeout=60,
        )
        assert done.returncode in (0, 1, 2), (
            f"{dialect} {seed}: {done.returncode}\n{path.read_bytes()!r}\n{done.stderr}"
        )
        assert "AddressSanitizer" not in done.stderr and "runtime error" not in done.stderr, done.stderr
        if done.returncode != 0:
            assert done.stderr.startswith("assay: "), (seed, path.read_bytes(), done.stderr)


@pytest.mark.parametrize("dialect", GOOD)
def test_good_files_are_read(assay, tmp_path, dialect):
    ending = ".csv.gz" if dialect == "gzip" else ".csv"
    (tmp_path / f"good{ending}").write_bytes(GOOD[dialect])
    assay("import", tmp_path / f"good{ending}", "--db", tmp_path / "db")


@pytest.mark.parametrize("dialect", GOOD)
def test_damaged_files_never_crash(assay, tmp_path, dialect):
    try_inputs(assay, tmp_path, dialect, range(8))


@pytest.mark.long
@pytest.mark.parametrize("dialect", GOOD)
def test_many_damaged_files_never_crash(assay, tmp_path, dialect, request):
    if "long" not in request.config.getoption("markexpr") and not os.environ.get("ASSAY_LONG"):
        pytest.skip("long: choose it with -m long or ASSAY_LONG=1")
    try_inputs(assay, tmp_path, dialect, range(8, 110))
