"""What is found by names alone: no video here has content."""

import shutil
import zipfile

import pytest
from release_trees import ravdess
from release_trees.named import touch

from dfer_jax.errors import UserError
from tfds_builders.ravdess.clips import prepare
from tfds_builders.ravdess.names import PUBLISHED

ONE_EACH = (1, 5, 9, 13, 17, 21)  # an actor of each fold


def lay(root, trials, *modalities, layout="archives"):
    touch([ravdess.path(root, t, m, layout=layout) for t in trials for m in modalities or (2,)])


def found(root, config="speech", **options):
    return prepare(root, config=config, **({"allow_missing": False} | options))


@pytest.mark.parametrize("layout", ravdess.LAYOUTS)
def test_every_trial_in_every_layout(tmp_path, layout):
    lay(tmp_path, ravdess.trials_of(*ONE_EACH, 18, channels=(1, 2)), 1, 2, layout=layout)
    for config, number in (("speech", 420), ("song", 264), ("all", 684)):
        state = found(tmp_path, config)
        clips = state.listing.clips
        assert not state.problems and len(clips) == len({clip.id for clip in clips}) == number
        assert all(clip.id.startswith("02-") for clip in clips)
        both = [line for line in state.warnings if "with sound (01-...) and without" in line]
        assert both == [line for line in both if line.startswith(f"{number:,} trials")] and both


def test_no_actor_is_in_two_folds(tmp_path):
    lay(tmp_path, PUBLISHED)
    state = found(tmp_path, "all")
    clips = state.listing.clips
    assert len(clips) == 2452 and not state.problems and not state.warnings[1:]
    folds = {(clip.features["actor"], clip.split) for clip in clips}
    assert len(folds) == 24 and len({actor for actor, _ in folds}) == 24
    assert all(clip.features["group"] == f"{clip.features['actor']:02d}" for clip in clips)


def test_features_of_a_trial(tmp_path):
    lay(tmp_path, ravdess.trials_of(*ONE_EACH))
    clip = next(c for c in found(tmp_path).listing.clips if c.id == "02-01-06-02-01-02-05")
    assert (clip.label, clip.split) == ("fear", "fd2")
    assert clip.features == {
        "intensity": "strong", "channel": "speech", "statement": 1, "repetition": 2, "actor": 5,
        "group": "05", "fps": 0.0,
    }  # fmt: skip


def test_each_recording_once_whatever_it_is_shipped_as(tmp_path):
    spoken = ravdess.trials_of(*ONE_EACH)
    lay(tmp_path, spoken, 2)
    lay(tmp_path, ravdess.trials_of(1, 5), 1, 3)
    lay(tmp_path, ravdess.trials_of(1, channels=(2,)), 2)
    shutil.rmtree(tmp_path / "Video_Speech_Actor_09")
    lay(tmp_path, ravdess.trials_of(9), 1)
    state = found(tmp_path)
    names = [clip.id for clip in state.listing.clips]
    assert len(names) == len({name[3:] for name in names}) == 360
    assert sum(name.startswith("01-") for name in names) == 60
    told = "\n".join(state.warnings)
    assert "120 trials are there with sound (01-...) and without (02-...)" in told
    assert "60 trials are there only with sound (01-...), as which they were taken" in told
    assert "120 files of sound alone were left out" in told
    assert "44 trials of song are not of this configuration" in told


def test_missing_trials_are_warnings_with_numbers(tmp_path):
    lay(tmp_path, [t for t in PUBLISHED if (t.actor, t.emotion) != (7, 8)])
    (tmp_path / "Video_Speech_Actor_07.zip").write_bytes(b"PK\3\4 cut short")
    state = found(tmp_path)
    told = "\n".join(state.warnings)
    assert not state.problems and len(state.listing.clips) == 1432
    assert "1 actors have fewer clips than published:\n  7 (52 of 60)" in told
    assert "8 of the 1,440 published clips are not there; Video_Speech_Actor_07.zip is cut" in told
    assert "\n  02-01-08-01-01-01-07" in told


