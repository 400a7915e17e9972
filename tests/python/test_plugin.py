"""Plugins on the command line: the example runs like any strategy, and a bad one is refused or stops the run with its name.

Every way in which a plugin can be wrong is tried in tests/unit/test_plugin.c; here is what the user sees of it.
"""

import json
import shutil
import subprocess

import pytest

pytestmark = pytest.mark.cli_long


@pytest.fixture(scope="module")
def market(assay_bin, tmp_path_factory):
    db = tmp_path_factory.mktemp("plugin") / "db"
    subprocess.run(
        [assay_bin, "sample", "--db", db, "--symbols", "20", "--days", "300", "--quiet"], check=True
    )
    return db


@pytest.fixture(scope="module")
def build(root, tmp_path_factory):
    """build("examples/plugin/breakout.c") compiles a plugin and returns its path; each only once."""
    compiler = shutil.which("cc")
    if compiler is None:
        pytest.skip("no compiler")
    folder, built = tmp_path_factory.mktemp("plugins"), {}

    def compile_plugin(source):
        if source not in built:
            path = folder / (source.rsplit("/", 1)[1][:-2] + ".so")
            flags = ["-std=c17", "-Wall", "-Wextra", "-Werror", "-shared", "-fPIC", f"-I{root}/include"]
            subprocess.run([compiler, *flags, "-o", path, root / source], check=True)
            built[source] = path
        return built[source]

    return compile_plugin


@pytest.fixture
def example(build, tmp_path):
    """The example, where a test may change it."""
    return shutil.copy(build("examples/plugin/breakout.c"), tmp_path / "breakout.so")


def run_json(assay, *args, **options):
    return json.loads(assay("run", *args, "--format", "json", **options).stdout)


def stored_strategy(assay, db, run_id):
    query = f"SELECT config FROM backtest_runs WHERE run_id = '{run_id}'"
    row = json.loads(assay("sql", query, "--db", db, "--format", "json").stdout)[0]
    return json.loads(row["config"])["strategy"]


def test_the_example_runs_like_any_strategy(assay, market, example, tmp_path):
    run = run_json(assay, "plugin:breakout.so", "--db", market, "--set", "breadth=1.2")
    assert run["strategy"] == "volatility_breakout" and run["run_id"].startswith("volatility_breakout-")
    assert run["parameters"]["breadth"] == 1.2 and run["metrics"]["total_trades"] > 0
    (tmp_path / "c.yaml").write_text("strategy: plugin\nplugin: breakout.so\nparameters: {breadth: 1.2}\n")
    for args in (
        ["breakout.so", "--set", "breadth=1.2"],
        [example, "--set", "breadth=1.2"],
        ["--config", "c.yaml"],
    ):
        assert run_json(assay, *args, "--db", market) == run
    reference = stored_strategy(assay, market, run["run_id"])
    assert reference.startswith(f"plugin:{tmp_path}/breakout.so#") and len(reference.rsplit("#")[1]) == 12
    assert run_json(assay, reference, "--set", "breadth=1.2", "--db", market) == run
    assert (
        "reproduced, every table is the same"
        in assay("reproduce", run["run_id"], "--db", market, cwd="/").stdout
    )
    assert assay("audit", run["run_id"], "--db", market).stdout.startswith(f"{run['run_id']}: ok\n")


def test_it_is_described_searched_walked_verified_and_joined(assay, market, example):
    described = json.loads(assay("strategies", "breakout.so", "--format", "json").stdout)
    assert [p["name"] for p in described["parameters"]] == [
        "atr_window",
        "trend_window",
        "breadth",
        "max_bars",
    ]
    axis = ["breakout.so", "--db", market, "--axis", "breadth=1,1.5,2"]
    sweep = json.loads(assay("optimize", *axis, "--sweep-id", "plugin", "--format", "json").stdout)
    assert len(sweep["best"]) == 3
    assert "reproduced" in assay("reproduce", "plugin-0", "--db", market).stdout
    assay("walkforward", *axis, "--train", "120", "--test", "40", "--run-id", "plugin-walk")
    assert "reproduced" in assay("reproduce", "plugin-walk-fold-1", "--db", market).stdout
    proof = json.loads(
        assay("verify", "breakout.so", "--cuts", "2", "--db", market, "--format", "json").stdout
    )
    assert proof["blind"] and proof["signals"] > 0
    both = run_json(
        assay, "momentum", "breakout.so", "--set", "volatility_breakout.breadth=1", "--db", market
    )
    assert both["strategy"] == "momentum+volatility_breakout"
    assert stored_strategy(assay, market, both["run_id"])[0] == "momentum"
    assert "reproduced" in assay("reproduce", both["run_id"], "--db", market).stdout
    each = assay(
        "run", "momentum", "breakout.so", "--each", "--set", "breadth=1", "--db", market, "--format", "json"
    )
    assert [r["strategy"] for r in json.loads(each.stdout)] == ["momentum", "volatility_breakout"]


