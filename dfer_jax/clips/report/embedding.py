"""The space of the features: a map of all clips by t-SNE, as the papers draw it."""

from collections.abc import Sequence

import numpy as np
from jaxtyping import Float, Float32
from matplotlib.figure import Figure

from dfer_jax.clips.report.inputs import Evaluation
from dfer_jax.plotting.charts import legend_above, legend_height
from dfer_jax.plotting.markup import Section, panel, protocol, section, side_by_side
from dfer_jax.plotting.picture import COLOURS, Chart
from dfer_jax.plotting.tables import Table

FEWEST_CLIPS = 10
_PERPLEXITY = 30.0
_COMPONENTS = 50


def tsne(features: Float32[np.ndarray, "n d"]) -> Float32[np.ndarray, "n 2"]:
    """Returns the clips' places on a plane by t-SNE of the first 50 principal components.

    Deterministic: started from the principal components, on one thread, for the order in which
    threads add changes the map.

    Source: L. van der Maaten and G. Hinton (2008), "Visualizing data using t-SNE", JMLR 9;
    scikit-learn's Barnes-Hut form, perplexity 30 (less below 100 clips).

    Args:
        features: n >= 10 rows, finite.
    """
    # Imported here: it takes a second, which no other use of the package should wait for.
    from sklearn.decomposition import PCA
    from sklearn.manifold import TSNE
    from threadpoolctl import threadpool_limits

    n, d = features.shape
    most = min(_COMPONENTS, n, d)
    if most < 2 or not np.ptp(features, axis=0).any():  # a line, or a point: nothing to unfold
        return np.zeros((n, 2), np.float32)
    with threadpool_limits(limits=1):
        reduced = PCA(most, svd_solver="randomized", random_state=0).fit_transform(features)
        perplexity = min(_PERPLEXITY, (n - 1) / 3)
        model = TSNE(2, perplexity=perplexity, init="pca", random_state=0, n_jobs=1)
        return model.fit_transform(reduced).astype(np.float32)


def embedding_section(evaluation: Evaluation, places: Float32[np.ndarray, "n 2"] | None) -> Section:
    """Returns the map twice: coloured by truth and by prediction; empty without places.

    Args:
        evaluation: whose predictions are in the order of `places`.
        places: of `tsne`.
    """
    if places is None:
        return Section()
    clips = evaluation.predictions
    charts = [
        _map("embedding-truth", "Truth", [p.label for p in clips], evaluation.classes, places),
        _map(
            "embedding-prediction",
            "Prediction",
            [p.prediction for p in clips],
            evaluation.classes,
            places,
        ),
    ]
    chosen = protocol(evaluation.selection)
    html = section(
        "The space of the features",
        f"{chosen}. Each of {len(clips):,} clips is a point, near to clips with "
        "similar features (those the classifier sees): t-SNE of 50 principal components. Only "
        "nearness means something; sizes of and distances between clusters do not.",
        side_by_side(*(panel(f"Coloured by {c.label.lower()}", c.svg()) for c in charts)),
    )
    rows = [
        [p.clip_id, p.label, p.prediction, float(x), float(y)]
        for p, (x, y) in zip(clips, places, strict=True)
    ]
    heads = ["clip_id", "label", "prediction", "x", "y"]
    table = Table("embedding", heads, rows, for_print=False)
    return Section(html, charts, [table])


def _map(
    name: str,
    label: str,
    groups: Sequence[str],
    classes: Sequence[str],
    places: Float[np.ndarray, "n 2"],
) -> Chart:
    """Returns the points, coloured by class; rare classes are drawn last, on top."""
    groups = np.array(groups)
    order = sorted(range(len(classes)), key=lambda i: -np.sum(groups == classes[i]))
    size = float(np.clip(150 / np.sqrt(len(places)), 2.0, 5.0))  # points

    def draw() -> Figure:
        figure = Figure(figsize=(4.6, 4.0 + legend_height(classes)), layout="constrained")
        axes = figure.subplots()
        handles = {}
        for i in order:
            colour, marker = COLOURS.group(i)
            x, y = places[groups == classes[i]].T
            style = {"markeredgewidth": 0, "markersize": size, "alpha": 0.85}
            axes.plot(x, y, marker, color=colour, **style)
            handles[i] = axes.plot([], [], marker, color=colour, markersize=6, label=classes[i])[0]
        axes.set_aspect("equal", adjustable="datalim")
        axes.set_xticks([])
        axes.set_yticks([])
        for side in ("left", "bottom"):
            axes.spines[side].set_visible(False)
        legend_above(figure, classes, handles=[handles[i] for i in sorted(handles)])
        return figure

    return Chart(name, label, draw)