def test_actors_of_one_fold_alone_cannot_be_tested(tmp_path):
    lay(tmp_path, ravdess.trials_of(1, 2, 5))
    with pytest.raises(UserError) as error:
        found(tmp_path)
    message = str(error.value)
    assert "of fd3 (actors 9-12), fd4 (actors 13-16)" in message and "\n" not in message
    assert "only of 1, 2, 5: extract an actor of each fold" in message
    (tmp_path / "Video_Speech_Actor_09.zip").write_bytes(b"PK\3\4 and no end")
    with pytest.raises(UserError, match=r"Actor_09.zip is cut short or damaged: download again"):
        found(tmp_path)


@pytest.mark.parametrize(
    "form",
    [
        "RAVDESS/RAVDESS/Video_Speech_Actor_{actor}/Video_Speech_Actor_{actor}/Actor_{actor}/{name}.mp4",
        "Actor_{actor}/{name}.MP4",
        "{label}/{name}.avi",
        "train/Actor_{actor}/{name}.mkv",
        "Video_Speech_Actor_{actor} (1)/{name} (1).mp4",
        "{name} - Copy.mp4",
        "Actor_{actor}/{name}.avi.mp4",
        "Actor_{actor}/{name}_frames/0001.jpg",
        "faces/{name}-faces/0001.png",
        "{name}/{name}/0001.jpg",
        "{name}/{name}.mp4",
    ],
)
def test_layouts_that_people_make(tmp_path, form):
    trials = ravdess.trials_of(*ONE_EACH)[::7]
    there = {"actor": "{0.actor:02d}", "label": "{0.label}", "name": "{1}"}
    touch([tmp_path / form.format(**there).format(t, t.name(2)) for t in trials])
    touch([tmp_path / "labels.csv", tmp_path / "Thumbs.db", tmp_path / "._Actor_01"])
    state = found(tmp_path)
    assert not state.problems and len(state.listing.clips) == len(trials)


@pytest.mark.parametrize("mark", "_ ")
def test_names_may_be_divided_otherwise(tmp_path, mark):
    trials = ravdess.trials_of(*ONE_EACH)[::7]
    touch([tmp_path / f"{trial.name(2).replace('-', mark)}.mp4" for trial in trials])
    clips = found(tmp_path).listing.clips
    assert [clip.id for clip in clips] == [trial.name(2) for trial in trials]


@pytest.mark.parametrize(
    ("form", "message"),
    [
        ("frames/{}_0007.jpg", r"only 52 images side by side, .*\(frames/02-.*_0007.jpg, .*\): "
         "move those of each clip into a folder of its name, or extract Video_Speech"),
        ("happy/{}-frame 7.png", r"only 52 images side by side, named by clip and number \(happy/"),
        ("{}-007.bmp", "only 52 images side by side"),
        ("A/{}_facecroppad.avi", r"only 52 videos with other names \(A/02-.*croppad.avi, .*\): "
         "give them the released names, or extract"),
        ("Actor.zip.crdownload", r"there; Actor.zip.crdownload is not downloaded to the end"),
        ("RAVDESS.zip.001", "there; RAVDESS.zip.001 is the first part of a divided archive"),
    ],
)  # fmt: skip
def test_what_lies_there_instead_is_told(tmp_path, form, message):
    trials = ravdess.trials_of(*ONE_EACH)[::7]
    touch([tmp_path / form.format(trial.name(2)) for trial in trials])
    with pytest.raises(UserError, match=message):
        found(tmp_path)


def test_a_name_of_another_actor_than_its_folder_is_refused(tmp_path):
    lay(tmp_path, ravdess.trials_of(*ONE_EACH))
    wrong = ravdess.trials_of(1)[0]
    touch([tmp_path / "Actor_02" / f"{wrong.name(2)}.mp4"])
    ravdess.path(tmp_path, wrong).unlink()
    (problem,) = found(tmp_path).problems
    assert problem == (
        "Actor_02/02-01-01-01-01-01-01.mp4: is of actor 01 by its name, but lies in Actor_02; "
        "move it"
    )


