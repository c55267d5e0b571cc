import importlib

import pytest

from configs.conv3d import ecstfl_paper
from dfer_jax.clips.crossval.render import other_systems_note
from dfer_jax.results import published, published_tables
from dfer_jax.results.published import FORMER_DFER, GCA_IAL, match, on, war_of_recalls
from tfds_builders.mafw import labels

DFEW_CLIPS = (2445, 1894, 2669, 2173, 1469, 145, 902)  # of the five test lists together
GCA_IAL_ROW = next(row for row in GCA_IAL if row.recall)


def _config(name, **fields):
    config = importlib.import_module(f"configs.{name}").get_config()
    config.update_from_flattened_dict(fields)
    return config.to_dict()


@pytest.mark.parametrize(("row", "war"), [(GCA_IAL_ROW, 69.24), (FORMER_DFER, 65.70)])
def test_published_recalls_over_the_class_counts_give_the_published_war(row, war):
    assert row.war == war
    assert abs(war_of_recalls(row.recall, DFEW_CLIPS) - war) < 0.01
    assert abs(sum(row.recall) / 7 - row.uar) < 0.01


def test_rows_of_other_systems_belong_to_one_data_set_each():
    assert [row.method for row in on("cremad/asked")] == ["MAE-DFER"]
    assert on("cremad/seen") == on("mafw/seven") == on("dfew/full") == []
    rows = on("mafw/single")
    assert {row.protocol for row in rows} == {"five folds, best epoch on test"}
    assert "MAE-DFER 41.62/54.31 (ACM MM 2023), Former-DFER 31.16" in other_systems_note(rows)


def test_recalls_printed_for_mafw_give_the_printed_scores_in_the_order_of_the_data_set():
    (row,) = [row for row in on("mafw/single") if row.recall]
    clips = [sum(column) for column in zip(*labels.expected("single").values(), strict=True)]
    assert abs(war_of_recalls(row.recall, clips) - row.war) < 0.02
    assert abs(sum(row.recall) / 11 - row.uar) < 0.01


@pytest.mark.parametrize("name", ["ravdess", "cremad", "mafw"])
def test_configs_of_sets_without_a_row_of_ours_match_none(name):
    assert match(_config(name)) is None
    assert on(_config(name)["data"]["dataset"])


def test_other_class_counts_do_not_give_the_published_war():
    voted = (2488, 2008, 2709, 2229, 1498, 146, 981)  # the paper's 12,059, without faces included
    assert abs(war_of_recalls(GCA_IAL_ROW.recall, voted) - GCA_IAL_ROW.war) > 0.15


@pytest.mark.parametrize(
    ("name", "fields", "uar", "war"),
    [
        ("dfew", {}, 55.71, 69.24),
        ("dfew", {"loss.ial_weight": 0.3}, 54.82, 68.76),
        ("dfew", {"model.reduction": 8}, 54.58, 68.64),
        ("dfew", {"model.attention": "se", "loss.ial_weight": 0.0}, 53.47, 67.32),
        (
            "dfew",
            {"model.attention": "none", "model.aux_stages": (), "loss.ial_weight": 0.0},
            53.56,
            67.42,
        ),
        ("ferv39k", {}, 35.82, 48.54),
        ("dfew_variants.dfew_exp_decay", {}, None, 69.204),
    ],
)
def test_configs_find_the_row_they_aim_at(name, fields, uar, war):
    row = match(_config(name, **fields))
    assert (row.uar, row.war) == (uar, war)


@pytest.mark.parametrize(
    ("name", "fields"),
    [
        ("synthetic", {}),
        ("dfew", {"data.dataset": "dfew/f16"}),
        ("dfew", {"loss.ial_weight": 0.12}),
        ("dfew", {"loss.gap_weight": 0.7}),
    ],
)
def test_what_nobody_published_finds_no_row(name, fields):
    assert match(_config(name, **fields)) is None


def test_pretraining_has_rows_of_its_own():
    config = _config("dfew_variants.dfew_exp_decay")
    config["pretrain"] = {"epochs": 10, "gap_loss": False, "clips_per_class": 110}
    assert match(config).war == 69.290
    config["pretrain"]["epochs"] = 7
    assert match(config) is None
    config["pretrain"]["epochs"] = 0
    assert match(config).war == 69.204


def test_each_row_is_found_by_one_setting_only():
    keys = [
        (row.datasets, repr(sorted(row.settings.items()))) for row in published.ROWS if row.settings
    ]
    assert len(keys) == len(set(keys))


def test_a_saved_config_finds_its_row_too():
    config = _config("dfew")
    config["model"]["aux_stages"] = ["layer2", "layer3"]  # as JSON has it
    assert match(config) is GCA_IAL_ROW


OF_DFEW = (*published.TABLES["GCA+IAL, Table IV"], *published_tables.DFEW_PAPER[:2])


@pytest.mark.parametrize("row", OF_DFEW, ids=lambda row: row.method)
def test_recalls_on_dfew_give_the_scores_of_their_row(row):
    misprinted = {"STT": (54.58, 66.65), "ResNet18+GRU": (51.90, 64.09)}
    uar, war = misprinted.get(row.method, (row.uar, row.war))
    assert abs(war_of_recalls(row.recall, DFEW_CLIPS) - war) < 0.04, row.method
    assert abs(sum(row.recall) / 7 - uar) < 0.01, row.method
    if row.method in misprinted:
        assert f"{war:.2f}" in row.note, "the misprint is not named"


@pytest.mark.parametrize("network", ecstfl_paper._NETWORKS)
def test_configs_of_losses_on_features_find_their_rows(network):
    config = ecstfl_paper.get_config(network)
    row = match(config.to_dict())
    assert "EC-STFL" in row.method
    assert f"{row.uar:.2f}, {row.war:.2f}" in " ".join(ecstfl_paper.__doc__.split())
    config.loss.ecstfl_weight, config.loss.centre_weight = 0.0, 1e-4
    row = match(config.to_dict())
    assert ("center loss" in row.method) if network in ("c3d", "hara_resnet18_b") else row is None


def test_interpolated_clips_and_sampled_frames_are_rows_of_their_own():
    found = match(_config("recurrent.resnet18_lstm"))
    assert (found.method, found.war) == ("ResNet18+LSTM", 63.85)
    found = match(_config("recurrent.resnet18_lstm", **{"data.sampling": "interpolated"}))
    assert (found.method, found.war) == ("ResNet18+LSTM (TI)", 53.08)
    assert match(_config("conv3d.c3d")) is None, "C3D has no row of sampled frames on DFEW"
