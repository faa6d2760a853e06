"""`make deb`: wheel, .deb and bill of materials into dist/, the same bytes from the same source."""

import argparse
import gzip
import os
import re
import shutil
import subprocess
import sys
import tempfile
import tomllib
from datetime import UTC, datetime
from pathlib import Path

from man_pages import man_pages
from sbom import bill
from tree import (
    APPLIANCE,
    PORTAL,
    ROOT,
    Package,
    even_out,
    make_environment,
    place_completion,
    place_static,
    put,
    run,
)

SCRIPTS = ("preinst", "postinst", "prerm", "postrm")
CONTROL = """\
Package: {name}
Version: {version}
Architecture: {architecture}
Maintainer: tm-tui maintainers <root@localhost>
Installed-Size: {kilobytes}
Depends: python3 (>= {python}~), python3 (<< {next_python}~), systemd, ca-certificates, init-system-helpers
{more}"""
MORE = {
    APPLIANCE.name: """\
Recommends: openssh-server
Section: admin
Priority: optional
Description: Threat Mitigator console and agent
 Registers a Threat Mitigator appliance with the Threat Management Services
 Portal, sends its logs there, and shows an admin on a terminal how it stands.
""",
    PORTAL.name: """\
Suggests: postgresql, haproxy
Section: admin
Priority: optional
Description: Threat Management Services Portal, on one's own premises
 Registers Threat Mitigator appliances, takes their beats, logs and cases, and
 gives them patterns and reports. Operators see all of it in a browser.
""",
}


def source_moment() -> int:
    """SOURCE_DATE_EPOCH, else the time of the last commit."""
    if given := os.environ.get("SOURCE_DATE_EPOCH"):
        return int(given)
    command = ["git", "-C", str(ROOT), "log", "-1", "--format=%ct"]
    return int(subprocess.run(command, check=True, capture_output=True, text=True).stdout)


def build_wheel(target: Path, moment: int, version: str) -> Path:
    """Build our wheel from a copy of the source that holds nothing else, under this version."""
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder) / "source"
        copy.mkdir()
        for name in ("tm_tui", "screens", "docs"):
            shutil.copytree(
                ROOT / name, copy / name, ignore=shutil.ignore_patterns("__pycache__", "pictures")
            )
        for name in ("pyproject.toml", "README.md", "LICENSE"):
            shutil.copy(ROOT / name, copy)
        project = copy / "pyproject.toml"
        project.write_text(
            re.sub(r'(?m)^version = ".*"$', f'version = "{version}"', project.read_text(), count=1)
        )
        about = copy / "tm_tui" / "__init__.py"
        about.write_text(re.sub(r'(?m)^__version__ = ".*"$', f'__version__ = "{version}"', about.read_text()))
        command = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(target)]
        run(
            *command,
            cwd=copy,
            env={**os.environ, "SOURCE_DATE_EPOCH": str(moment)},
            stdout=subprocess.DEVNULL,
        )
    return target / f"tm_tui-{version}-py3-none-any.whl"


def output_of(*command: str) -> str:
    """What a command prints."""
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()


def control_files(tree: Path, version: str, python: str, package: Package = APPLIANCE) -> None:
    """DEBIAN/: what dpkg must know, and the scripts of the package's life."""
    minor = output_of(python, "-c", "import sys; print(*sys.version_info[:2], sep='.')")
    major, _, number = minor.partition(".")
    text = CONTROL.format(
        name=package.name,
        more=MORE[package.name],
        version=version,
        architecture=output_of("dpkg", "--print-architecture"),
        kilobytes=sum(path.lstat().st_size for path in tree.rglob("*") if path.is_file()) // 1024,
        python=minor,
        next_python=f"{major}.{int(number) + 1}",
    )
    put(tree / "DEBIAN" / "control", text)
    for name in SCRIPTS:
        script = (ROOT / "packaging" / package.scripts / name).read_text().replace("@VERSION@", version)
        put(tree / "DEBIAN" / name, script, 0o755)


def documents(tree: Path, version: str, moment: int, sbom: str, package: Package = APPLIANCE) -> None:
    """Man pages (of the appliance's package), the changelog, the licence's name, the bill of materials."""
    share = tree / "usr" / "share"
    for name, page in man_pages(version, moment).items() if package is APPLIANCE else ():
        packed = share / "man" / f"man{name[-1]}" / f"{name}.gz"
        packed.parent.mkdir(parents=True, exist_ok=True)
        packed.write_bytes(gzip.compress(page.encode(), mtime=0))
    doc = share / "doc" / package.name
    put(doc / "copyright", f"tm-tui: Apache-2.0. Libraries: see sbom.cdx.json and /opt/{package.name}.\n")
    put(doc / "CHANGELOG.md", (ROOT / "CHANGELOG.md").read_text())
    put(doc / "sbom.cdx.json", sbom)
    for path in sorted((ROOT / "docs").glob("*.md")):
        put(doc / path.name, path.read_text())
    for path in sorted((ROOT / "docs" / "pictures").glob("*.svg")):
        put(doc / "pictures" / path.name, path.read_text())
    for path in sorted((ROOT / "docs" / "pictures").glob("*.webp")) if package is not APPLIANCE else ():
        shutil.copyfile(path, doc / "pictures" / path.name)  # of the portal's pages


def build(target: Path, version: str, python: str, compression: str, package: Package = APPLIANCE) -> Path:
    """Build all into `target`; the .deb."""
    target.mkdir(parents=True, exist_ok=True)
    moment = source_moment()
    os.umask(0o022)
    wheel = build_wheel(target, moment, version)
    with tempfile.TemporaryDirectory() as folder:
        tree = Path(folder) / "tree"
        libraries = make_environment(tree, python, wheel, package)
        place_static(tree, package)
        if package is APPLIANCE:
            place_completion(tree, str(Path(sys.executable).with_name("tm-tui")))
        pinned = (ROOT / "requirements" / package.requirements).read_text()
        when = datetime.fromtimestamp(moment, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        sbom = bill(version, pinned, libraries, when)
        put(target / f"{package.name}-{version}.cdx.json", sbom)
        documents(tree, version, moment, sbom, package)
        control_files(tree, version, python, package)
        even_out(tree, moment)
        deb = target / f"{package.name}_{version}_{output_of('dpkg', '--print-architecture')}.deb"
        options = ["--root-owner-group", f"-Z{compression}", "--threads-max=1"]
        fixed = {**os.environ, "SOURCE_DATE_EPOCH": str(moment)}
        run("dpkg-deb", *options, "--build", tree, deb, env=fixed, stdout=subprocess.DEVNULL)
    return deb


def main() -> None:
    """Read the command line and build."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--output", type=Path, default=ROOT / "dist")
    parser.add_argument("--version", default=project["version"], help="for trying upgrades")
    parser.add_argument("--python", default="/usr/bin/python3", help="the interpreter of the appliance")
    parser.add_argument("--compression", default="zstd", choices=["zstd", "xz", "gzip", "none"])
    parser.add_argument("--wheel-only", action="store_true")
    parser.add_argument("--portal", action="store_true", help="the portal's package, not the appliance's")
    given = parser.parse_args()
    if given.wheel_only:
        given.output.mkdir(parents=True, exist_ok=True)
        print(build_wheel(given.output.resolve(), source_moment(), given.version))
    else:
        package = PORTAL if given.portal else APPLIANCE
        print(build(given.output.resolve(), given.version, given.python, given.compression, package))


if __name__ == "__main__":
    main()
