"""Every link in the documentation leads somewhere."""

import re
from pathlib import Path
from urllib.parse import unquote

LINK = re.compile(r"(?<!\\)\[(?:[^\]\[]|\[[^\]]*\])*\]\(\s*<?([^)\s>]+)>?[^)]*\)")
FENCE = re.compile(r"^(```|~~~).*?^\1\s*$", flags=re.M | re.S)


def anchors(text: str) -> set[str]:
    """The anchors a forge makes of the headings of a page."""
    found: set[str] = set()
    for heading in re.findall(r"^#{1,6} +(.+?) *#*$", FENCE.sub("", text), flags=re.M):
        plain = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", heading).replace("`", "")
        slug = re.sub(r"[^\w\- ]", "", plain.lower()).replace(" ", "-")
        number = sum(1 for name in found if name == slug or re.fullmatch(rf"{re.escape(slug)}-\d+", name))
        found.add(f"{slug}-{number}" if number else slug)
    return found


def links(text: str) -> list[str]:
    return LINK.findall(FENCE.sub("", text))


def problem(page: Path, link: str, pages: dict[Path, str], root: Path) -> str | None:
    """What is wrong with a link of a page, or None."""
    target, _, anchor = link.partition("#")
    place = (page.parent / unquote(target)).resolve() if target else page
    if not place.is_relative_to(root):
        return "leads out of the repository"
    if not place.exists():
        return "leads nowhere"
    if anchor and place.suffix == ".md" and anchor not in anchors(pages[place]):
        return "names a heading that is not there"
    return None


def test_every_relative_link_leads_to_a_file_and_a_heading(pages, root):
    broken = [
        f"{page.relative_to(root)}: {link} {found}"
        for page, text in pages.items()
        for link in links(text)
        if "://" not in link and not link.startswith("mailto:") and (found := problem(page, link, pages, root))
    ]
    assert broken == []


def test_links_to_the_outside_use_https(pages, root):
    plain = [
        f"{page.relative_to(root)}: {link}"
        for page, text in pages.items()
        for link in links(text)
        if link.startswith("http://") and not re.match(r"http://(127\.0\.0\.1|localhost)[:/]", link)
    ]
    assert plain == []


def test_every_page_of_the_documentation_can_be_reached_from_its_index(pages, root):
    index = root / "docs/index.md"
    listed = {(index.parent / link.partition("#")[0]).resolve() for link in links(pages[index]) if "://" not in link}
    missing = [
        str(page.relative_to(root)) for page in pages if page.is_relative_to(root / "docs") and page not in listed
    ]
    assert missing == ["docs/index.md"]


def test_the_checker_sees_a_broken_link(tmp_path):
    page, other = tmp_path / "a.md", tmp_path / "b.md"
    page.write_text("x")
    other.write_text("# A title with `code`, and more\n")
    pages = {page: page.read_text(), other: other.read_text()}
    assert links("see [that](b.md#x) and ```\n[not](this.md)\n```") == ["b.md#x", "this.md"]
    assert links("```\n[not](this.md)\n```\n") == []
    assert problem(page, "b.md#a-title-with-code-and-more", pages, tmp_path) is None
    assert problem(page, "b.md#elsewhere", pages, tmp_path) == "names a heading that is not there"
    assert problem(page, "c.md", pages, tmp_path) == "leads nowhere"
    assert problem(page, "../../etc/passwd", pages, tmp_path) == "leads out of the repository"
