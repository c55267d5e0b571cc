"""Pictures of what a network says of a video, frame by frame, beside the truth."""

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure
from matplotlib.patches import Patch

from dfer_jax.frames.evaluation import FrameEvaluation
from dfer_jax.report.picture import PRINT, Chart, Colours

_FEWEST = 30  # labelled frames of a video worth showing
_SIZE = (9.4, 2.2)  # inches


def accuracies(result: FrameEvaluation) -> list[tuple[str, int, float]]:
    """Returns (video, labelled frames, share right) of each video with labels, best first.

    Right are frames of expressions, or cells of action units.
    """
    if result.kind == "expressions":
        right = (result.logits.argmax(axis=1) == result.labels).astype(float)
    else:
        right = ((result.logits >= 0) == (result.labels == 1)).mean(axis=1)
    found = []
    for video in dict.fromkeys(result.videos.tolist()):
        chosen = (result.videos == video) & result.mask
        if chosen.any():
            found.append((video, int(chosen.sum()), float(right[chosen].mean())))
    return sorted(found, key=lambda row: -row[2])


def chosen_videos(result: FrameEvaluation) -> dict[str, str]:
    """Returns what is shown -> video: the best, the median and the worst of those long enough."""
    rows = accuracies(result)
    rows = [row for row in rows if row[1] >= _FEWEST] or rows
    places = {"best": 0, "median": len(rows) // 2, "worst": len(rows) - 1}
    found: dict[str, str] = {}
    for name, place in places.items():
        if rows[place][0] not in found.values():
            found[name] = rows[place][0]
    return found


def timeline(result: FrameEvaluation, video: str, *, name: str) -> Chart:
    """Returns truth and prediction of a video over its true frame numbers.

    Frames that are missing or have no label stay empty.

    Args:
        result: of the split.
        video: one of its videos.
        name: of the chart.
    """
    rows = np.flatnonzero(result.videos == video)
    rows = rows[np.argsort(result.numbers[rows])]

    def draw(colours: Colours) -> Figure:
        figure = Figure(figsize=_SIZE, layout="constrained")
        if result.kind == "expressions":
            _bands(figure, result, rows, colours)
        else:
            _cells(figure, result, rows, colours)
        return figure

    return Chart(name, f"Truth and prediction of every frame of {video}", draw)


def _bands(figure: Figure, result: FrameEvaluation, rows: np.ndarray, colours: Colours) -> None:
    """Draws a coloured band each for truth and prediction, and the probability of the latter."""
    numbers, logits = result.numbers[rows], result.logits[rows]
    answer = logits.argmax(axis=1)
    truth = np.where(result.mask[rows], result.labels[rows], -1)
    above, below = figure.subplots(2, 1, sharex=True, height_ratios=(1, 1.1))
    for band, classes in enumerate((truth, answer)):
        for start, length, label in _stretches(numbers, classes):
            above.broken_barh(
                [(start - 0.5, length)], (band - 0.42, 0.84), facecolor=colours.group(label)[0]
            )
    above.set_yticks((0, 1), ("truth", "prediction"))
    above.set_ylim(1.5, -0.5)
    above.set_xlim(numbers[0] - 0.5, numbers[-1] + 0.5)
    above.grid(visible=False)
    shares = np.exp(logits - logits.max(axis=1, keepdims=True))
    largest = shares.max(axis=1) / shares.sum(axis=1)
    _with_gaps(below, numbers, largest, colours)
    below.set_ylim(0, 1.02)
    below.set_ylabel("probability")
    below.set_xlabel("frame")
    seen = sorted({*truth.tolist(), *answer.tolist()} - {-1})
    patches = [Patch(color=colours.group(i)[0], label=result.classes[i]) for i in seen]
    figure.legend(handles=patches, loc="outside upper left", ncols=len(seen), frameon=False)


def _stretches(numbers: np.ndarray, labels: np.ndarray) -> list[tuple[int, int, int]]:
    """Returns (first frame, frames, label) of each stretch of one known label without a hole."""
    breaks = np.flatnonzero((np.diff(numbers) > 1) | (np.diff(labels) != 0)) + 1
    found = []
    for part in np.split(np.arange(len(numbers)), breaks):
        if labels[part[0]] >= 0:
            found.append((int(numbers[part[0]]), len(part), int(labels[part[0]])))
    return found


def _with_gaps(axes: Axes, x: np.ndarray, y: np.ndarray, colours: Colours) -> None:
    """Draws a line that breaks where frames are missing."""
    breaks = np.flatnonzero(np.diff(x) > 1) + 1
    for xs, ys in zip(np.split(x, breaks), np.split(y, breaks), strict=True):
        axes.plot(xs, ys, color=colours.accent, linewidth=1)


def _cells(figure: Figure, result: FrameEvaluation, rows: np.ndarray, colours: Colours) -> None:
    """Draws a row per action unit: active frames of the truth, and probabilities beside it."""
    numbers, mask = result.numbers[rows], result.mask[rows]
    truth = np.where(mask[:, None], result.labels[rows] == 1, 0).astype(float)
    probabilities = 1 / (1 + np.exp(-np.clip(result.logits[rows], -30, 30)))
    figure.set_size_inches(_SIZE[0], 3)
    shown = (("truth", truth), ("probability", probabilities))
    for axes, (title, values) in zip(figure.subplots(1, 2, sharey=True), shown, strict=True):
        pixels = np.zeros((values.shape[1], numbers[-1] - numbers[0] + 1, 4))
        pixels[..., :3] = to_rgb(PRINT.accent)  # pixels cannot follow the page's light or dark
        pixels[:, numbers - numbers[0], 3] = values.T
        extent = (numbers[0] - 0.5, numbers[-1] + 0.5, len(result.classes) - 0.5, -0.5)
        axes.imshow(pixels, aspect="auto", extent=extent, interpolation="nearest")
        axes.set_yticks(range(len(result.classes)), result.classes)
        axes.grid(visible=False)
        axes.set_title(title, fontsize=9)
        axes.set_xlabel("frame")
