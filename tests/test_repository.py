"""What a stranger finds in the repository: nothing of ours that should not be there."""

import ast
import os
import re
import stat
import subprocess
import tomllib
from collections.abc import Iterator
from fnmatch import fnmatch
from importlib import metadata
from pathlib import Path, PurePath

import pytest
import yaml

ROOT = Path(__file__).parents[1]
IGNORED = [".git", *(ROOT / ".gitignore").read_text().replace("/", "").split()]
LOCKS = ("requirements.txt", "requirements-dev.txt", "tests/services/requirements.txt")
HERE = Path(__file__).relative_to(ROOT)  # spells out what it looks for

# Split, so that no file but this one needs an exception.
REGISTRIES = re.compile(
    r"pypi\.org|pythonhosted\.org|pypi\.python|/simple/|--(extra-)?index-url|--find-links"
    r"|registry\.npmjs|artifactory|nexus\.|devpi"
)
MACHINES = re.compile(r"(?<![\w.-])/(root|work|opt/pypi|home/\w+|Users/\w+)/")
SECRETS = re.compile(
    r"-----BEGIN [A-Z ]*PRIVATE KEY-----(\\n)?([\s'\"]*$|[A-Za-z0-9+/]{40})"  # a PEM key
    r"|\bgh[pousr]_[A-Za-z0-9]{36}|\bAKIA[0-9A-Z]{16}\b"  # GitHub, AWS
    r"|\b3MVG9[A-Za-z0-9._]{60,}|\b5Aep[A-Za-z0-9._]{60,}"  # consumer key, refresh token
    r"|\b00D[A-Za-z0-9]{12}(?:[A-Za-z0-9]{3})?![A-Za-z0-9._]{60,}"  # session
    r"|^(?:SCSYNC_\w*(?:SECRET|TOKEN|KEY)|POSTGRES_PASSWORD)=[^\s$<]{8,}"  # a filled-in .env
)


def tracked_files() -> Iterator[Path]:
    """What git tracks or would add; in an unpacked archive, everything that is ours."""
    listing = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    done = subprocess.run(listing, cwd=ROOT, capture_output=True, text=True, check=False)
    names = done.stdout.split("\0") if done.returncode == 0 else walk()
    for path in (ROOT / name for name in names if name):
        if path.is_file() and path.relative_to(ROOT) != HERE:
            yield path


def walk() -> Iterator[str]:
    for folder, inner, files in os.walk(ROOT):
        inner[:] = filter(is_ours, inner)
        for name in filter(is_ours, files):
            yield str((Path(folder) / name).relative_to(ROOT))


def is_ours(name: str) -> bool:
    return not any(fnmatch(name, pattern) for pattern in IGNORED)


def findings(pattern: re.Pattern[str], paths: Iterator[Path]) -> list[str]:
    """Where a pattern stands, as `file:line`: the words themselves may be a secret."""
    return [
        f"{path.name}:{number}"
        for path in paths
        for number, line in enumerate(path.read_text(errors="replace").splitlines(), 1)
        if pattern.search(line)
    ]


def test_the_files_are_found() -> None:
    """The searches below have something to search."""
    assert {ROOT / "pyproject.toml", ROOT / "dev", ROOT / ".ci/run"} <= set(tracked_files())


@pytest.mark.parametrize("pattern", [REGISTRIES, MACHINES, SECRETS])
def test_no_file_names_a_registry_a_machine_or_a_secret(pattern: re.Pattern[str]) -> None:
    """Any mirror serves, any checkout works, and nothing leaks."""
    assert findings(pattern, tracked_files()) == []


@pytest.mark.parametrize(
    ("pattern", "line"),
    [
        (REGISTRIES, "--extra-index-url https://mirror.example/"),
        (REGISTRIES, f"url = 'https://files.{'python' + 'hosted'}.org/x.whl'"),
        (MACHINES, "open('/home/ada/scsync/x')"),
        (SECRETS, "-----BEGIN RSA PRIVATE KEY-----"),
        (SECRETS, f"SCSYNC_REFRESH_TOKEN={'x' * 40}"),
        (SECRETS, f"token = '00D000000000001!{'x' * 80}'"),
    ],
)
def test_the_searches_find_what_they_seek(
    tmp_path: Path, pattern: re.Pattern[str], line: str
) -> None:
    """A search that finds nothing anywhere would pass above."""
    (tmp_path / "spoilt").write_text(f"\n{line}\n")
    assert findings(pattern, tmp_path.iterdir()) == ["spoilt:2"]


def test_every_locked_package_has_hashes() -> None:
    """pip refuses a file that differs from the one locked."""
    for name in LOCKS:
        entries = re.split(r"\n(?=[a-z0-9])", (ROOT / name).read_text())[1:]
        assert entries
        assert [entry for entry in entries if "--hash=sha256:" not in entry] == []


def test_the_locks_agree() -> None:
    """What the tests ran with is what a user installs."""
    runtime, dev = (pins(ROOT / name) for name in LOCKS[:2])
    assert runtime.items() <= dev.items()


def pins(path: Path) -> dict[str, str]:
    return dict(re.findall(r"^([a-z0-9][\w.-]*)==(\S+)", path.read_text(), re.MULTILINE))


def test_every_declared_dependency_is_locked() -> None:
    """pyproject.toml and the lock are changed together: ./dev lock."""
    declared = tomllib.loads(read("pyproject.toml"))["project"]["dependencies"]
    names = {re.split(r"[^a-z0-9-]", requirement)[0] for requirement in declared}
    assert names <= pins(ROOT / "requirements.txt").keys()


