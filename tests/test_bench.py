"""The runner of benchmarks: its figures, its table and its last line."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from local import bench
from tests.benchmarks.harness import percentile, progress, report, table

ROOT = Path(__file__).resolve().parent.parent


def test_nothing_measured_has_no_percentile() -> None:
    with pytest.raises(ValueError, match="no value"):
        percentile([], 50)


def test_percentiles_are_interpolated() -> None:
    assert percentile([7], 95) == 7
    assert percentile([4, 1, 3, 2], 50) == 2.5
    assert percentile(range(101), 95) == 95


def test_a_figure_without_a_unit_is_refused() -> None:
    with pytest.raises(ValueError, match="p95"):
        report("x", [], [], {"p95": 3})


def test_a_table_aligns_figures_to_the_right() -> None:
    lines = table(["step", "ms"], [["a", 1.25], ["long", 100.0]]).splitlines()
    assert lines == ["step     ms", "----  -----", "a       1.2", "long  100.0"]


@pytest.mark.django_db
def test_the_last_line_is_one_json_object(capsys: pytest.CaptureFixture[str]) -> None:
    report("x", ["step"], [["a"]], {"p95_ms": 3.5, "ratio": 2, "steps": {"a": 1}})
    last = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert last["p95_ms"] == 3.5
    assert last["machine"]["cpu_count"] >= 1
    assert {"cpu_model", "python", "postgres"} <= set(last["machine"])


def test_progress_yields_everything_and_says_how_far(capsys: pytest.CaptureFixture[str]) -> None:
    assert list(progress(range(20), "steps")) == list(range(20))
    assert "steps: 20/20" in capsys.readouterr().err


def test_an_unknown_benchmark_is_refused_with_the_list_of_those_that_exist() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "local.bench", "no-such-thing"],
        cwd=ROOT,
        env=os.environ | {"PYTHONUTF8": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 2
    assert all(name in done.stderr for name in bench.names())


def test_a_benchmark_reaches_servers_whose_safety_is_on(tmp_path: Path) -> None:
    # A stand-in for a real benchmark, which would take minutes.
    package = tmp_path / "tests" / "benchmarks"
    package.mkdir(parents=True)
    (package.parent / "__init__.py").touch()
    (package / "__init__.py").touch()
    (package / "short.py").write_text(
        "import os, psycopg, redis\n"
        "with psycopg.connect(os.environ['DATABASE_URL']) as link:\n"
        "    print(link.execute('SHOW fsync').fetchone()[0])\n"
        "print(redis.from_url(os.environ['REDIS_URL']).ping())\n"
    )
    done = subprocess.run(
        [
            sys.executable,
            "-c",
            "import sys; from pathlib import Path; from local import bench; "
            f"bench.ROOT = Path({str(tmp_path)!r}); sys.exit(bench.main(['short']))",
        ],
        cwd=ROOT,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stdout.split() == ["on", "True"], done.stderr
