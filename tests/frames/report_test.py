"""The page of runs on frames: what it says, and what it says when something is wrong."""

import collections
import csv
import dataclasses
import json
import re

import numpy as np
import pytest
import report_run
from frame_run import ABOUT, result_of, write_run
from sklearn.metrics import f1_score

from dfer_jax.clips.report import page
from dfer_jax.errors import UserError
from dfer_jax.frames.evaluation import write_evaluation
from dfer_jax.frames.report import fits, inputs, timelines, videos, write_report
from dfer_jax.frames.report.comparison import write_comparison
from dfer_jax.frames.report.intervals import score_intervals
from dfer_jax.frames.report.scores import headline
from dfer_jax.labels import CLASSES

KINDS = pytest.mark.parametrize("kind", ["expressions", "action_units"])


def read(path):
    with open(path, encoding="utf-8") as file:
        return file.read()


def table(path):
    with open(path, encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


@pytest.fixture(scope="module", params=["expressions", "action_units"])
def written(request, tmp_path_factory):
    """Kind of labels, work directory and page of a run whose names are hostile."""
    folder = tmp_path_factory.mktemp("run")
    workdir = write_run(folder, request.param, dataset="synthetic<script>evil</script>")
    assert fits(workdir)
    return request.param, folder, read(write_report(workdir))


def test_page_tells_scores_classes_and_videos(written):
    kind, folder, text = written
    result = result_of(kind)
    scores = result.scores()
    for shown in (
        f"{100 * scores.macro_f1:.1f} %",
        f"{scores.score('abaw2'):.4f} (2021), {scores.score('abaw3'):.4f} (2022 on)",
        *result.classes,
        "Best epoch chosen on test",
        "109 labelled frames",
        "of 4 videos",
        "Rendered faces",
        "Best: good, 100.0 % right, 36 of 40 frames labelled",
        "Median: middling",
        "Worst: bad&lt;b&gt;, 0.0 % right",
        "test macro-F1",
        ">best<",
        "Windows per second: median 50.0",
        "Configuration",
        "0.67 macro-F1 + 0.33" if kind == "expressions" else "0.5 macro-F1 + 0.5 accuracy",
    ):
        assert shown in text, shown
    rows = table(folder / "report" / "videos.csv")
    assert [(r["video"], r["frames"], r["labelled"]) for r in rows[-1:]] == [("bad<b>", "40", "36")]
    f1 = table(folder / "report" / "f1.csv")
    assert [float(r["F1"]) for r in f1] == pytest.approx([100 * v for v in scores.f1])
    last = table(folder / "report" / "results.csv")[0]
    assert float(last["score 2021"]) == pytest.approx(100 * scores.score("abaw2"))
    other = "confusion" if kind == "expressions" else "active"
    for name in ("f1", "loss", "score", "videos", "timeline-worst", other):
        assert (folder / "report" / f"{name}.png").stat().st_size > 5_000


def test_page_is_self_contained_and_well_formed(written):
    _, _, text = written
    checker = report_run.Checker(text)
    assert max(collections.Counter(checker.ids).values()) == 1 and checker.tags["script"] == 0
    references = re.findall(r"url\(#([^)]*)\)", text)
    references += [a[1:] for a in checker.addresses if a.startswith("#")]
    assert set(references) <= set(checker.ids)
    assert all(a.startswith(("#", "data:")) for a in checker.addresses)
    assert "#0a0b" not in text, "a chart kept a marker colour"
    assert "<image" not in text, "pixels would not follow the page's light or dark"
    assert "bad<b>" not in text


def test_combined_networks_have_no_training_to_show(tmp_path):
    about = {"selection": "ensemble (last; weights given)", "model": {"name": "ensemble"}}
    write_evaluation(str(tmp_path), "test", result_of("expressions"), ABOUT | about)
    text = read(write_report(str(tmp_path)))
    assert "ensemble (last; weights given)" in text and "no training was logged" in text
    assert all(h not in text for h in ("Learning curves", "Training speed", "Configuration"))


def test_reference_card_is_the_best_single_answer(tmp_path):
    write_run(tmp_path)
    text = headline(inputs.read_evaluations(str(tmp_path)), trained=True).html
    labels = result_of("expressions").labels
    labels = labels[labels >= 0]
    most = np.bincount(labels).argmax()
    f1 = f1_score(labels, np.full(len(labels), most), labels=range(7), average="macro")
    card = text[text.index("One answer for all frames") :]
    assert f"<dd>{100 * f1:.1f} %<small>always {CLASSES[most]}" in card
    assert f"<dd>{100 * (labels == most).mean():.1f} %" in card


@KINDS
def test_intervals_draw_videos_and_not_frames(kind, tmp_path):
    rng = np.random.default_rng(1)
    parts = [result_of(kind, middling=m) for m in rng.random(6)]
    names = ("numbers", "labels", "mask", "logits")
    joined = dataclasses.replace(
        parts[0],
        videos=np.concatenate([np.char.add(p.videos, str(i)) for i, p in enumerate(parts)]),
        **{name: np.concatenate([getattr(p, name) for p in parts]) for name in names},
    )
    write_evaluation(str(tmp_path), "test", joined, ABOUT)
    (found,) = inputs.read_evaluations(str(tmp_path))
    bounds, scores = score_intervals(found), found.scores
    assert bounds.macro_f1[0] < scores.macro_f1 < bounds.macro_f1[1]
    assert bounds.accuracy[0] < scores.accuracy < bounds.accuracy[1]
    drawn = []
    rows = {video: np.flatnonzero(joined.videos == video) for video in found.videos}
    for _ in range(200):  # the same, frame by frame
        chosen = np.concatenate([rows[v] for v in rng.choice(found.videos, len(rows))])
        labels, answers = joined.labels[chosen], joined.logits[chosen]
        mask = joined.mask[chosen]
        if kind == "expressions":
            drawn.append((answers.argmax(-1) == labels)[mask].mean())
        else:
            drawn.append(((answers >= 0) == (labels == 1))[mask].mean())
    assert bounds.accuracy == pytest.approx(np.quantile(drawn, (0.025, 0.975)), abs=0.06)
    frames = 1.96 * (scores.accuracy * (1 - scores.accuracy) / scores.num_frames) ** 0.5
    assert bounds.accuracy[1] - bounds.accuracy[0] > 3 * frames
    few = dataclasses.replace(found, result=parts[0])
    assert score_intervals(few) is None


def test_timelines_keep_gaps_and_mark_frames_without_a_label():
    result = result_of("expressions")
    columns = timelines.columns_of(result, "good")
    assert columns.step == 1 and len(columns.starts) == 40
    everywhere = list(timelines.stretches(columns, np.ones(40, bool)))
    assert everywhere == [(-0.5, 20.5), (25.5, 44.5)]  # five pictures are missing between
    unlabelled = list(timelines.stretches(columns, ~result.mask[columns.rows]))
    assert unlabelled == [(2.5, 3.5), (12.5, 13.5), (27.5, 28.5), (37.5, 38.5)]
    assert not list(timelines.stretches(columns, np.zeros(40, bool)))
    figure = timelines.timeline(result, "good", name="x").draw()
    lines = [len(line.get_xdata()) for line in figure.axes[1].lines]
    assert lines == [21, 19]
    single = timelines.timeline(result, "single", name="y").draw()
    assert single.axes[1].get_xlim() == (6.5, 7.5)


def test_long_videos_are_thinned_and_unsorted_frames_put_in_order():
    result = result_of("expressions")
    columns = timelines.columns_of(result, "good", most=10)
    assert columns.step == 5 and columns.starts.tolist() == [0, 5, 10, 15, 20, 25, 30, 35, 40]
    assert result.numbers[columns.rows].tolist() == [0, 5, 10, 15, 20, 26, 30, 35, 40]
    order = np.random.default_rng(0).permutation(121)
    names = ("videos", "numbers", "labels", "mask", "logits")
    mixed = dataclasses.replace(result, **{n: getattr(result, n)[order] for n in names})
    again = timelines.columns_of(mixed, "good", most=10)
    assert mixed.numbers[again.rows].tolist() == result.numbers[columns.rows].tolist()


def test_videos_shown_have_enough_labels(tmp_path):
    row = videos.VideoScores("a", 50, 40, 0.9, 0.9)
    rows = [
        row._replace(video=f"{i}", labelled=n, accuracy=1 - i / 10)
        for i, n in enumerate((5, 40, 30, 31, 29, 60, 2))
    ]
    shown = {name: r.video for name, r in videos.chosen_videos(rows).items()}
    assert shown == {"Best": "1", "Median": "3", "Worst": "5"}
    short = [r._replace(labelled=r.labelled // 4) for r in rows if r.labelled < 60]
    shown = {name: r.video for name, r in videos.chosen_videos(short).items()}
    assert shown == {"Best": "1", "Median": "2", "Worst": "3"}
    assert list(videos.chosen_videos(rows[:2])) == ["Best"]
    write_run(tmp_path, "action_units")
    found = videos.video_scores(inputs.read_evaluations(str(tmp_path))[0])
    assert [r.video for r in found] == ["good", "single", "middling", "bad<b>"]
    assert found[2].accuracy == pytest.approx(found[2].all_right)  # units are all right or wrong


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"num_frames": 1}, "of different evaluations"),
        ({"epoch": "many"}, "is damaged"),
        ({"epoch": None}, "is damaged"),
        ({"model": {}}, "'name' is missing"),
        ({"kind": "boredom"}, "neither expressions nor action_units"),
        ({"kind": "action_units"}, "of other frames than its logits"),
    ],
)
def test_damaged_evaluation_is_one_sentence(change, message, tmp_path):
    path = write_evaluation(str(tmp_path), "test", result_of("expressions"), ABOUT)
    about = json.loads(read(path))
    (tmp_path / "eval" / "test.json").write_text(json.dumps(about | change))
    with pytest.raises(UserError, match=message) as raised:
        write_report(str(tmp_path))
    assert "\n" not in str(raised.value) and not (tmp_path / "report.html").exists()


