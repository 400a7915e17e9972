"""assay report: documents whose parts sum to the whole, and the page, looked at in a browser.

The browser is Debian's Chromium (CHROMIUM names another), driven by playwright; accessibility is judged by axe-core.
"""

import json
import os
import random
import shutil
from pathlib import Path

import duckdb
import numpy as np
import pytest

HOSTILE = '</script><img src=x onerror="document.title=1">'
CHROMIUM = (
    os.environ.get("CHROMIUM")
    or shutil.which("chromium")
    or shutil.which("chromium-browser")
    or shutil.which("google-chrome")
)


@pytest.fixture(scope="module")
def stored(assay_bin, tmp_path_factory):
    """A database with runs, a sweep, sectors, and a symbol and a reason with markup in their names."""
    import subprocess

    folder = tmp_path_factory.mktemp("report")
    db = folder / "db"

    def run(*args):
        done = subprocess.run([assay_bin, *map(str, args)], cwd=folder, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
        return done.stdout

    run("sample", "--db", db, "--symbols", 30, "--days", 900, "--seed", 11)
    rows = ["timestamp,symbol,open,high,low,close,volume"]
    price, rng = 100.0, random.Random(5)
    days = duckdb.execute(
        f"SELECT DISTINCT timestamp::DATE FROM read_parquet('{db}/prices/**/*.parquet') ORDER BY 1"
    ).fetchall()
    for (day,) in days:
        price *= 1 + rng.gauss(0.004, 0.02)
        rows.append(
            f'{day},"{HOSTILE.replace(chr(34), chr(34) * 2)}",{price},{price * 1.01},{price * 0.99},{price},1000000'
        )
    (folder / "hostile.csv").write_text("\n".join(rows) + "\n")
    run("import", folder / "hostile.csv", "--db", db)
    run("run", "momentum", "--db", db, "--run-id", "m", "--set", "threshold=0.05")
    run("run", "mean_reversion", "--db", db, "--run-id", "r")
    run(
        "optimize",
        "momentum",
        "--db",
        db,
        "--axis",
        "lookback=5:30:5",
        "--axis",
        "threshold=0.02:0.1:0.02",
        "--sweep-id",
        "s",
    )
    walk = ["--axis", "lookback=5,20", "--train", 400, "--test", 200, "--run-id", "w"]
    run("walkforward", "momentum", "--db", db, *walk, "--set", "threshold=0.05")
    return run, db, folder


def document(stored, *ids):
    run, db, folder = stored
    return json.loads(run("report", *ids, "--db", db, "--format", "json", "--out", "-"))


# --- documents ---


def check_identities(d):
    """What must be so in every run's document."""
    total = d["attribution"]["total_pnl"]
    scale = max(abs(total), d["initial_capital"])
    for part in ("symbol", "sector", "strategy"):
        assert sum(row["pnl"] for row in d["attribution"][part]) == pytest.approx(total, abs=1e-9 * scale), (
            part
        )
        (rounding,) = [row["pnl"] for row in d["attribution"][part] if row["name"] == "rounding"]
        assert abs(rounding) <= 1e-9 * scale, part
    interest = sum(row["money"] for row in d["costs"] if row["name"] in ("interest", "borrow fees"))
    for name, rows in d["groups"].items():
        assert sum(row["pnl"] for row in rows) + interest == pytest.approx(total, abs=1e-9 * scale), name
        assert sum(row["n_trades"] + row["n_open"] for row in rows) == d["trades"]["n"], name
    brinson = d["attribution"].get("brinson")
    if brinson:
        active = brinson["active_pct"]
        effects = sum(brinson[k] for k in ("allocation_pct", "selection_pct", "interaction_pct", "costs_pct"))
        assert effects == pytest.approx(active, abs=1e-9 * max(100, abs(active)))
        for k in ("allocation_pct", "selection_pct", "interaction_pct"):
            assert sum(row[k] for row in brinson["rows"]) == pytest.approx(brinson[k], abs=1e-7)
        total_return = next(m["value"] for m in d["metrics"] if m["name"] == "total_return_pct")
        assert brinson["portfolio_return_pct"] == pytest.approx(
            total_return, abs=1e-7 * max(1, abs(total_return))
        )
        benchmark = next(m["value"] for m in d["metrics"] if m["name"] == "benchmark_return_pct")
        if d["benchmark"]["name"] == "equal-weight market":
            assert brinson["benchmark_return_pct"] == pytest.approx(benchmark, rel=1e-9)
    equity = d["bars"]["equity"]
    assert len(equity) == d["n_bars"] == len(d["bars"]["date"])
    growth = 1.0
    for year in d["periods"]["year"]:
        growth *= 1 + year["return_pct"] / 100
    if min(equity) > 0:  # after ruin returns are 0, whatever the equity does
        assert growth * d["initial_capital"] == pytest.approx(equity[-1], rel=1e-4)  # years have six digits


@pytest.mark.cli_long
def test_parts_sum_to_the_whole(stored):
    for run_id in ("m", "r"):
        check_identities(document(stored, run_id))


def test_metrics_are_those_that_are_stored(stored):
    run, db, _ = stored
    rows = duckdb.execute(
        f"SELECT metric, value FROM read_parquet('{db}/backtest_results/**/m.parquet')"
    ).fetchall()
    said = {m["name"]: m["value"] for m in document(stored, "m")["metrics"]}
    for name, value in rows:
        assert said[name] == value or (said[name] is None and value != value) or abs(value) == float("inf"), (
            name
        )


def test_costs_are_those_of_the_fills(stored):
    run, db, _ = stored
    commission, slippage = duckdb.execute(
        f"SELECT sum(commission), sum(slippage) FROM read_parquet('{db}/backtest_fills/**/m.parquet')"
    ).fetchone()
    costs = {row["name"]: row["money"] for row in document(stored, "m")["costs"]}
    assert costs["commission"] == pytest.approx(-commission, rel=1e-12)
    assert costs["slippage"] == pytest.approx(-slippage, rel=1e-12)


def random_run(rng, strategies=("momentum", "mean_reversion", "sector_rotation", "portfolio_beta")):
    strategy = rng.choice(strategies)
    settings = {
        "max_position_pct": rng.choice([0.05, 0.1, 0.5, 1]),
        "commission_pct": rng.choice([0, 0.001, 0.02]),
        "slippage_bps": rng.choice([0, 5, 50]),
        "cash_interest_pct": rng.choice([0, 0.03]),
        "borrow_fee_pct": rng.choice([0, 0.02]),
        "fill": rng.choice(["next_open", "next_close", "close"]),
        "lot_size": rng.choice([0, 1]),
        "allow_short": rng.choice(["true", "false"]),
    }
    return strategy, [x for k, v in settings.items() for x in ("--set", f"{k}={v}")]


def try_random_runs(assay, tmp_path, seeds):
    for seed in seeds:
        rng = random.Random(seed)
        db = tmp_path / f"db{seed % 8}"
        if not db.exists():
            assay("sample", "--db", db, "--symbols", 12, "--days", 300, "--seed", seed % 8 + 1)
        strategy, settings = random_run(rng)
        assay("run", strategy, "--db", db, "--run-id", "x", *settings)
        done = assay("report", "x", "--db", db, "--format", "json", "--out", "-")
        check_identities(json.loads(done.stdout))


@pytest.mark.cli_long
def test_identities_on_random_runs(assay, tmp_path):
    try_random_runs(assay, tmp_path, range(6))


@pytest.mark.long
def test_identities_on_200_random_runs(assay, tmp_path):
    try_random_runs(assay, tmp_path, range(6, 206))


def test_factors_are_those_of_numpy(stored, assay, tmp_path):
    run, db, _ = stored
    d = document(stored, "m")
    rng = np.random.default_rng(3)
    equity = np.array([d["initial_capital"], *d["bars"]["equity"]])
    r = equity[1:] / equity[:-1] - 1
    factors = np.column_stack([r * 0.5 + rng.normal(0, 0.01, len(r)), rng.normal(0, 0.01, len(r))])
    lines = ["date,alike,noise"]
    for i, (day, (a, b)) in enumerate(zip(d["bars"]["date"], factors.tolist())):
        lines.append(f"{day},{a!r}," + ("" if i == 5 else repr(b)))
    path = tmp_path / "factors.csv"
    path.write_text("\n".join(lines) + "\n")
    said = json.loads(
        assay("report", "m", "--db", db, "--factors", path, "--format", "json", "--out", "-").stdout
    )["attribution"]["factors"]
    keep = np.arange(len(r)) != 5
    x, y = np.column_stack([np.ones(len(r)), factors])[keep], r[keep]
    coefficients, residual, _, _ = np.linalg.lstsq(x, y, rcond=None)
    errors = np.sqrt(residual[0] / (len(y) - 3) * np.diag(np.linalg.inv(x.T @ x)))
    assert said["n"] == len(y) and [row["factor"] for row in said["rows"]] == ["alpha", "alike", "noise"]
    # Equity has nine digits in the document.
    assert [row["coefficient"] for row in said["rows"]] == pytest.approx(coefficients, rel=1e-4, abs=1e-8)
    assert [row["std_error"] for row in said["rows"]] == pytest.approx(errors, rel=1e-4)
    assert said["r_squared"] == pytest.approx(1 - residual[0] / ((y - y.mean()) ** 2).sum(), rel=1e-5)
    assert sum(row["contribution_pct"] for row in said["rows"]) == pytest.approx(said["mean_pct"], rel=1e-9)
    for text, what in (
        ("date,a\n2015-01-02,x\n", "factors.csv:2"),
        ("", "is empty"),
        ("date\n", "name a column"),
        ("date,a\nsoon,1\n", "no date"),
        ("date,a\n2016-01-04,1\n", "needs 3 bars"),
    ):
        path.write_text(text)
        assert what in assay("report", "m", "--db", db, "--factors", path, code=1).stderr


@pytest.mark.cli_long
@pytest.mark.parametrize("strategy", ["momentum", "mean_reversion", "portfolio_beta"])
def test_without_costs_the_sectors_explain_everything(assay, tmp_path, strategy):
    """Splits, dividends, delistings, shorts: what positions make is what the equity makes, bar by bar."""
    db = tmp_path / "db"
    assay("sample", "--db", db, "--symbols", 60, "--days", 1200, "--seed", 21)
    assay(
        "run",
        strategy,
        "--db",
        db,
        "--run-id",
        "free",
        "--set",
        "commission_pct=0",
        "--set",
        "allow_short=true",
    )
    splits = duckdb.execute(
        f"""SELECT count(*) FROM read_parquet('{db}/corporate_actions/**/*.parquet') a JOIN
            read_parquet('{db}/backtest_trades/**/free.parquet') t ON a.symbol = t.symbol AND a.split_ratio <> 1
            AND a.ex_date > t.entry_date AND a.ex_date < coalesce(t.exit_date, a.ex_date + INTERVAL 1 DAY)"""
    ).fetchone()[0]
    assert splits > 0, "no position went through a split"
    brinson = json.loads(assay("report", "free", "--db", db, "--format", "json", "--out", "-").stdout)[
        "attribution"
    ]["brinson"]
    assert abs(brinson["costs_pct"]) < 1e-8 * max(100, abs(brinson["active_pct"]))


def test_what_cannot_be_reported(stored, assay):
    run, db, folder = stored
    done = assay("report", "nothing", "--db", db, code=1)
    assert "there is no run 'nothing'" in done.stderr
    assert "s is a sweep" in assay("report", "s", "m", "--db", db, code=None).stderr
    assay("report", "--all", "m", "--db", db, code=2)
    assay("report", "--db", db, code=2)
    done = assay("report", "m", "--db", db, "--out", "/nowhere/at/all.html", code=1)
    assert "cannot write /nowhere/at/all.html" in done.stderr
    done = assay(
        "report",
        "m",
        "--db",
        db,
        "--format",
        "pdf",
        "--out",
        "x.pdf",
        env={"PATH": "/nonexistent", "CHROMIUM": ""},
        code=1,
    )
    assert "no Chromium" in done.stderr and not list(Path(folder).glob("*.part*"))


def test_look_ahead_is_said(stored, assay):
    run, db, _ = stored
    said = json.loads(assay("report", "m", "--db", db, "--verify", "--format", "json", "--out", "-").stdout)[
        "warnings"
    ]
    assert [w["level"] for w in said if w["name"] == "look_ahead"] == ["good"]
    assert [w["level"] for w in document(stored, "m")["warnings"] if w["name"] == "look_ahead"] == ["note"]


def test_changed_data_are_said(stored, assay, tmp_path):
    run, db, _ = stored
    copy = tmp_path / "db"
    shutil.copytree(db, copy)
    day = duckdb.execute(
        f"SELECT max(timestamp)::DATE FROM read_parquet('{copy}/prices/**/*.parquet')"
    ).fetchone()[0]
    (tmp_path / "new.csv").write_text(
        f"timestamp,symbol,open,high,low,close,volume\n{day},S000,1,2,0.5,1.5,100\n"
    )
    assay("import", tmp_path / "new.csv", "--db", copy)
    done = assay("report", "m", "--db", copy, "--format", "json", "--out", "-")
    assert "data_changed" in [w["name"] for w in json.loads(done.stdout)["warnings"]]
    assert "data_changed" not in [w["name"] for w in document(stored, "m")["warnings"]]


def test_bars_after_the_run_are_not_in_its_tearsheet(stored, assay, tmp_path):
    run, db, _ = stored
    copy = tmp_path / "db"
    shutil.copytree(db, copy)
    prices = f"read_parquet('{copy}/prices/**/*.parquet')"
    last = duckdb.execute(
        f"SELECT max(timestamp)::DATE + 1, max_by(symbol, timestamp), max_by(close_price, timestamp) FROM {prices}"
    ).fetchone()
    day, symbol, close = last
    (tmp_path / "new.csv").write_text(
        f"timestamp,symbol,close\n{day},{json.dumps(symbol).replace(chr(92) + chr(34), chr(34) * 2)},{close}\n"
    )
    assay("import", tmp_path / "new.csv", "--db", copy)
    now = json.loads(assay("report", "m", "--db", copy, "--format", "json", "--out", "-").stdout)
    assert now == document(stored, "m")


# --- the page ---


@pytest.fixture(scope="module")
def browser():
    if CHROMIUM is None:
        pytest.skip("no Chromium to look at pages with (Debian's package chromium)")
    playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    with playwright.sync_playwright() as p:
        browser = p.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield browser
        browser.close()


@pytest.fixture(scope="module")
def pages(stored):
    run, db, folder = stored
    run("report", "m", "--db", db, "--out", folder / "m.html")
    run("report", "m", "r", "--db", db, "--out", folder / "both.html")
    run("report", "s", "--db", db, "--out", folder / "sweep.html")
    run("report", "w", "--db", db, "--out", folder / "w.html")
    run("report", "--all", "--db", db, "--out", folder / "all")
    return {
        "run": folder / "m.html",
        "comparison": folder / "both.html",
        "sweep": folder / "sweep.html",
        "walk": folder / "w.html",
        "index": folder / "all" / "index.html",
    }


def look(browser, path, width=1280, scheme="light"):
    context = browser.new_context(viewport={"width": width, "height": 900}, color_scheme=scheme, offline=True)
    page = context.new_page()
    page.said = []
    page.on(
        "console",
        lambda message: page.said.append(message.text) if message.type in ("error", "warning") else None,
    )
    page.on("pageerror", lambda error: page.said.append(str(error)))
    page.goto(path.as_uri())
    page.wait_for_selector("h1")
    return page


def axe(page):
    import axe_playwright_python

    page.add_script_tag(
        content=(Path(axe_playwright_python.__file__).parent / "axe.min.js").read_text(encoding="utf-8")
    )
    found = page.evaluate("axe.run()")
    assert len(found["passes"]) > 10
    return [(v["id"], v["nodes"][0]["html"][:200]) for v in found["violations"]]


@pytest.mark.parametrize(
    "kind, width, scheme",
    [
        ("run", 390, "dark"),
        ("comparison", 1280, "light"),
        ("sweep", 1280, "light"),
        ("walk", 390, "dark"),
        ("index", 390, "dark"),
        pytest.param("run", 1280, "light", marks=pytest.mark.long),
        pytest.param("comparison", 390, "dark", marks=pytest.mark.long),
        pytest.param("sweep", 390, "dark", marks=pytest.mark.long),
        pytest.param("walk", 1280, "light", marks=pytest.mark.long),
        pytest.param("index", 1280, "light", marks=pytest.mark.long),
    ],
)
def test_page_is_accessible_and_silent(browser, pages, kind, width, scheme):
    page = look(browser, pages[kind], width, scheme)
    page.evaluate("paintAll()")
    assert axe(page) == []
    assert page.said == []
    assert page.evaluate("document.documentElement.scrollWidth") == width  # nothing sticks out
    page.context.close()


def test_page_can_be_used(browser, pages):
    page = look(browser, pages["run"])
    # theme
    assert page.evaluate("document.documentElement.dataset.theme") == "light"
    page.click("#theme"), page.click("#theme")
    assert page.evaluate("document.documentElement.dataset.theme") == "dark"
    # equity: logarithmic, and zoomed
    page.click("text=Logarithmic")
    option = "charts[0].instance.getOption()"
    assert page.evaluate(f"{option}.yAxis[0].type") == "log"
    page.evaluate("charts[0].instance.dispatchAction({type: 'dataZoom', start: 40, end: 60})")
    assert page.evaluate(f"{option}.dataZoom[0].start") == 40
    page.locator("#equity-chart .chart").hover()
    page.mouse.wheel(0, -300)
    page.wait_for_function(f"{option}.dataZoom[0].end - {option}.dataZoom[0].start < 20")
    # trades of one symbol are marked
    page.locator("#equity-chart select").select_option(index=1)
    assert page.evaluate(f"{option}.series[0].markPoint.data.length") > 0
    # sorting by mouse and by keyboard
    gain = page.locator("#trade-list th button", has_text="Gain")
    gain.click()
    assert page.locator("#trade-list th[aria-sort=descending]").inner_text().startswith("Gain")
    first = page.locator("#trade-list tbody tr").first.locator("td").nth(3).inner_text()
    gain.focus()
    page.keyboard.press("Enter")
    assert page.locator("#trade-list th[aria-sort=ascending]").count() == 1
    assert page.locator("#trade-list tbody tr").first.locator("td").nth(3).inner_text() != first
    # pages and search
    assert page.locator("#trade-list tbody tr").count() == 50
    page.locator("#trade-list button", has_text="Next").click()
    assert "51" in page.locator("#trade-list [role=status]").inner_text()
    page.fill("#trade-search", "onerror")
    symbols = page.locator("#trade-list tbody th").all_inner_texts()
    assert symbols and set(symbols) == {HOSTILE}
    page.fill("#trade-search", "no such thing")
    assert page.locator("#trade-list tbody tr").count() == 0
    # tables behind charts
    page.locator("#equity-chart summary").click()
    page.wait_for_selector("#equity-chart details tbody tr")
    assert page.locator("#equity-chart details tbody tr").count() == 200
    assert page.said == []
    page.context.close()


# Is anything drawn in each chart by the time that printing begins? Asked behind the page's own handler.
INK = """() => { dispatchEvent(new Event("beforeprint")); return charts.map((item) => {
  const canvas = item.box.querySelector("canvas");
  return canvas !== null && canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height).data.some((v) => v > 0);
}); }"""


def test_all_charts_are_on_paper_and_all_metrics_on_the_page(browser, pages, stored):
    page = look(browser, pages["run"], scheme="dark")
    assert page.locator("#metrics tbody tr").count() == len(document(stored, "m")["metrics"])
    assert "[object" not in page.locator("body").inner_text()
    ink = page.evaluate(INK)
    assert len(ink) > 10 and all(ink)
    assert page.evaluate("document.documentElement.dataset.theme") == "light"
    page.evaluate("dispatchEvent(new Event('afterprint'))")
    assert page.evaluate("document.documentElement.dataset.theme") == "dark"
    assert page.said == []
    page.context.close()


def test_markup_in_names_is_text(browser, pages):
    for kind in ("run", "comparison", "index"):
        page = look(browser, pages[kind])
        page.evaluate("paintAll()")
        assert page.locator("main img").count() == 0
        assert page.title() != "1"
        page.context.close()
    assert HOSTILE not in pages["run"].read_text(encoding="utf-8")


@pytest.mark.long
def test_tearsheet_of_real_prices(browser, assay, tmp_path):
    """21 years of 411 symbols: small enough for a mail, and open in about a second (printed, not asserted)."""
    from test_real_market import PRICES, SECTORS

    if not PRICES.is_file():
        pytest.skip(f"real prices are not here ({PRICES.name}; name the file with ASSAY_REAL_PRICES)")
    db = tmp_path / "db"
    assay("import", PRICES, "--db", db)
    assay("run", "momentum", "--db", db, "--holdings", SECTORS, "--run-id", "real")
    assay("report", "real", "--db", db, "--out", tmp_path / "real.html")
    assert (tmp_path / "real.html").stat().st_size < 3_000_000
    page = look(browser, tmp_path / "real.html")
    timing = "performance.timing.domContentLoadedEventEnd - performance.timing.navigationStart"
    print(f"opened in {page.evaluate(timing)} ms")
    assert page.said == [] and page.locator("#months tbody tr").count() == 23
    page.context.close()


def test_sweep_page_can_be_used(browser, pages):
    page = look(browser, pages["sweep"])
    page.evaluate("paintAll()")
    cells = "charts[0].instance.getOption().series[0].data.length"
    assert page.evaluate(cells) == 30
    page.locator("label", has_text="Up").locator("select").select_option(label="lookback")
    assert page.evaluate(cells) == 6
    assert page.locator("#points tbody tr").count() == 30
    assert page.said == []
    page.context.close()


def test_walk_forward_page_can_be_used(browser, pages, stored):
    page = look(browser, pages["walk"])
    page.evaluate("paintAll()")
    folds = document(stored, "w")["walkforward"]["folds"]
    marks = "charts[0].instance.getOption().series[0].markLine.data.map((m) => m.xAxis)"
    assert page.evaluate(marks) == [f["test_start"] for f in folds]
    page.click("text=Windows >> nth=1")  # the first leads to the section
    assert page.evaluate("charts[0].instance.getOption().series[0].markLine") is None
    # what each fold had, of any metric
    bars = "charts.find((c) => c.box.closest('#fold-chart')).instance.getOption().series.map((s) => s.data)"
    for metric, name in (("Sharpe ratio", "sharpe_ratio"), ("Total trades", "total_trades")):
        page.locator("#fold-chart select").select_option(label=metric)
        assert page.evaluate(bars) == [
            [f[where][name] for f in folds] for where in ("in_sample", "out_of_sample")
        ]
    # each fold's row
    for row, fold in zip(page.locator("#fold-list tbody tr").all(), folds, strict=True):
        cells = row.locator("td").all_inner_texts()
        assert cells[0] == f"{fold['train_start']} – {fold['train_end']}"
        assert cells[1] == f"{fold['test_start']} – {fold['test_end']}"
        assert cells[2] == str(fold["parameters"]["lookback"])
        assert cells[4] == f"{fold['out_of_sample']['sharpe_ratio']:.3f}".replace("-", "−")
        assert cells[-1] == f"w-fold-{fold['fold']}"
    ink = page.evaluate(INK)
    assert len(ink) > 13 and all(ink)
    text = page.locator("body").inner_text()
    assert "undefined" not in text and "NaN" not in text and "[object" not in text
    assert page.said == []
    page.context.close()


def test_index_leads_to_tearsheets(browser, pages):
    page = look(browser, pages["index"])
    page.fill("#run-search", "mean_reversion")
    assert page.locator("tbody tr").count() == 1
    page.click("tbody a")
    page.wait_for_selector("#equity-chart")
    assert page.locator("h1").inner_text() == "mean_reversion"
    page.context.close()


def test_prints(stored, assay):
    if CHROMIUM is None:
        pytest.skip("no Chromium to print with (Debian's package chromium)")
    run, db, folder = stored
    assay("report", "m", "--db", db, "--format", "pdf", "--out", folder / "m.pdf", env={"CHROMIUM": CHROMIUM})
    odd = folder / "100 % of #1?.pdf"  # means something in an address
    assay("report", "m", "--db", db, "--format", "pdf", "--out", odd, env={"CHROMIUM": CHROMIUM})
    assert odd.stat().st_size > 50000
    assert (folder / "m.pdf").read_bytes().startswith(b"%PDF-") and (folder / "m.pdf").stat().st_size > 50000
    assay("report", "m", "--db", db, "--format", "png", "--out", folder / "m.png", env={"CHROMIUM": CHROMIUM})
    assert (folder / "m.png").read_bytes().startswith(b"\x89PNG")
