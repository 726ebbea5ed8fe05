"""How Sphinx renders this folder: `make docs`. Pages are also read on a Git web page, so they hold no directives."""

import os
import re
import tomllib
from pathlib import Path

from sphinx.application import Sphinx

HERE = Path(__file__).parent
ROOT = HERE.parent
# Pages that only lead to a file elsewhere in the repository, which is what they show on the site.
ELSEWHERE = {
    "deployment": ROOT / "deploy/README.md",
    "python-client": ROOT / "clients/python/README.md",
    "changelog": ROOT / "CHANGELOG.md",
}
LINK = re.compile(r"\]\((?!\w+:|#)([^)#\s]+)")

project = "voiceprint"
version = release = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]
extensions = ["myst_parser"]
exclude_patterns = ["sphinx.txt"]
nitpicky = True
# Headings are linked to as on a Git web page, and those links are checked.
myst_heading_anchors = 4
html_theme = "furo"
html_title = f"voiceprint {version}"
html_copy_source = False
html_show_copyright = False
html_theme_options = {"top_of_page_buttons": []}


def _read(_app: Sphinx, page: str, source: list[str]) -> None:
    if page in ELSEWHERE:
        source[0] = ELSEWHERE[page].read_text()
    source[0] = _led(source[0], ELSEWHERE.get(page, HERE / page).parent)
    if page == "index":
        source[0] = _with_its_contents(source[0])


def _led(text: str, folder: Path) -> str:
    """`text` of a page in `folder` with its links as they lead from this one, to pages of the site where there are."""
    pages = {path: f"{page}.md" for page, path in ELSEWHERE.items()}

    def led(link: re.Match[str]) -> str:
        target = Path(os.path.normpath(folder / link[1]))
        return f"]({pages.get(target) or os.path.relpath(target, HERE)}"

    return LINK.sub(led, text)


def _with_its_contents(text: str) -> str:
    """The site's navigation is made of the index's own lists, a part for each heading."""
    for title, section in re.findall(r"^## (.+)\n((?:(?!## ).*\n?)*)", text, re.MULTILINE):
        links = re.findall(r"^- \[([^\]]+)\]\(([\w-]+)\.md\)", section, re.MULTILINE)
        pages = [f"{name} <{page}>" for name, page in links]
        if pages:
            text += "\n".join(["\n```{toctree}", ":hidden:", f":caption: {title}", "", *pages, "```\n"])
    return text


def setup(app: Sphinx) -> None:
    """Called by Sphinx."""
    app.connect("source-read", _read)
