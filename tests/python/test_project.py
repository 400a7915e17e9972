"""The project's own checks, and what the build promises."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


def make_tree(folder: Path, files):
    for name, text in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return folder


def run_tool(name, folder):
    return subprocess.run([sys.executable, ROOT / "tools" / name, folder], capture_output=True, text=True)


CLEAN = {
    "include/assay/assay.h": '#include "assay/assay_error.h"\n',
    "include/assay/assay_error.h": "#include <stddef.h>\n",
    "src/base/sum.h": "",
    "src/market/panel.h": '#include "assay/assay.h"\n#include "base/sum.h"\n',
    "src/market/panel.c": '#include "panel.h"\n',
    "src/engine/loop.h": '#include "market/panel.h"\n',
    "src/store/load.c": "#include <duckdb.h>\n",
    "src/report/json.c": "#include <cjson/cJSON.h>\n",
    "src/cli/config.c": '#include <yaml.h>\n#include "assay/assay.h"\n',
}


def test_layers_accepts_what_is_allowed(tmp_path):
    done = run_tool("check_layers", make_tree(tmp_path, CLEAN))
    assert done.returncode == 0, done.stdout


@pytest.mark.parametrize(
    ("file", "line", "reason"),
    [
        ("src/base/text.c", '#include "market/panel.h"', "market stands above base"),
        ("src/strategy/momentum.c", '#include "engine/loop.h"', "engine stands above strategy"),
        ("src/metrics/sharpe.c", '#include "engine/loop.h"', "not on the engine's loop"),
        ("src/metrics/sharpe.c", '#include "../engine/loop.h"', "not on the engine's loop"),
        ("src/cli/cmd_run.c", '#include "engine/loop.h"', "public interface"),
        ("src/engine/loop.c", "#include <duckdb.h>", "only src/store may include duckdb.h"),
        ("src/engine/loop.c", '#  include "yaml.h"', "only src/cli may include yaml.h"),
        ("src/cli/cmd_show.c", "#include <cjson/cJSON.h>", "only src/report may include cJSON.h"),
        ("include/assay/assay_panel.h", '#include "market/panel.h"', "public headers only"),
        ("src/engine/loop.c", '#include "engine/missing.h"', "is no file of this project"),
        ("src/utils/things.c", "", "is in no layer"),
    ],
)
def test_layers_catches_a_violation(tmp_path, file, line, reason):
    make_tree(tmp_path, {**CLEAN, file: "/* a comment */\n" + line + "\n"})
    done = run_tool("check_layers", tmp_path)
    assert done.returncode == 1
    assert re.search(rf"^{file}:[12]: .*{re.escape(reason)}", done.stdout, re.MULTILINE), done.stdout
    assert len(done.stdout.splitlines()) == 1


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        ("see /wo" + "rk/somewhere", "a path of one machine"),
        ("https://reg" + "istry.npm" + "js.org/x", "a package registry's host"),
        ("x" * 1_000_001, "no tracked file may exceed"),
    ],
    ids=["path", "host", "size"],
)
def test_repository_check_catches(tmp_path, content, reason):
    make_tree(tmp_path, {"a.md": "fine: frame" + "work/x\n", "b.md": "first\n" + content})
    subprocess.run(["git", "init", "-q"], cwd=tmp_path, check=True)
    assert run_tool("check_repo", tmp_path).returncode == 0  # nothing tracked yet
    subprocess.run(["git", "add", "a.md", "b.md"], cwd=tmp_path, check=True)
    done = run_tool("check_repo", tmp_path)
    assert done.returncode == 1
    assert re.fullmatch(r"b\.md:[12]: .*" + re.escape(reason) + ".*\n", done.stdout), done.stdout


def needed(library):
    listing = subprocess.run(["readelf", "-d", library], capture_output=True, text=True, check=True).stdout
    return set(re.findall(r"\(NEEDED\).*\[(.*?)\]", listing))


def test_libassay_needs_the_c_library_only():
    library = ROOT / "build" / "libassay.so"
    if not library.exists():
        pytest.skip("not built")
    allowed = re.compile(r"lib(c|m|dl|pthread)\.so\.\d+|ld-linux.*")
    assert {name for name in needed(library) if not allowed.fullmatch(name)} == set()


@pytest.mark.cli
def test_version_is_the_same_everywhere(assay):
    project = re.search(r"^  version: '([\d.]+)'", (ROOT / "meson.build").read_text(), re.MULTILINE).group(1)
    header = (ROOT / "include/assay/assay.h").read_text()
    assert f'#define ASSAY_VERSION "{project}"' in header
    assert assay("--version").stdout.split() == ["assay", project]