def test_arrays_of_other_frames_are_refused(tmp_path):
    result = result_of("expressions")
    for change, message in (
        ({"mask": np.append(result.mask, False)}, "of other frames"),
        ({"videos": result.videos[:-1]}, "of other frames"),
        ({"labels": np.where(result.mask, 9, -1).astype(np.int8)}, "none of its classes"),
    ):
        write_evaluation(str(tmp_path), "test", result, ABOUT)
        fields = {n: getattr(result, n) for n in ("videos", "numbers", "labels", "mask", "logits")}
        np.savez(tmp_path / "eval" / "test.frames.npz", **fields | change)
        with pytest.raises(UserError, match=message):
            write_report(str(tmp_path))
    (tmp_path / "eval" / "test.frames.npz").unlink()
    with pytest.raises(UserError, match="cannot be read"):
        write_report(str(tmp_path))


def test_nothing_to_report(tmp_path):
    assert not fits(str(tmp_path))
    with pytest.raises(UserError, match="no evaluation in"):
        write_report(str(tmp_path))
    write_run(tmp_path)
    with pytest.raises(UserError, match="is of single frames"):
        page.write_report(str(tmp_path))


def test_several_runs_on_one_page(tmp_path):
    runs = [write_run(tmp_path / "a", middling=0.2)]
    runs.append(write_run(tmp_path / "b", seed=1, middling=1, dataset="synthetic_dfer/b"))
    text = read(write_comparison(runs, str(tmp_path / "both.html")))
    assert report_run.Checker(text).tags["script"] == 0
    for shown in ("2 runs on synthetic_dfer/frames", "What differs between the runs", "Test score"):
        assert shown in text
    assert "Not alike" in text and "synthetic_dfer/b test" in text
    rows = table(tmp_path / "both" / "scores.csv")
    assert [(r["run"], r["protocol"][:4]) for r in rows] == [
        (run, protocol) for run in "ab" for protocol in ("Last", "Best")
    ]
    assert float(rows[0]["macro-F1"]) < float(rows[2]["macro-F1"])
    about = {"selection": "ensemble (last; weights given)"}
    write_evaluation(str(tmp_path / "e"), "test", result_of("expressions"), ABOUT | about)
    text = read(write_comparison([runs[0], str(tmp_path / "e")], str(tmp_path / "x.html")))
    assert "Not alike" not in text and "ensemble (last; weights given)" in text
    units = write_run(tmp_path / "d", "action_units")
    with pytest.raises(UserError, match="d has other classes than a"):
        write_comparison([runs[0], units], str(tmp_path / "x.html"))


