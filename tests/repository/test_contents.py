"""What may stand in the repository, and what may not."""

import re
import tomllib

import yaml

MAX_FILE_BYTES = 1_500_000
MAX_RECORDINGS_BYTES = 2_000_000
MAX_MODULE_LINES = 500

# Each pattern is written so that it does not match itself.
FORBIDDEN = {
    "a path of somebody's machine": r"(?<![\w.])/(?:work|root|home/[a-z]+)/(?!\.{3})[\w.-]+",
    "a temporary path of a session": r"/tmp/[w](?:/|-)",
    "a private key": r"-----BEGIN [A-Z ]*PRIVATE [K]EY",
    "a package registry": r"pypi\.(?:org|python)|files\.pythonhosted|registry\.npmjs|deb\.debian\.o[r]g|index-u[r]l=",
    "an issue number": r"(?i)\bissue #?\d+\b|(?<![\w&`/])#\d{1,5}\b(?![\w;])",
    "who or what wrote it": r"(?i)\b(?:chat[g]pt|co[p]ilot|clau[d]e|an[t]hropic|language mode[l]|ai-generate[d])\b",
    "unfinished work": r"\b(?:TO[D]O|FIX[M]E|X[X]X)\b",
}
VENDORED = re.compile(r"\.min\.(?:js|css)$|(?:^|/)(?:node_modules|vendor)/")
PLACE_HOLDER_NAMES = {"utils", "helpers", "manager", "common", "base"}
COLOUR = re.compile(r"#[0-9a-fA-F]{3,8}\b")
LOCKS = ("requirements.lock", "requirements-image.lock", "requirements-dev.lock")


def packages(root) -> list[str]:
    return tomllib.loads((root / "pyproject.toml").read_text())["tool"]["mypy"]["packages"]


def test_nothing_forbidden_stands_anywhere(texts, root):
    found = []
    for path, text in texts.items():
        if path.name in LOCKS:
            text = re.sub(r"^    .*$", "", text, flags=re.M)  # hashes and who asked for it
        for number, line in enumerate(text.splitlines(), start=1):
            line = COLOUR.sub("", line) if path.suffix in (".css", ".svg", ".js", ".json", ".html", ".py") else line
            found += [
                f"{path.relative_to(root)}:{number}: {what}: {match[0]}"
                for what, pattern in FORBIDDEN.items()
                if (match := re.search(pattern, line))
            ]
    assert found == []


def test_the_forbidden_is_recognised():
    samples = {
        "a path of somebody's machine": "open('/work" + "/main/x')",
        "a temporary path of a session": "/tmp/" + "w/brief",
        "a private key": "-----BEGIN RSA PRIVATE " + "KEY-----",
        "a package registry": "https://pypi." + "org/simple",
        "an issue number": "see iss" + "ue 12",
        "who or what wrote it": "made by Cl" + "aude",
        "unfinished work": "TO" + "DO: later",
    }
    for what, pattern in FORBIDDEN.items():
        assert re.search(pattern, samples[what]), what


def test_no_password_is_written_in_a_settings_file(texts, root):
    for path, text in texts.items():
        if path.suffix not in (".yaml", ".yml") or "tests/" in str(path.relative_to(root)):
            continue
        for secret in re.findall(r"(?im)^\s*-?\s*[\w]*(?:password|token|secret)\w*:[ \t]*([^#\s][^\n]*)", text):
            allowed = re.match(r"[\"']?(?:file:|env:|\$|Token \$|/run/)|\{$|type:|description:", secret)
            assert allowed, f"{path.relative_to(root)}: {secret}"


def test_no_file_is_large(files, root):
    large = [str(path.relative_to(root)) for path in files if path.stat().st_size > MAX_FILE_BYTES]
    assert large == []


def test_the_recordings_are_small_and_their_licence_names_each(files, root):
    folder = root / "firmware_sim/recordings"
    recordings = [path for path in files if path.parent == folder and path.suffix == ".csv"]
    licence = (folder / "LICENSE.md").read_text()
    assert recordings
    assert sum(path.stat().st_size for path in recordings) <= MAX_RECORDINGS_BYTES
    for path in recordings:
        assert path.stem in licence, path.name
    assert "PhysioNet" in licence or "MIMIC" in licence


def test_nothing_of_others_is_vendored(files, root):
    assert [str(path.relative_to(root)) for path in files if VENDORED.search(str(path.relative_to(root)))] == []


def test_a_module_holds_one_noun(texts, root):
    long = []
    for path, text in texts.items():
        name = path.relative_to(root)
        if path.suffix in (".py", ".js") and name.parts[0] in packages(root):
            lines = text.count("\n")
            if lines > MAX_MODULE_LINES:
                long.append(f"{name}: {lines} lines")
    assert long == []


def test_names_are_plain(files, root):
    vague = [str(path.relative_to(root)) for path in files if PLACE_HOLDER_NAMES & set(path.stem.split("_"))]
    assert vague == []


def test_every_module_opens_with_what_it_does(texts, root):
    silent = [
        str(path.relative_to(root))
        for path, text in texts.items()
        if path.suffix == ".py"
        and path.relative_to(root).parts[0] in packages(root)
        and text.strip()
        and not text.startswith(('"""', "#!", "r'''", 'r"""'))
    ]
    assert silent == []


def test_no_database_is_left_to_the_collector(texts, root):
    """The `with` of a connection ends a transaction only: file, locks and index stay in use until `close`."""
    found = [
        str(path.relative_to(root))
        for path, text in texts.items()
        if path.suffix == ".py" and re.search(r"with (?:.*, )?sqlite3\.connect\(", text)
    ]
    assert found == []


def test_no_test_folder_is_a_package(files, root):
    assert [str(path) for path in files if path.name == "__init__.py" and path.is_relative_to(root / "tests")] == []


def test_the_licence_is_whole(root):
    text = (root / "LICENSE").read_text()
    assert text.lstrip().startswith("Apache License")
    assert "END OF TERMS AND CONDITIONS" in text
    assert text.count("\n") >= 200


def test_whoever_reads_on_learns_that_it_is_never_the_primary_alarm(pages, root):
    for name in ("README.md", "INTENDED_USE.md", "docs/index.md", "docs/tutorial/pager.md", "docs/reference/topics.md"):
        assert "never the primary" in " ".join(pages[root / name].replace("*", "").split()), name


def test_every_yaml_file_is_yaml(texts):
    for path, text in texts.items():
        if path.suffix in (".yaml", ".yml") and "/bad/" not in str(path):
            assert list(yaml.compose_all(text, Loader=yaml.SafeLoader)), path
