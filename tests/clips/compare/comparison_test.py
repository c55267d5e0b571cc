"""Lists of experiments: what they name, what they print, and what is wrong with a list."""

import clip_dataset
import pytest

from configs import compare_synthetic
from dfer_jax.clips.compare import comparison, dry_run
from dfer_jax.errors import UserError
from dfer_jax.models import MODELS
from dfer_jax.results import published

WITHOUT = {  # table -> printed rows that have no config
    "table4": set(),
    "table5": {"Two VGG13+LSTM", "Two ResNet18+LSTM"},
    "table6": {"Optimized IAL (f)"},
}


@pytest.mark.parametrize("name", WITHOUT)
def test_every_printed_row_has_its_config_or_says_why_not(name, tmp_path):
    found = comparison.read(f"configs/{name}.py")
    printed = published.TABLES[found.table]
    for entry in found.entries:
        assert entry.published in printed, f"{entry.name} aims at no row of {found.table}"
    aimed = [entry.published for entry in found.entries]
    assert len({row.method for row in aimed}) == len(aimed), "two entries aim at one row"
    rest = {row.method for row in printed if row not in aimed}
    assert rest == {row.method for row in found.printed_only} == WITHOUT[name]
    said = dry_run.describe(found, str(tmp_path))
    for row in printed:
        assert f"WAR {row.war:.2f} ({row.source}; {row.protocol})" in said, row.method
        assert row.note in said


def test_time_interpolation_and_folds_reach_the_runs(tmp_path):
    found = comparison.read("configs/table4.py", ["train.epochs=2"], only=["C3D (TI)"])
    (entry,) = found.entries
    assert entry.config.data.sampling == "interpolated" and entry.config.train.epochs == 2
    planned, commands = comparison.in_order(found, str(tmp_path))
    assert [run.name for run in planned] == [f"C3D (TI), fold {k} seed 0" for k in range(1, 6)]
    assert {"--config.data.sampling=interpolated", "--config.train.epochs=2"} <= set(commands[0])
    assert planned[0].workdir == str(tmp_path / "c3d_ti" / "fold1_seed0")


def test_seeds_come_one_after_the_other(tmp_path):
    found = comparison.read("configs/compare_synthetic.py", only=["C3D", "I3D"], seeds=[4, 5])
    planned, _ = comparison.in_order(found, str(tmp_path))
    assert [run.name for run in planned] == [
        f"{name}, seed {seed}" for seed in (4, 5) for name in ("C3D", "I3D")
    ]


def test_the_example_is_of_small_networks_of_clips_each_its_own():
    networks = list(compare_synthetic.NETWORKS.values())
    assert len(set(networks)) == len(networks) and set(networks) <= set(MODELS)
    for entry in comparison.read("configs/compare_synthetic.py").entries:
        small = entry.config.model.width <= 256 and entry.config.model.image_size <= 80
        assert small and entry.config.data.num_folds == 0, entry.name
        assert entry.published is None, f"{entry.name} small is no printed row"


def test_a_budget_of_steps_becomes_whole_epochs_of_each(tmp_path):
    clip_dataset.build(str(tmp_path), "truth")  # 12 training clips
    own = ["data.dataset=clip_dataset/truth", f"data.data_dir={tmp_path}", "data.clips_per_class=0"]
    found = comparison.read(
        "configs/compare_synthetic.py", [*own, "train.batch_size=4"], only=["C3D", "I3D"]
    )
    budget = comparison.with_steps(found, 10)
    assert [entry.config.train.epochs for entry in budget.entries] == [4, 4]  # of 3 steps
    assert all("--config.train.epochs=4" in c for c in comparison.in_order(budget, "")[1])
    assert [entry.config.train.epochs for entry in found.entries] != [4, 4]


@pytest.mark.parametrize(
    ("content", "fields", "only", "said"),
    [
        (None, (), (), "there is no file"),
        ("x = 1", (), (), "has no get_comparison(); it is no list of experiments"),
        ("1 / 0", (), (), "cannot be loaded (ZeroDivisionError: division by zero)"),
        ("", ("model.widht=3",), (), "model.widht=3 does not fit configs/synthetic.py"),
        ("", ("train.epochs=many",), (), "train.epochs='many' does not fit"),
        ("", ("train.epochs",), (), "'train.epochs' is no field=value, such as train.epochs=2"),
        ("", (), ("b",), "--only=b is no entry of"),
    ],
)
def test_what_is_wrong_with_a_list_is_one_sentence(tmp_path, content, fields, only, said):
    file = tmp_path / "some_list.py"
    whole = (
        "def get_comparison():\n    return {'title': 't', 'table': '', 'note': '', 'shared': {}, "
        "'folds': (), 'seeds': (0,), 'entries': {'a': ('configs/synthetic.py', {})}}\n"
    )
    if content is not None:
        file.write_text(content or whole)
    with pytest.raises(UserError) as caught:
        comparison.read(str(file), fields, only=only)
    assert said in str(caught.value) and "\n" not in str(caught.value), str(caught.value)
