"""A comparison of builders as HTML with plots: a fragment for notebooks, and a page that stands alone.  Pure.

Nothing is fetched and nothing runs; all that a record says is escaped.  Each bar has its number beside it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from pithstore.builders.section_comparison import ComparedBuilders, OperationCount, PairExample, SectionComparison
from pithstore.rendering.builder_words import (
    SIGNS,
    Fact,
    changed_inside,
    diff_command,
    facts,
    note,
    percent,
    places,
    sampled,
    values,
)
from pithstore.rendering.markup import escape_html

_PLACES, _VALUE, _DETAILS = 12, 60, 50
_KINDS = {"add": "added", "remove": "removed"}
_NUMBER, _NUMBERS = ' class="number"', ("share", "changed", "pairs")

# The colours suit a light ground and a dark one; all else is the colour of the text, more or less of it.
_STYLE = """
.pith-builders{font:15px/1.5 system-ui,sans-serif;max-width:64rem}
.pith-builders h1{font-size:1.5rem;line-height:1.25;margin:0 0 1rem;overflow-wrap:anywhere}
.pith-builders h2{font-size:1.05rem;margin:2rem 0 .5rem;overflow-wrap:anywhere}
.pith-builders .facts{display:grid;grid-template-columns:repeat(auto-fit,minmax(13rem,1fr));gap:.75rem;margin:0}
.pith-builders .facts div{border:1px solid rgba(128,128,128,.35);border-radius:.5rem;padding:.6rem .8rem}
.pith-builders .facts dt{font-size:1.5rem;font-weight:600;font-variant-numeric:tabular-nums}
.pith-builders .facts dd{margin:0;font-size:.85rem;overflow-wrap:anywhere}
.pith-builders .wide{overflow-x:auto}
.pith-builders table{border-collapse:collapse;width:100%;min-width:38rem;font-size:.9rem}
.pith-builders th,.pith-builders td{padding:.2rem .5rem;text-align:left;vertical-align:middle;border:0}
.pith-builders thead th{font-weight:400;opacity:.7}
.pith-builders tbody th{font-weight:500;overflow-wrap:anywhere;min-width:7rem}
.pith-builders .number{text-align:right;font-variant-numeric:tabular-nums;white-space:nowrap}
.pith-builders .plot{width:40%;min-width:5rem}
.pith-builders .sections td:last-child{white-space:nowrap}
.pith-builders .places{table-layout:fixed}
.pith-builders .places th:nth-child(1){width:36%}
.pith-builders .places th:nth-child(2){width:20%}
.pith-builders .places th:nth-child(3){width:4.5rem}
.pith-builders svg{display:block;width:100%;height:.8rem}
.pith-builders .track{fill:rgba(128,128,128,.18)}
.pith-builders .changed{fill:#3d8bd4}
.pith-builders .added{fill:#2f9e66}
.pith-builders .removed{fill:#d9574f}
.pith-builders .key{display:inline-block;width:.8rem;vertical-align:-.05rem;margin:0 .3rem 0 .9rem}
.pith-builders code{font:.85rem ui-monospace,monospace;overflow-wrap:anywhere}
.pith-builders .quiet{opacity:.75;font-size:.85rem}
.pith-builders ul{margin:.3rem 0;padding-left:1.2rem}
"""
_PAGE_STYLE = """
:root{color-scheme:light dark}
body{margin:0;padding:2rem 1.25rem;background:#fff;color:#1c2128}
main{margin:0 auto;max-width:64rem}
@media (prefers-color-scheme:dark){body{background:#0f1318;color:#dbe2ea}}
"""
_POLICY = "default-src 'none'; style-src 'unsafe-inline'"
"""What the page may do, said to the browser: be styled."""


def comparison_page(compared: ComparedBuilders) -> str:
    """The comparison as one file of HTML."""
    title = escape_html(f"{compared.before} → {compared.after}: what the builder changed")
    return (
        f'<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        f'<meta http-equiv="Content-Security-Policy" content="{_POLICY}">\n'
        f'<meta name="viewport" content="width=device-width,initial-scale=1">\n'
        f"<title>{title}</title>\n<style>{_PAGE_STYLE}</style>\n</head>\n"
        f"<body>\n<main>\n{comparison_html(compared)}\n</main>\n</body>\n</html>\n"
    )


def comparison_html(compared: ComparedBuilders) -> str:
    """The comparison as a fragment that brings its own style."""
    parts = [
        f"<style>{_STYLE}</style>",
        f"<h1>{escape_html(compared.before)} → {escape_html(compared.after)}</h1>",
        f'<dl class="facts">{"".join(map(_fact, facts(compared, escape_html)))}</dl>',
        *(_overview(compared.sections) if compared.sections else ()),
        *_details(compared.sections),
    ]
    return '<div class="pith-builders">\n' + "\n".join(parts) + "\n</div>"


def _fact(fact: Fact) -> str:
    examples = ", ".join(f"<code>{escape_html(str(ref))}</code>" for ref in fact.examples)
    return f"<div><dt>{fact.count:,}</dt><dd>{fact.words}{f'<br>{examples}' if examples else ''}</dd></div>"


def _overview(sections: Iterable[SectionComparison]) -> Iterator[str]:
    yield "<h2>How often each section changed</h2>"
    keys = "".join(map(_key, ("changed", "added", "removed")))
    yield f'<p class="quiet">The share of the pairs in which the section is, counted over all of them.{keys}</p>'
    heads = ("section", "", "share", "changed", "pairs", "")
    yield _table("sections", heads, map(_section_row, sections))


def _key(kind: str) -> str:
    bar = f'<rect class="{kind}" width="100%" height="100%"/>'
    return f'<span class="key"><svg aria-hidden="true">{bar}</svg></span>{kind}'


def _section_row(section: SectionComparison) -> str:
    inside, pairs = changed_inside(section), section.pairs
    parts = (("changed", inside), ("added", section.added), ("removed", section.removed))
    return _row(
        escape_html(section.section),
        "" if section.names_builder else _bar(parts, pairs),
        (percent(section.changed, pairs), f"{section.changed:,}", f"{pairs:,}"),
        f'<span class="quiet">{note(section)}</span>',
    )


def _details(sections: Iterable[SectionComparison]) -> Iterator[str]:
    """Where the sections changed that are in both, and pairs in which the others came or went."""
    shown = [section for section in sections if section.examples and not section.names_builder]
    inside = [section for section in shown if changed_inside(section) and section.pointers]
    for section in inside[:_DETAILS]:
        yield f"<h2>{escape_html(section.section)}</h2>"
        yield from _places(section)
        yield f"<ul>{''.join(map(_example, section.examples))}</ul>"
    if len(inside) > _DETAILS:
        yield f'<p class="quiet">and {len(inside) - _DETAILS:,} more sections that changed less often</p>'
    if whole := [section for section in shown if section not in inside]:
        yield "<h2>Sections that came or went</h2>"
        yield f"<ul>{''.join(map(_whole_section, whole[:_DETAILS]))}</ul>"


def _whole_section(section: SectionComparison) -> str:
    first = f"<code>{escape_html(diff_command(section.examples[0]))}</code>"
    return f"<li>{escape_html(section.section)}: {note(section)}, as in {first}</li>"


def _places(section: SectionComparison) -> Iterator[str]:
    yield f'<p class="quiet">Where, in {sampled(section)}: ~ replaced, + added, - removed, &gt; moved.</p>'
    listed = places(section)
    heads = ("place", "", "pairs", "as in")
    rows = (_place_row(pointer, done, section.sampled) for pointer, done in listed[:_PLACES])
    yield _table("places", heads, rows)
    if left := len(listed[_PLACES:]):
        yield f'<p class="quiet">and {left:,} more</p>'


def _place_row(pointer: str, done: OperationCount, whole: int) -> str:
    return _row(
        f"<code>{escape_html(SIGNS[done.op])}&nbsp;{escape_html(pointer)}</code>",
        _bar(((_KINDS.get(done.op, "changed"), done.count),), whole),
        (f"{done.count:,}",),
        f"<code>{escape_html(values(done, _VALUE))}</code>",
    )


def _example(example: PairExample) -> str:
    return f"<li><code>{escape_html(diff_command(example))}</code></li>"


def _table(kind: str, heads: Iterable[str], rows: Iterable[str]) -> str:
    shown = "".join(f"<th{_NUMBER if head in _NUMBERS else ''}>{head}</th>" for head in heads)
    body = "\n".join(rows)
    table = f'<table class="{kind}"><thead><tr>{shown}</tr></thead><tbody>\n{body}\n</tbody></table>'
    return f'<div class="wide">{table}</div>'


def _row(name: str, bar: str, numbers: Iterable[str], remark: str) -> str:
    cells = "".join(f"<td{_NUMBER}>{number}</td>" for number in numbers)
    return f'<tr><th scope="row">{name}</th><td class="plot">{bar}</td>{cells}<td>{remark}</td></tr>'


def _bar(parts: Iterable[tuple[str, int]], whole: int) -> str:
    """A bar of these parts of a whole, one after the other; the numbers beside it say the same."""
    rects, start = ['<rect class="track" width="100%" height="100%"/>'], 0.0
    for kind, count in parts:
        if count:
            width = 100 * count / whole
            rects.append(f'<rect class="{kind}" x="{start:.2f}%" width="{max(width, 0.3):.2f}%" height="100%"/>')
            start += width
    return f'<svg aria-hidden="true">{"".join(rects)}</svg>'
