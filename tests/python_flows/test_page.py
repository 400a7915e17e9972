"""The page and the example: what they say is what happens."""

import os
import re
import signal
import subprocess
import sys
import time

import assay
import prefect
import pytest
from assay.flows import _flows, backtest_quick_wins_flow
from conftest import ROOT, SYMBOLS
from prefect.exceptions import ParameterTypeError

EXAMPLE = ROOT / "examples" / "flows" / "serve.py"


def test_the_page_runs(market, cluster, tmp_path, monkeypatch):
    """Every block of Python in docs/flows.md; the scheduler, the database and the endless serving are the test's own."""
    if prefect.__version__.startswith("3.4."):
        pytest.skip("Prefect 3.4 (Python 3.9) serves flows of files below the working directory alone")
    page = (ROOT / "docs" / "flows.md").read_text(encoding="utf-8")
    blocks = re.findall(r"```python\n(.*?)```", page, re.S)
    assert len(blocks) == 3
    served = []
    monkeypatch.setattr(
        type(backtest_quick_wins_flow),
        "serve",
        lambda flow, name, **how: served.append(flow.to_deployment(name, **how)),
    )
    monkeypatch.chdir(tmp_path)
    (tmp_path / "db").symlink_to(market)
    names = {}
    for block in blocks:
        block = block.replace("tcp://scheduler:8786", cluster.scheduler_address)
        exec(block.replace("/data/db", str(tmp_path / "db")), names)
    assert names["results"]["momentum"]["run_id"].startswith("momentum-")
    assert len(list((tmp_path / "reports").glob("*.html"))) == 3
    assert len(names["frame"]) == 400 and set(names["best"]) == {"lookback", "threshold"}
    (nightly,) = served
    assert nightly.schedules[0].schedule.cron == "0 22 * * 1-5"
    assert nightly.parameters["symbols"] == ["AAPL", "MSFT"]


@pytest.mark.parametrize(
    "name",
    [
        name
        for name in assay.flows.__all__
        if name.startswith(("backtest", "param", "walk")) and name.endswith("_flow")
    ],
)
def test_a_server_can_load_each_flow(name):
    """By the path of its file, as a deployment does; parameters are checked by their types."""
    from prefect.flows import load_flow_from_entrypoint

    flow = load_flow_from_entrypoint(f"{_flows.__file__}:{name}", use_placeholder_flow=False)
    given = {
        "symbols": ["AAPL"],
        "strategies": ["momentum"],
        "strategy": "momentum",
        "param_grid": {"lookback": [1]},
    }
    given = {key: value for key, value in given.items() if key in flow.parameters.properties}
    assert flow.validate_parameters(given)["symbols"] == ["AAPL"]
    with pytest.raises(ParameterTypeError, match="symbols"):
        flow.validate_parameters({**given, "symbols": {"AAPL": 1}})


def environment(market, folder):
    from prefect.settings import PREFECT_API_URL

    return {
        **os.environ,
        "PREFECT_API_URL": PREFECT_API_URL.value(),
        "ASSAY_DB": str(market),
        "REPORTS": str(folder / "reports"),
        "START": "2023-03-01",
    }


def test_the_example_runs_once(market, tmp_path):
    done = subprocess.run(
        [sys.executable, EXAMPLE, "once"],
        capture_output=True,
        text=True,
        env=environment(market, tmp_path),
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    assert "momentum: " in done.stdout and len(list((tmp_path / "reports").glob("*.html"))) == 2


@pytest.mark.long
def test_the_example_is_served(market, tmp_path):
    """A server knows the deployment with its schedule; a run that is asked for there is made by the serving process."""
    from prefect.client.orchestration import get_client
    from prefect.deployments import run_deployment
    from prefect.exceptions import ObjectNotFound

    def deployment(client):
        try:
            return client.read_deployment_by_name("backtest_quick_wins_strategies/nightly")
        except ObjectNotFound:
            return None

    serving = subprocess.Popen([sys.executable, EXAMPLE], env=environment(market, tmp_path))
    try:
        with get_client(sync_client=True) as client:
            deadline = time.monotonic() + 90
            while (found := deployment(client)) is None and time.monotonic() < deadline:
                assert serving.poll() is None
                time.sleep(0.5)
        assert found.schedules[0].schedule.cron == "0 22 * * 1-5"
        asked = {
            "symbols": SYMBOLS,
            "strategies": ["momentum"],
            "start_date": "2023-03-01",
            "end_date": "2024-02-01",
        }
        flow_run = run_deployment(found.id, parameters=asked, timeout=120, poll_interval=1)
        assert flow_run.state.is_completed(), flow_run.state
    finally:
        serving.send_signal(signal.SIGTERM)
        serving.wait(60)
    same = assay.run("momentum", market, symbols=SYMBOLS, start="2023-03-01", end="2024-02-01")
    assert same.run_id in assay.program("runs", "--db", str(market))
