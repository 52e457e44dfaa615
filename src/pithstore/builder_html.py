"""A comparison of builders as HTML with plots: a fragment for notebooks, and a page that stands alone.  Pure.

Nothing is fetched and nothing runs; all that a record says is escaped.  Each bar has its number beside it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from pithstore.builder_words import Fact, changed_inside, cut, facts, note, percent, sampled, signs, values
from pithstore.markup import escape_html
from pithstore.section_comparison import ComparedBuilders, PairExample, PointerCount, SectionComparison

_POINTERS, _VALUE, _DETAILS = 12, 60, 50

# The colours suit a light ground and a dark one; all else is the colour of the text, more or less of it.
_STYLE = """
.pith-builders{font:15px/1.5 system-ui,sans-serif;max-width:64rem}
.pith-builders h1{font-size:1.5rem;line-height:1.25;margin:0 0 1rem;overflow-wrap:anywhere}
.pith-builders h2{font-size:1.05rem;margin:2rem 0 .5rem;overflow-wrap:anywhere}
.pith-builders .facts{display:grid;grid-template-columns:repeat(auto-fit,minmax(13rem,1fr));gap:.75rem;margin:0}
.pith-builders .facts div{border:1px solid rgba(128,128,128,.35);border-radius:.5rem;padding:.6rem .8rem}
.pith-builders .facts dt{font-size:1.5rem;font-weight:600;font-variant-numeric:tabular-nums}
.pith-builders .facts dd{margin:0;font-size:.85rem;overflow-wrap:anywhere}
.pith-builders table{border-collapse:collapse;width:100%;font-size:.9rem}
.pith-builders th,.pith-builders td{padding:.2rem .5rem;text-align:left;vertical-align:middle;border:0}
.pith-builders thead th{font-weight:400;opacity:.7}
.pith-builders tbody th{font-weight:500;overflow-wrap:anywhere;min-width:7rem}
.pith-builders .number{text-align:right;font-variant-numeric:tabular-nums;white-space:nowrap}
.pith-builders .plot{width:40%;min-width:7rem}
.pith-builders svg{display:block;width:100%;height:.8rem}
.pith-builders .track{fill:rgba(128,128,128,.18)}
.pith-builders .changed{fill:#3d8bd4}
.pith-builders .added{fill:#2f9e66}
.pith-builders .removed{fill:#d9574f}
.pith-builders .key{display:inline-block;width:.8rem;height:.8rem;vertical-align:-.05rem;margin:0 .3rem 0 .9rem}
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
    keys = (("changed", "changed inside"), ("added", "added"), ("removed", "removed"))
    shown = "".join(f'<svg class="key" aria-hidden="true"><rect class="{kind}" width="100%" height="100%"/></svg>{name}' for kind, name in keys)
    yield f'<p class="quiet">Share of the pairs that have the section, from digests of all of them.{shown}</p>'
    heads = '<th>section</th><th></th><th class="number">share</th><th class="number">changed</th><th class="number">pairs</th><th></th>'
    yield f"<table><thead><tr>{heads}</tr></thead><tbody>{''.join(map(_section_row, sections))}</tbody></table>"