def test_a_second_copy_is_left_out_if_it_is_one(tmp_path):
    lay(tmp_path, ravdess.trials_of(*ONE_EACH))
    trial = ravdess.trials_of(1)[0]
    copy = tmp_path / "again" / f"{trial.name(2)}.mp4"
    touch([copy])
    state = found(tmp_path)
    assert not state.problems and len(state.listing.clips) == 360
    assert f"1 clips are there twice with the same bytes; of each, this one was left out:\n  {copy.relative_to(tmp_path)}" in "\n".join(state.warnings)  # fmt: skip # noqa: E501
    copy.write_bytes(b"other")
    (problem,) = found(tmp_path).problems
    assert "clips have two videos that differ, remove one of each (1: " in problem


def test_derived_files_and_odd_names_are_told(tmp_path):
    lay(tmp_path, ravdess.trials_of(*ONE_EACH))
    home = ravdess.folder(tmp_path, ravdess.trials_of(1)[0])
    names = ("02-01-01-01-01-01-01_facecroppad.npy", "02-01-01-01-01-01-01_facecroppad.avi")
    touch([home / name for name in names])
    touch([home / "02-01-01-01-01-01-01_croppad.wav", home / "._02-01-02-01-01-01-01.mp4"])
    touch([home / "02-01-09-01-01-01-01.mp4"])
    state = found(tmp_path)
    assert [p.partition(": ")[2] for p in state.problems] == ["emotion 09 is not one of 01..08"]
    (told,) = [line for line in state.warnings if "not named as clips" in line]
    assert told.startswith("1 videos") and told.endswith("_facecroppad.avi")


@pytest.mark.parametrize(
    ("modality", "channels", "held"),
    [(3, (1,), "only sound"), (2, (2,), "only song")],
)
def test_nothing_to_build_says_what_is_there(tmp_path, modality, channels, held):
    lay(tmp_path, ravdess.trials_of(*ONE_EACH, channels=channels), modality)
    with pytest.raises(UserError, match=f"{held}.*: extract Video_Speech_Actor_01.zip"):
        found(tmp_path)


def test_archives_that_are_not_extracted_are_named(tmp_path):
    with zipfile.ZipFile(tmp_path / "Video_Speech_Actor_01.zip", "w") as archive:
        archive.writestr("Actor_01/02-01-01-01-01-01-01.mp4", b"")
    with pytest.raises(UserError, match=r"Video_Speech_Actor_01.zip is not extracted"):
        found(tmp_path)


def test_videos_and_crops_in_one_folder_are_not_mixed(tmp_path):
    lay(tmp_path, ravdess.trials_of(*ONE_EACH))
    ravdess.write(tmp_path, ravdess.trials_of(1)[0], layout="crops")
    with pytest.raises(UserError, match=r"both as videos .* and as folders of frames"):
        found(tmp_path)


def test_an_empty_folder_of_crops_is_missing(tmp_path):
    trials = [ravdess.trials_of(actor)[0] for actor in (*ONE_EACH, 2)]
    for trial in trials:
        ravdess.write(tmp_path, trial, layout="crops")
    home = ravdess.folder(tmp_path, trials[0], layout="crops") / trials[0].name(2)
    for frame in home.iterdir():
        frame.unlink()
    (problem,) = found(tmp_path).problems
    assert problem == f"clip {trials[0].name(2)}: no image in its folder"
    allowed = found(tmp_path, allow_missing=True)
    assert not allowed.problems and allowed.listing.missing == [trials[0].name(2)]


def test_a_link_out_of_the_folder_is_refused(tmp_path):
    root = tmp_path / "root"
    lay(root, ravdess.trials_of(*ONE_EACH))
    path = ravdess.path(root, ravdess.trials_of(1)[0])
    path.unlink()
    touch([tmp_path / path.name])
    path.symlink_to(tmp_path / path.name)
    (problem,) = found(root).problems
    assert "a link to" in problem and "outside manual_dir" in problem
