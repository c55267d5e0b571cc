"""Pictures of the report: drawn once by matplotlib, for the page and for papers.

On the page a picture is SVG text that follows the page's light or dark: it is drawn in print
colours, which are then replaced by CSS variables of the page. Text stays text. The output is a
function of the data alone.
"""

import dataclasses
import functools
import io
import os
import re
from collections.abc import Callable
from html import escape
from typing import NamedTuple

import matplotlib
from matplotlib.figure import Figure

PAPER_DPI = 300
_MARKERS = ("o", "s", "^", "D")
_STRONG_FIRST = (1, 3, 5, 0, 6, 4, 2)


class Colours(NamedTuple):
    """Colours by their part in a picture; `groups` tells classes or runs apart."""

    ink: str
    muted: str
    line: str
    accent: str
    second: str
    paper: str
    groups: tuple[str, ...]

    def group(self, index: int) -> tuple[str, str]:
        """Returns colour and marker of a class, different for the first 28."""
        count = len(self.groups)
        return self.groups[index % count], _MARKERS[index // count % len(_MARKERS)]

    def run(self, index: int) -> tuple[str, str]:
        """Returns colour and marker of a run, different for the first 28, strong colours first."""
        turn = index % len(_STRONG_FIRST)
        return self.group(index - turn + _STRONG_FIRST[turn])


# Paul Tol's "bright" scheme, told apart by most colour-blind readers; grey falls to neutral.
_GROUPS = ("#ccbb44", "#4477aa", "#999999", "#ee6677", "#66ccee", "#228833", "#aa3377")
# Each but once, and a white that nothing else has: they are found again in what is drawn.
COLOURS = Colours("#1d2127", "#565d66", "#d5d8dc", "#2563c9", "#c2570c", "#fffffe", _GROUPS)
_VARIABLES = {
    **{getattr(COLOURS, name): f"var(--{name})" for name in Colours._fields[:-1]},
    **{colour: f"var(--group{i})" for i, colour in enumerate(COLOURS.groups)},
}


@dataclasses.dataclass(frozen=True)
class Chart:
    """One picture.

    Attributes:
        name: unique on its page, letters, digits and dashes; also the name of its files.
        label: what is shown, for screen readers.
        draw: returns the figure, in `COLOURS`.
    """

    name: str
    label: str
    draw: Callable[[], Figure]

    def svg(self) -> str:
        """Returns an inline `<svg>` with page colours and ids that start with `name`."""
        svg = self._drawn
        svg = svg[svg.index("<svg") :]
        svg = re.sub(r"<metadata>.*?</metadata>|<style.*?</style>", "", svg, flags=re.DOTALL)
        svg = re.sub(r'(id="|url\(#|xlink:href="#)', rf"\g<1>{self.name}-", svg)
        size = re.search(r'viewBox="[^"]*"', svg).group()
        head = f'<svg class="chart" role="img" aria-label="{escape(self.label)}" {size}>'
        svg = re.sub(r"<svg[^>]*>", lambda _: head, svg, count=1)
        # The page styles the text and the line joins; matplotlib names the face it measured with.
        svg = re.sub(r"font: ([\d.]+px)[^;\"]*", r"font-size: \1", svg)
        svg = re.sub(r"font-family: [^;\"]*; ", "", svg)
        svg = re.sub(r"(\d\.\d\d)\d+", r"\1", svg)  # a hundredth of a point is enough
        for colour, variable in _VARIABLES.items():
            svg = svg.replace(colour, variable)
        return svg.strip()

    def save(self, folder: str) -> None:
        """Writes `<name>.svg` and `<name>.png` in print colours into an existing folder."""
        path = os.path.join(folder, self.name)
        with open(f"{path}.svg", "w", encoding="utf-8") as file:
            file.write(self._drawn)
        with matplotlib.rc_context(_STYLE):
            self._figure.savefig(f"{path}.png", dpi=PAPER_DPI, pil_kwargs=_QUICK)

    @functools.cached_property
    def _drawn(self) -> str:
        """The picture as matplotlib writes it, its ground transparent."""
        target = io.StringIO()
        with matplotlib.rc_context({**_STYLE, "svg.hashsalt": self.name}):
            self._figure.savefig(target, format="svg", transparent=True, metadata=_NO_DATE)
        return target.getvalue()

    @functools.cached_property
    def _figure(self) -> Figure:
        """The figure with its parts in place, which each `savefig` would work out again, twice."""
        with matplotlib.rc_context(_STYLE):
            figure = self.draw()
            if engine := figure.get_layout_engine():
                engine.execute(figure)
                figure.set_layout_engine(None)
        return figure


_NO_DATE = {"Date": None}
_QUICK = {"compress_level": 2}  # half the time, and plain areas pack as well
_STYLE = {
    "svg.fonttype": "none",
    "text.parse_math": False,  # class names are text, whatever signs they contain
    "font.size": 9,
    "text.color": COLOURS.ink,
    "axes.edgecolor": COLOURS.line,
    "axes.labelcolor": COLOURS.muted,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "axes.axisbelow": True,
    "grid.color": COLOURS.line,
    "grid.linewidth": 0.6,
    "xtick.major.size": 0,
    "ytick.major.size": 0,
    "xtick.labelcolor": COLOURS.muted,
    "ytick.labelcolor": COLOURS.muted,
    "lines.linewidth": 1.6,
    "lines.markersize": 4,
    "legend.frameon": False,
    "legend.fontsize": 9,
}
