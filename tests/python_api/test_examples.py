"""The examples run, and say what they should."""

import os
import re
import subprocess
import sys

import pytest
from conftest import PACKAGE, ROOT

EXAMPLES = ROOT / "examples" / "python"
ENVIRONMENT = {**os.environ, "PYTHONPATH": str(PACKAGE)}


def run(*command, **more):
    done = subprocess.run(list(map(str, command)), capture_output=True, text=True, timeout=300, **more)
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    return done.stdout


@pytest.mark.parametrize(
    "name, arguments, said",
    [
        (
            "quick_start",
            [],
            [
                r"BacktestResult\(momentum: 756 bars",
                r"sharpe_ratio +-?\d",
                r"stored as momentum-[0-9a-f]{12}",
            ],
        ),
        (
            "own_strategy",
            [],
            [
                r"BreakoutOfArrays +(\S+) %.*blind[^%]*BreakoutOfFrames +\1 %.*blind[^%]*BreakoutAtOnce +\1 %.*blind",
                r"BreakoutThatPeeks .*LOOKS AHEAD: BUY",
            ],
        ),
        ("optuna_sweep", ["6"], [r"best of 6 trials: \{'lookback': \d+", r"Sharpe ratio after it: +-?\d"]),
    ],
)
def test_example(name, arguments, said):
    out = run(sys.executable, EXAMPLES / f"{name}.py", *arguments, env=ENVIRONMENT)
    for words in said:
        assert re.search(words, out, re.DOTALL), out


def test_code_of_the_page_runs(tmp_path):
    """Every block of Python in docs/python.md, one after the other, in a folder with a sample market."""
    page = (ROOT / "docs" / "python.md").read_text()
    blocks = re.findall(r"^```python\n(.*?)^```", page, re.DOTALL | re.MULTILINE)
    assert len(blocks) == 4
    run(
        PACKAGE / "assay/bin/assay",
        "sample",
        "--db",
        "db",
        "--symbols",
        20,
        "--days",
        300,
        "--quiet",
        cwd=tmp_path,
    )
    run(sys.executable, "-c", "\n".join(blocks), env=ENVIRONMENT, cwd=tmp_path)


def test_every_public_name_is_on_the_page():
    import assay

    page = (ROOT / "docs" / "python.md").read_text()
    missing = [name for name in assay.__all__ if name != "__version__" and name not in page]
    assert missing == []


def test_public_functions_have_docstrings():
    import inspect

    import assay

    without = []
    for name in assay.__all__:
        thing = getattr(assay, name)
        parts = [(name, thing)]
        if inspect.isclass(thing):
            parts += [
                (f"{name}.{key}", value) for key, value in vars(thing).items() if not key.startswith("_")
            ]
        for label, part in parts:
            if (inspect.isfunction(part) or inspect.isclass(part)) and not inspect.getdoc(part):
                without.append(label)
    assert without == []


@pytest.mark.long
def test_notebook():
    import nbclient
    import nbformat

    notebook = nbformat.read(EXAMPLES / "notebook.ipynb", as_version=4)
    before = os.environ.get("PYTHONPATH")
    os.environ["PYTHONPATH"] = str(PACKAGE)
    try:
        done = nbclient.NotebookClient(notebook, timeout=120, kernel_name="python3").execute()
    finally:
        os.environ["PYTHONPATH"] = before or ""
    outputs = [o for cell in done.cells if cell.cell_type == "code" for o in cell.outputs]
    shown = [o for o in outputs if "data" in o]
    assert any("image/png" in o["data"] for o in shown)
    assert any("sharpe_ratio" in o["data"].get("text/html", "") for o in shown)
    assert not [o for o in outputs if o.output_type == "error"]
