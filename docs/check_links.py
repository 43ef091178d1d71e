"""Check that every link between this repository's own pages leads somewhere.

    python docs/check_links.py

Looks at relative links and at links to headings; what is on the web is not visited.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PAGES = ("*.md", "docs/**/*.md", "tests/**/*.md", "backends/*/*.md", "examples/**/*.md")
FENCED = re.compile(r"^(```|~~~).*?^\1", re.DOTALL | re.MULTILINE)
CODE = re.compile(r"`[^`\n]*`")
LINK = re.compile(r"\[[^\]\n]*\]\(\s*([^)\s]+)[^)]*\)")
HEADING = re.compile(r"^#+\s+(.+?)\s*#*$", re.MULTILINE)
ELSEWHERE = re.compile(r"[a-z][a-z+.-]*:")


def broken_links(page: Path) -> Iterator[str]:
    """Links of one page that lead nowhere."""
    text = CODE.sub("", FENCED.sub("", page.read_text(encoding="utf-8")))
    for target in LINK.findall(text):
        if ELSEWHERE.match(target):
            continue
        name, _, anchor = target.partition("#")
        goal = (page.parent / name).resolve() if name else page
        if not goal.exists():
            yield f"{page.relative_to(ROOT)}: no file {name}"
        elif anchor and goal.suffix == ".md" and anchor not in anchors(goal):
            yield f"{page.relative_to(ROOT)}: no heading #{anchor} in {goal.relative_to(ROOT)}"


def anchors(page: Path) -> set[str]:
    """The names by which a page's headings can be linked to."""
    headings = HEADING.findall(FENCED.sub("", page.read_text(encoding="utf-8")))
    plain = (re.sub(r"[^\w\- ]", "", heading.lower()) for heading in headings)
    return {heading.replace(" ", "-") for heading in plain}


def main() -> int:
    """Print what is broken; 1 if anything is."""
    pages = sorted({page for pattern in PAGES for page in ROOT.glob(pattern)})
    broken = [line for page in pages for line in broken_links(page)]
    sys.stdout.write("\n".join([*broken, f"{len(pages)} pages, {len(broken)} broken links\n"]))
    return 1 if broken else 0


if __name__ == "__main__":
    sys.exit(main())
