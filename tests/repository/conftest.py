"""What the repository consists of: the files git knows, and their text."""

import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


def _tracked() -> list[Path]:
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        capture_output=True,
        check=True,
    )
    return [path for name in listed.stdout.decode().split("\0") if name and (path := ROOT / name).is_file()]


@pytest.fixture(scope="session")
def root() -> Path:
    return ROOT


@pytest.fixture(scope="session")
def files() -> list[Path]:
    """Every file that is, or is about to be, committed."""
    return _tracked()


@pytest.fixture(scope="session")
def texts(files) -> dict[Path, str]:
    """The UTF-8 text of every file that is text."""
    found = {}
    for path in files:
        try:
            found[path] = path.read_text(encoding="utf-8")
        except UnicodeDecodeError:
            continue
    return found


@pytest.fixture(scope="session")
def pages(texts) -> dict[Path, str]:
    """Every page in Markdown."""
    return {path: text for path, text in texts.items() if path.suffix == ".md"}