def test_a_file_that_has_changed_is_not_what_ran(assay, market, example, root):
    run = run_json(assay, "breakout.so", "--db", market, "--run-id", "changing")
    source = (
        (root / "examples/plugin/breakout.c")
        .read_text()
        .replace("volatility_breakout", "volatility_breakage")
    )
    example.with_name("other.c").write_text(source)
    subprocess.run(
        [
            "cc",
            "-std=c17",
            "-shared",
            "-fPIC",
            f"-I{root}/include",
            "-o",
            example,
            example.with_name("other.c"),
        ],
        check=True,
    )
    said = assay("reproduce", run["run_id"], "--db", market, code=1).stderr
    assert f"plugin {example} has changed since the run" in said and "run anew" in said
    anew = run_json(assay, "breakout.so", "--db", market)
    assert anew["strategy"] == "volatility_breakage" and anew["metrics"] == run["metrics"]
    example.unlink()
    said = assay("reproduce", run["run_id"], "--db", market, code=1).stderr
    assert str(example) in said and "No such file" in said


# --- bad ones -----------------------------------------------------------------------------------------------------------

REFUSED = [
    # what is wrong (tests/plugins/evil.c), what must be said
    ("NULL", "assay_plugin() returned NULL"),
    ("version", "built for version 1 of the strategy interface, this is version 2: build it again"),
    ("version alone", "built for version 99"),
    ("neither", "neither on_bar nor threshold_form"),
    ("name NULL", "has no name"),
    ("param NULL", "has no name"),
    ("param twice", "two parameters"),
    ("param name", "no name of a parameter"),
    ("param bounds", "must ascend"),
    ("param default", "must ascend"),
    ("param whole", "is an integer"),
    ("kinds none", "no kinds of signals"),
    ("kind type NULL", "has no signal_type"),
    ("kind target", "target_position 1.01"),
    ("expression", "did you mean 'window'?"),
]

STOPPED = [
    ("NaN strength", "strength must lie in [0, 1]"),
    ("unknown symbol", "names symbol 20, but there are 20"),
    ("late symbol", "must come in ascending symbol order"),
    ("on_bar fails", "the moon is new"),
    ("create fails", "the moon is full"),
]


@pytest.mark.parametrize("evil, part", REFUSED, ids=[e for e, _ in REFUSED])
def test_a_bad_descriptor_is_refused(assay, build, evil, part):
    path = build("tests/plugins/evil.c")
    done = assay("run", path, code=1, env={"ASSAY_TEST_EVIL": evil})
    assert done.stderr.startswith(f"assay: plugin {path}: ") and part in done.stderr
    assert part in assay("strategies", path, code=1, env={"ASSAY_TEST_EVIL": evil}).stderr


@pytest.mark.parametrize("evil, part", STOPPED, ids=[e for e, _ in STOPPED])
def test_nonsense_stops_the_run_with_the_name(assay, build, market, evil, part):
    args = ["run", build("tests/plugins/evil.c"), "--db", market, "--run-id", "evil"]
    done = assay(*args, code=1, env={"ASSAY_TEST_EVIL": evil})
    assert "strategy evil" in done.stderr and part in done.stderr
    assert done.stdout == "" and "no run" in assay("show", "evil", "--db", market, code=1).stderr
    with_others = [*args[:1], "momentum", *args[1:]]
    assert part in assay(*with_others, code=1, env={"ASSAY_TEST_EVIL": evil}).stderr


def test_files_that_are_no_plugins(assay, build, tmp_path):
    for source, part in [("no_symbol", "assay_plugin"), ("unresolved", "function_that_nobody_has")]:
        done = assay("run", build(f"tests/plugins/{source}.c"), code=1)
        assert part in done.stderr
    (tmp_path / "text.so").write_text("#!/bin/sh\n")
    (tmp_path / "empty.so").write_text("")
    for name in ("text.so", "empty.so"):
        assert "is no shared library" in assay("run", name, code=1).stderr
    assert "plugin" in assay("run", f"plugin:{tmp_path}", code=1).stderr


def test_a_cut_file_never_crashes(assay, example):
    whole = example.read_bytes()
    for part in range(1, 24):
        example.write_bytes(whole[: len(whole) * part // 24])
        done = assay("strategies", "breakout.so", code=1)
        assert "is damaged" in done.stderr, part