def test_every_declared_dependency_is_imported() -> None:
    """What nobody imports, nobody should have to install."""
    project = tomllib.loads(read("pyproject.toml"))["project"]
    extras = project["optional-dependencies"]
    wanted = project["dependencies"] + [
        one for name in extras.keys() - {"test", "dev"} for one in extras[name]
    ]
    used = set(imported())
    for requirement in wanted:
        name = re.split(r"[^a-z0-9-]", requirement)[0]
        modules = {module(path) for path in metadata.files(name) or () if path.suffix == ".py"}
        assert modules & used, name


def imported() -> Iterator[str]:
    """Each module that one of ours names, and each name that it takes out of one."""
    for path in tracked_files():
        if path.suffix != ".py" or "tests" in path.parts:
            continue
        for node in ast.walk(ast.parse(path.read_text())):
            match node:
                case ast.Import(names):
                    yield from (one.name for one in names)
                case ast.ImportFrom(str(source), names):
                    yield source
                    yield from (f"{source}.{one.name}" for one in names)
                case ast.Call(ast.Name("import_module"), [ast.Constant(str(name))]):
                    yield name


def module(path: PurePath) -> str:
    return ".".join(path.with_suffix("").parts).removesuffix(".__init__")


def read(name: str) -> str:
    return (ROOT / name).read_text()


def dev(*arguments: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        ["sh", str(ROOT / "dev"), *arguments], capture_output=True, text=True, check=False
    )


def test_dev_alone_prints_help() -> None:
    """The first command a stranger tries explains the others."""
    done = dev()
    assert done.returncode == 0
    assert "./dev VERB" in done.stdout


def test_every_verb_of_dev_exists_and_is_explained() -> None:
    """The help and the script name the same verbs."""
    explained = set(re.findall(r"^  (\w+) {2,}\S", dev("help").stdout, re.MULTILINE))
    branches = re.findall(r"^    ([a-z| -]+)\) (?!usage)", read("dev"), re.MULTILINE)
    assert explained == {name for branch in branches for name in branch.split(" | ")}


def test_an_unknown_verb_is_refused() -> None:
    """A misspelt verb installs nothing, shows the help and fails."""
    done = dev("tset")
    assert done.returncode != 0
    assert "no verb called tset" in done.stderr
    assert "./dev VERB" in done.stderr


@pytest.mark.parametrize("name", ["dev", ".ci/run"])
def test_the_doors_can_be_opened(name: str) -> None:
    """A fresh clone needs no chmod, and a shell reads the script without complaint."""
    assert (ROOT / name).stat().st_mode & stat.S_IXUSR
    shell = read(name).splitlines()[0].split()[-1].rsplit("/", 1)[-1]
    subprocess.run([shell, "-n", str(ROOT / name)], check=True)


def test_the_licence_is_apache_in_full() -> None:
    """The licence that pyproject.toml names is there, to its last section."""
    text = read("LICENSE")
    assert 'license = "Apache-2.0"' in read("pyproject.toml")
    assert "TERMS AND CONDITIONS FOR USE, REPRODUCTION, AND DISTRIBUTION" in text
    assert "9. Accepting Warranty or Additional Liability" in text


def test_compose_and_systemd_give_scsync_time_to_finish() -> None:
    """scsync finishes within 10 s of SIGTERM; whoever stops it waits longer than that."""
    assert "stop_grace_period: 15s" in read("docker-compose.yml")
    units = list((ROOT / "deploy/systemd").glob("*.service"))
    assert len(units) == 5
    for unit in units:
        assert "TimeoutStopSec=15" in unit.read_text()
        assert "Restart=always" in unit.read_text()


def test_what_the_units_want_is_made_by_the_lines_shown() -> None:
    """User, program and settings: a unit for which a page makes none would not start."""
    (lines,) = re.findall(r"(?ms)^```sh\n(sudo .*?)^```", read("docs/observability.md"))
    for unit in (ROOT / "deploy/systemd").glob("*.service"):
        text = unit.read_text()
        for key in ("User", "EnvironmentFile", "StateDirectory"):
            (wanted,) = re.findall(rf"^{key}=(.*)", text, re.MULTILINE)
            assert wanted in lines
        (program,) = re.findall(r"^ExecStart=(\S+)/bin/scsync", text, re.MULTILINE)
        assert f"-m venv {program}\n" in lines


def test_what_is_scaled_out_has_a_console() -> None:
    """By compose and by systemd: else there is no page, no /readyz, and nothing to scrape."""
    services = yaml.safe_load(read("docker-compose.yml"))["services"]
    console, pod = services["console"], services[services["console"]["network_mode"][8:]]
    served = re.fullmatch(
        r"scsync console --host 0\.0\.0\.0 --port (\d+)", " ".join(console["command"])
    )
    assert served
    assert pod["ports"] == [f"127.0.0.1:{served[1]}:{served[1]}"]
    assert console["environment"]["SCSYNC_CONSOLE_TOKEN"].startswith("${SCSYNC_CONSOLE_TOKEN:?")
    assert "\nSCSYNC_CONSOLE_TOKEN=" in read(".env.example")
    units = [unit.read_text() for unit in (ROOT / "deploy/systemd").glob("*.service")]
    started = {found for unit in units for found in re.findall(r"ExecStart=\S+/scsync (.*)", unit)}
    assert started == {"up", "scheduler", "worker", "console", "mcp --http"}


def test_every_setting_in_the_example_is_one_of_ours() -> None:
    """.env.example names no setting that scsync would ignore."""
    from config.settings import Settings  # noqa: PLC0415  # the one test here that needs a room

    named = re.findall(r"^#?SCSYNC_(\w+)=", read(".env.example"), re.MULTILINE)
    assert named
    assert {name.lower() for name in named} <= Settings.model_fields.keys()
