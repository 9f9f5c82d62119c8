"""The pages say what the tests prove: no name in them may be made up."""

import re
from pathlib import Path

from conformance.situations import SITUATIONS

ROOT = Path(__file__).parent.parent
PAGE = (ROOT / "docs/correctness.md").read_text()
SOURCES = "\n".join(path.read_text() for path in sorted((ROOT / "tests").rglob("*.py")))


def test_every_test_that_the_page_names_exists():
    names = set(re.findall(r"`(test_\w+)`", PAGE))
    assert len(names) > 30
    assert names - set(re.findall(r"def (test_\w+)\(", SOURCES)) == set()


def test_every_situation_is_on_the_page_and_exists():
    named = set(re.findall(r"`situations\[([^`]+)\]`", PAGE)) - {"NAME"}
    assert set(SITUATIONS) - named == set()
    assert {name for name in named if f'"{name}"' not in SOURCES} == set()


def test_links_lead_to_files():
    for page in [ROOT / "README.md", *(ROOT / "docs").glob("*.md")]:
        for target in re.findall(r"\]\((?!http)([^)#]+)\)", page.read_text()):
            assert (page.parent / target).exists(), f"{page.name}: {target}"
