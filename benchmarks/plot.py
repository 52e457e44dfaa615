"""The stores side by side as bars, in plain SVG with a ground of its own, for pages that are light or dark."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import NamedTuple
from xml.sax.saxutils import escape

from outcome import AGGRESSIVE, COMPACT, GIT, OURS, PLAIN, Outcome, Row, put_seconds

SHOWN = {
    COMPACT: "pithstore, compacted",
    OURS: "pithstore, as it was put",
    PLAIN: "plain LMDB",
    "SQLite + zstd": "SQLite + zstd",
    "RocksDB + zstd, compact": "RocksDB + zstd",
    GIT: "git, fast-import",
    AGGRESSIVE: "git, gc --aggressive",
}


class Measure(NamedTuple):
    """A number of each store, what one says of a store that is better at it, and whether more is better."""

    title: str
    beats: str
    more: bool
    value: Callable[[Outcome, Row], float]

    def text(self, outcome: Outcome, row: Row) -> str:
        return f"{self.value(outcome, row):,.0f}"


MEASURES = (
    Measure(
        "bytes a version",
        "takes fewer bytes a version",
        False,
        lambda outcome, row: row["bytes"] / outcome["versions"],
    ),
    Measure(
        "records put a second",
        "puts more records a second",
        True,
        lambda outcome, row: outcome["records"] / put_seconds(row),
    ),
    Measure("get, µs", "gets a version in fewer µs", False, lambda _, row: row["get_p50_us"]),
    Measure(
        "full verify, MB/s",
        "verifies more MB a second",
        True,
        lambda outcome, row: outcome["ceilings"]["unique_bytes"] / 1e6 / row["verify_seconds"],
    ),
)

WIDTH, LABELS, PANEL, BAR = 960, 208, 186, 114
TOP, LINE, THICK = 62, 27, 15
STYLE = """
text { font: 13px system-ui, -apple-system, "Segoe UI", Helvetica, Arial, sans-serif; fill: #1f2328 }
.title { font-weight: 600 } .small { font-size: 11px; fill: #59636e } .ours { font-weight: 600 }
.ground { fill: #ffffff; stroke: #d0d7de } .bar { fill: #aab4c0 } .bar.ours { fill: #1f6feb }
@media (prefers-color-scheme: dark) {
  text { fill: #e6edf3 } .small { fill: #9da7b3 }
  .ground { fill: #0d1117; stroke: #3d444d } .bar { fill: #59636e } .bar.ours { fill: #58a6ff }
}
"""


def shown(outcome: Outcome) -> dict[str, Row]:
    """The rows that are compared, under the names that a reader knows."""
    return {title: outcome["stores"][name] for name, title in SHOWN.items() if name in outcome["stores"]}


def svg(outcome: Outcome) -> str:
    """A picture with a panel for each measure and a bar for each store."""
    rows = shown(outcome)
    height = TOP + LINE * len(rows) + 16
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" width="{WIDTH}" role="img">',
        f"<title>{escape(', '.join(measure.title for measure in MEASURES))} of {len(rows)} stores</title>",
        f"<style>{STYLE}</style>",
        f'<rect class="ground" x="0.5" y="0.5" width="{WIDTH - 1}" height="{height - 1}" rx="8"/>',
        *(label(title, place) for place, title in enumerate(rows)),
        *(line for place, measure in enumerate(MEASURES) for line in panel(outcome, rows, measure, place)),
        "</svg>",
    ]
    return "\n".join(parts) + "\n"


def label(title: str, place: int) -> str:
    return text(LABELS - 10, middle(place), title, kind(title), "end")


def panel(outcome: Outcome, rows: dict[str, Row], measure: Measure, place: int) -> Iterator[str]:
    left = LABELS + place * PANEL
    values = {title: measure.value(outcome, row) for title, row in rows.items()}
    yield text(left, 26, measure.title, "title")
    yield text(left, 43, "more is better" if measure.more else "less is better", "small")
    for line, (title, value) in enumerate(values.items()):
        width = max(1.0, BAR * value / max(values.values()))
        bar = f'x="{left}" y="{TOP + line * LINE}" width="{width:.1f}" height="{THICK}" rx="2"'
        yield f'<rect class="bar {kind(title)}" {bar}/>'
        yield text(left + width + 6, middle(line), measure.text(outcome, rows[title]), kind(title))


def middle(line: int) -> float:
    """The base line of the text beside a bar."""
    return TOP + line * LINE + THICK - 3


def kind(title: str) -> str:
    return "ours" if title.startswith(OURS) else ""


def text(x: float, y: float, words: str, style: str, anchor: str = "start") -> str:
    return f'<text x="{x:.1f}" y="{y}" class="{style}" text-anchor="{anchor}">{escape(words)}</text>'
