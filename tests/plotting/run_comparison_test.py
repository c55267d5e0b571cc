"""What differs between runs, as their pages say it."""

from dfer_jax.plotting.run_comparison import differences


def test_fields_that_differ_among_those_that_have_fields():
    runs = {"a": {"seed": "0", "lr": "1"}, "b": {"seed": "1", "lr": "1"}, "ensemble": {}}
    [table] = differences(runs).tables
    assert (table.heads, table.rows) == (["field", "a", "b"], [["seed", "0", "1"]])
    assert not differences({"a": runs["a"], "ensemble": {}}).tables
