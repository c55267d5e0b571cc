"""The door, `dfer VERB`: what it says by itself, and ten and more wrong uses of it."""

import importlib
import subprocess
import sys
import time

import pytest
from absl import flags

from dfer_jax import __main__, __version__, signals

# Verbs are imported by other tests of the same process before they are run.
pytestmark = pytest.mark.filterwarnings("ignore:.*found in sys.modules:RuntimeWarning")


@pytest.fixture
def door(monkeypatch, capsys):
    """Runs a command line in this process: exit code, stdout and stderr."""
    known = {name: flags.FLAGS[name] for name in flags.FLAGS}
    values = {name: flag.value for name, flag in known.items()}
    of_absl = {name for name in known if hasattr(flags.FLAGS, name) and _of_absl(name)}

    def enter(*arguments):
        for name in set(flags.FLAGS) - of_absl:  # verbs name theirs alike
            delattr(flags.FLAGS, name)
        monkeypatch.setattr(sys, "argv", ["dfer", *map(str, arguments)])
        monkeypatch.setattr(signals, "watch", lambda: None)  # this process is the tests'
        try:
            __main__.main()
            code = 0
        except SystemExit as left:
            code = left.code or 0
        return code, *capsys.readouterr()

    yield enter
    for name in set(flags.FLAGS) - of_absl:
        delattr(flags.FLAGS, name)
    for name, flag in known.items():
        if name not in of_absl:
            flags.FLAGS[name] = flag
        flag.value = values[name]
    flags.FLAGS.mark_as_parsed()


def _of_absl(name):
    return (flags.FLAGS.find_module_defining_flag(name) or "").startswith("absl")


def test_the_overview_is_quick_and_needs_no_jax():
    program = (
        "import sys; from dfer_jax import __main__; __main__.main(); "
        "assert not {'jax', 'numpy', 'absl'} & set(sys.modules)"
    )
    seconds = []
    for _ in range(3):
        start = time.perf_counter()
        done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
        seconds.append(time.perf_counter() - start)
        assert done.returncode == 0, done.stderr
    assert min(seconds) < 0.3
    for group, verbs in __main__.VERBS.items():
        assert f"\n{group}\n" in done.stdout
        for name, verb in verbs.items():
            assert f"\n  {name:9} {verb.line}\n" in done.stdout


@pytest.mark.parametrize("verb", ["--help", "-h", "help"])
def test_help_is_the_overview(door, verb):
    assert door(verb) == door() == (0, __main__.overview() + "\n", "")


def test_version(door):
    assert door("--version") == (0, f"dfer_jax {__version__}\n", "")


def test_every_verb_has_a_module_with_help():
    for verbs in __main__.VERBS.values():
        for verb in verbs.values():
            spec = importlib.util.find_spec(verb.module)
            if spec.submodule_search_locations:
                spec = importlib.util.find_spec(f"{verb.module}.__main__")
            assert spec.loader.get_source(spec.name).startswith(('"""', 'r"""')), verb


def test_help_of_a_verb_is_its_modules(door):
    code, out, err = door("doctor", "--help")
    assert code == 0
    assert "Says in one screen whether this machine is ready" in out + err


def test_config_prints_values_and_places(door):
    code, out, _ = door("config", "configs/dfew.py", "fold=2", "model.width=32")
    assert code == 0
    found = dict(line.split(" = ", 1) for line in out.splitlines())
    assert found["fold"].split() == ["2", "command", "line"]
    assert found["model.width"].split() == ["32", "command", "line"]
    assert found["data.dataset"].startswith("'dfew/full'")
    assert "configs/dfew.py:" in found["data.dataset"]
    assert "configs/base.py:" in found["data.train_split"]
    assert found["optim.schedule_kwargs"].startswith("{} ")


@pytest.mark.parametrize(
    ("command", "message"),
    [
        ("trian", "dfer has no verb 'trian'; did you mean train?"),
        ("zzz", "dfer has no verb 'zzz'; choose from check, build, cache, train"),
        ("--vresion", "dfer has no verb '--vresion'; choose from"),
        ("train", "name an experiment file, e.g. configs/dfew.py; --help explains"),
        ("train configs/dfwe.py", "there is no config file configs/dfwe.py; did you mean"),
        ("eval dfew ferv39k", "unexpected arguments ['ferv39k']"),
        ("config dfew lr=1", "the config has no field 'lr'"),
        ("config dfew optim.momentun=1", "no field 'momentun'; did you mean 'momentum'?"),
        ("config dfew fold.x=1", "the config has no field 'fold.x'"),
        ("config dfew fold=one", "flag --config.fold=one: invalid literal for int()"),
        ("config dfew:gru", "get_config() takes 0 positional arguments but 1 was given"),
        ("config dfew --flod=1", "Unknown command line flag 'flod'"),
        ("models gca_ial", "unexpected arguments ['gca_ial']; it takes none"),
        ("doctor now", "unexpected arguments ['now']; it takes none"),
        ("report", "give a work directory: dfer report WORKDIR [WORKDIR..]"),
        ("ensemble runs/a --out=b", "give two or more work directories"),
        ("export runs/a", "--out is missing; --help explains"),
    ],
)
def test_a_wrong_use_is_one_sentence(door, command, message):
    left, out, err = door(*command.split())
    assert (left, out) == (2, "")
    assert err.startswith("error: ") and message in err
    assert err.count("\n") == 1
