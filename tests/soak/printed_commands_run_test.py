"""Commands that README and documentation print, run as a stranger runs them: from a wheel, in an
environment and a folder of their own, word for word, on rendered and drawn data.

Networks are made small by words put behind a command; the others run as printed.
"""

import importlib
import pathlib
import shutil
import subprocess

import installed_wheel
import printed_commands
import pytest
import video_files

pytestmark = pytest.mark.soak(reason="renders a data set and starts twenty-five processes")

EIGHT = pathlib.Path(__file__).parents[1] / "recognition" / "peers" / "eight.onnx"
SMALL = "train.epochs=1 model.width=8 model.reduction=4"
TRAINED = {  # config -> words behind its commands
    "configs/synthetic.py": SMALL,
    "configs/video_folder.py": SMALL,
    "configs/dfew.py": f"{SMALL} model.image_size=32 data.decode_size=32 train.batch_size=8",
}
STORY = """
dfer doctor
dfer models
dfer config configs/synthetic.py
dfer build synthetic_dfer/tiny
dfer cache synthetic_dfer/tiny --size 56
dfer train configs/synthetic.py
dfer eval configs/synthetic.py
dfer build video_folder/mine --manual_dir crops
dfer train configs/video_folder.py data.dataset=video_folder/mine
dfer eval configs/video_folder.py data.dataset=video_folder/mine
dfer train configs/dfew.py fold=0 data.num_folds=0 data.dataset=video_folder/mine
dfer report runs/dfew_fold1 runs/ferv39k --out compare.html
dfer report runs/ce_fold1 runs/dfew_exp_decay_fold1 --out compare.html
dfer card runs/dfew_fold1
dfer export runs/dfew_fold1 --out smiles
dfer export runs/dfew_fold1 --out smiles --license=cc-by-nc-4.0
dfer export runs/dfew_fold1 --format=stablehlo --out smiles_program
dfer predict talk.mp4 --weights smiles --out results
dfer predict talk.mp4 --weights runs/dfew_fold1 --out results
dfer predict talk.mp4 --weights runs/dfew_fold1 --peer enet_b0_8_best_vgaf.onnx --out results
""".strip().splitlines()
STAND_INS = ("dfew_fold1", "ferv39k", "ce_fold1", "dfew_exp_decay_fold1")
LICENSED = ("dfew", "ferv39k", "aff_wild2", "mafw", "cremad", "ravdess")
NEEDS = {  # a word of a command -> why it is only parsed
    "weights of others": (".pth", ".pt", "imported", "runs/kinetics", "runs/mae_dfer", "=smiles"),
    "face networks": ("crop",),
    "a camera, or somebody to stop it": ("--camera", "serve"),
    "a run on licensed data": ("runs/aff_wild2", "judge", "--workdir"),
    "hours of training": ("compare",),
    "runs with held-out predictions": ("ensemble",),
    "more minutes of rendering": (
        "synthetic_dfer/frames",
        "synthetic_dfer/noisy",
        "synthetic_frames",
        "rdfer_synthetic",
    ),
    "another data set in the place of the first": ("train.init_from=runs/synthetic",),
}


def test_every_printed_command_is_run_or_has_a_reason():
    printed = [
        " ".join(command.words)
        for command in printed_commands.printed()
        if command.words[0] == "dfer" and not command.named
        if command.where.startswith(("README", "docs/"))
    ]
    named = {" ".join(command.words) for command in printed_commands.printed()}
    assert len(printed) > 60 and not [line for line in STORY if line not in named]
    left = [line for line in printed if line not in STORY and not _needs(line)]
    assert not left, "neither run nor known to need what is not here:\n" + "\n".join(left)


def _needs(line):
    """Whether a command needs what is not here: licensed data, by itself or by its config."""
    words = line.split()
    marks = [mark for marks in NEEDS.values() for mark in marks]
    if any(mark in word for mark in marks for word in words):
        return True
    own = [word.partition("=")[2] for word in words if word.startswith("data.dataset=")]
    datasets = own or [word for word in words if "/" in word] + _datasets(words)
    return any(name.startswith(LICENSED) for name in datasets)


def _datasets(words):
    """Returns the data sets of the configs that a command names."""
    for word in words:
        name, _, argument = word.removeprefix("--config=").removesuffix(".py").partition(":")
        name = name.removesuffix(".py").rpartition("/")[2]
        for path in (printed_commands.ROOT / "configs").rglob(f"{name}.py"):
            module = ".".join(path.relative_to(printed_commands.ROOT).with_suffix("").parts)
            config = importlib.import_module(module).get_config(*[argument] * bool(argument))
            return [config.data.dataset]
    return []


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """Returns a folder with videos to look at and to learn from."""
    folder = tmp_path_factory.mktemp("elsewhere")
    video_files.write_video(folder / "talk.mp4", [video_files.picture(k) for k in range(40)])
    (folder / "crops").mkdir()
    lines = ["path,label,split"]
    for number in range(24):
        name, split = f"{number}.mp4", "train" if number < 16 else "test"
        pictures = [video_files.picture((number + k) % 40) for k in range(12)]
        video_files.write_video(folder / "crops" / name, pictures)
        lines.append(f"{name},{('happy', 'sad')[number % 2]},{split}")
    (folder / "crops" / "labels.csv").write_text("\n".join(lines))
    shutil.copy(EIGHT, folder / "enet_b0_8_best_vgaf.onnx")
    return folder


def test_printed_commands_run_from_the_wheel(place, tmp_path_factory, capsys):
    installed = installed_wheel.install(tmp_path_factory.mktemp("wheel"))
    env = installed_wheel.without_checkout() | {"HOME": str(place / "home")}
    env |= {"PATH": f"{installed.dfer.parent}:{env['PATH']}", "XLA_FLAGS": ""}
    failed = []
    for line in STORY:
        words = line.split()
        more = next((TRAINED[w] for w in words if w in TRAINED and words[1] != "config"), "")
        if words[1] == "predict":
            more = "--cropped"
        done = subprocess.run(
            f"{line} {more}", shell=True, cwd=place, env=env, capture_output=True, text=True
        )
        with capsys.disabled():
            print(f"{done.returncode} {line} {more}", flush=True)
        if done.returncode:
            failed.append(f"{line} {more}\n{done.stdout[-2000:]}{done.stderr[-2000:]}")
        if line.endswith("--out smiles"):
            shutil.rmtree(place / "smiles")  # made once more, with a licence
        if line == "dfer eval configs/synthetic.py":
            for name in STAND_INS:  # stand for runs on data that is not here
                shutil.copytree(place / "runs" / "synthetic", place / "runs" / name)
    assert not failed, "\n\n".join(failed)
    results = {path.name for path in (place / "results").iterdir()}
    assert {"talk.csv", "talk.json", "talk.html"} <= results
    assert (place / "compare.html").stat().st_size > 10_000
    assert (place / "smiles" / "README.md").is_file() and list((place / "smiles_program").iterdir())