def test_runs_alike_in_all_but_the_seed_are_one_method(tmp_path):
    runs = [
        write_run(tmp_path / f"gru_seed{seed}", "action_units", seed=seed, middling=middling)
        for seed, middling in enumerate((0.2, 0.4, 1))
    ]
    write_comparison(runs, str(tmp_path / "seeds.html"))
    (method,) = table(tmp_path / "seeds" / "seeds.csv")
    values = [100 * inputs.read_evaluations(run)[0].scores.macro_f1 for run in runs]
    assert (method["method"], method["seeds"]) == ("gru", "3")
    assert float(method["macro-F1"]) == pytest.approx(np.mean(values))
    assert float(method["macro-F1 sd"]) == pytest.approx(np.std(values, ddof=1))


def test_clips_and_frames_are_told_apart(tmp_path, commands):
    frames, clips = write_run(tmp_path / "frames"), report_run.write_run(tmp_path / "clips")
    with pytest.raises(UserError, match="clips labels whole clips, others frames"):
        write_comparison([frames, clips], str(tmp_path / "x.html"))

    def call(*arguments):
        return commands.run("dfer_jax.commands.report", *arguments, cwd=tmp_path)

    assert call(frames).returncode == 0
    assert "Frame by frame" in read(tmp_path / "frames" / "report.html")
    mixed = call(clips, frames)
    assert mixed.returncode == 1 and "clips labels whole clips" in mixed.stderr
