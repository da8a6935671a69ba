"""What is installed is what was locked, and what is built holds everything the code reads."""

import os
import re
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path

import pytest

LOCKS = ("requirements.lock", "requirements-image.lock", "requirements-dev.lock")


def pinned(text: str) -> dict[str, str]:
    """Version by package, checking that each has a hash."""
    found = {}
    for entry in re.split(r"^(?=[a-z0-9])", re.sub(r"^\s*#.*$", "", text, flags=re.M), flags=re.M):
        if entry.strip():
            head = re.match(r"([a-z0-9-]+)==([\w.!+]+)(?: ; [^\\]+)? \\\n", entry)
            assert head is not None, entry[:80]
            assert re.search(r"--hash=sha256:[0-9a-f]{64}", entry), head[1]
            found[head[1]] = head[2]
    return found


def names(requirements: list[str]) -> set[str]:
    return {re.match(r"[\w.-]+", line)[0].lower().replace("_", "-") for line in requirements}


@pytest.fixture(scope="module")
def project(root):
    return tomllib.loads((root / "pyproject.toml").read_text())["project"]


@pytest.mark.parametrize("name", LOCKS)
def test_a_lock_holds_versions_and_hashes_and_says_nothing_of_where_from(root, name):
    text = (root / name).read_text()
    assert len(pinned(text)) > 30
    assert "://" not in text
    assert not re.search(r"(?m)^\s*(-i|-f|--index-url|--extra-index-url|--find-links|--trusted-host)\b", text)


def test_every_dependency_is_locked_with_the_build_backend(root, project):
    runtime, image, dev = (pinned((root / name).read_text()) for name in LOCKS)
    extras = project["optional-dependencies"]
    assert names(project["dependencies"] + extras["build"]) <= set(runtime)
    assert names(extras["lake"] + extras["sql"]) <= set(image)
    assert names(extras["dev"]) <= set(dev)


def test_the_lock_for_development_contains_the_ones_for_running(root):
    runtime, image, dev = (pinned((root / name).read_text()) for name in LOCKS)
    assert runtime.items() <= image.items() <= dev.items()


def test_the_build_backend_is_the_one_of_the_lock(root, project):
    system = tomllib.loads((root / "pyproject.toml").read_text())["build-system"]
    assert system["requires"] == project["optional-dependencies"]["build"]


def test_a_wheel_holds_every_file_of_the_packages(root, files, tmp_path):
    source = tmp_path / "source"
    packages = tomllib.loads((root / "pyproject.toml").read_text())["tool"]["mypy"]["packages"]
    wanted = [path.relative_to(root) for path in files if path.relative_to(root).parts[0] in packages]
    for path in [*wanted, *map(Path, ("pyproject.toml", "README.md", "LICENSE"))]:
        (source / path).parent.mkdir(parents=True, exist_ok=True)
        (source / path).write_bytes((root / path).read_bytes())
    build = f"from setuptools.build_meta import build_wheel; print(build_wheel({str(tmp_path)!r}))"
    done = subprocess.run([sys.executable, "-c", build], cwd=source, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    [wheel] = tmp_path.glob("*.whl")
    held = set(zipfile.ZipFile(wheel).namelist())
    ignored = {".gitkeep", ".gitignore"}
    assert {str(path) for path in wanted if path.name not in ignored} <= held
    assert any(name.endswith("licenses/LICENSE") for name in held)
    assert any(name.endswith("licenses/firmware_sim/recordings/LICENSE.md") for name in held)


def make_venv(root, python: Path, folder: Path) -> subprocess.CompletedProcess:
    return subprocess.run(
        [root / "tools/make-venv", folder],
        env={"PATH": os.environ["PATH"], "PYTHON": str(python)},
        capture_output=True,
        text=True,
        check=False,
    )


def a_python(folder: Path, script: str) -> Path:
    path = folder / "python3"
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)
    return path


def test_a_python_that_is_too_old_is_one_clear_sentence(root, tmp_path):
    done = make_venv(root, a_python(tmp_path, "exit 1"), tmp_path / "venv")
    assert done.returncode == 1
    assert done.stderr.startswith("Wardline needs Python 3.11 or newer")
    assert done.stderr.count("\n") == 1


def test_a_python_without_venv_names_the_debian_package(root, tmp_path):
    script = 'case "$2" in *ensurepip*) exit 1;; *version_info\\[:2\\]*) echo 3.11;; esac'
    done = make_venv(root, a_python(tmp_path, script), tmp_path / "venv")
    assert done.returncode == 1
    assert "apt-get install python3-venv" in done.stderr
    assert done.stderr.count("\n") == 1


def test_a_venv_that_could_not_be_made_is_not_left_half_done(root, tmp_path):
    script = 'case "$1" in -m) mkdir -p "$3/bin"; exit 1;; --version) echo Python 3.11.0;; esac'
    done = make_venv(root, a_python(tmp_path, script), tmp_path / "venv")
    assert done.returncode == 1
    assert not (tmp_path / "venv").exists()


def install_servers(root, folder: Path, **variables: str) -> subprocess.CompletedProcess:
    """Run the script as somebody who is not root, on a machine that has nothing."""
    for name in ("id", "apt-get"):
        (folder / name).write_text("#!/bin/sh\necho 1000\n")
        (folder / name).chmod(0o755)
    script = re.sub(r"(?m)^PATH=.*\n", "", (root / "tools/install-test-servers").read_text())
    return subprocess.run(
        ["/bin/sh", "-c", script], env={"PATH": str(folder)} | variables, capture_output=True, text=True, check=False
    )


def test_without_root_it_says_which_tests_cannot_run_and_how_they_could(root, tmp_path):
    done = install_servers(root, tmp_path)
    assert done.returncode == 0
    assert "without mosquitto: the broker and system tests" in done.stderr
    assert "apt-get install --no-install-recommends mosquitto mosquitto-clients influxdb" in done.stderr


def test_in_ci_a_missing_server_is_a_failure(root, tmp_path):
    assert install_servers(root, tmp_path, CI="true").returncode == 1
