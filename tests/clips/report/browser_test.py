"""Tests of the pages in a real browser; left out where there is none."""

import numpy as np
import pytest
from browser import BROWSER, Browser
from report_run import clustered_features, evaluation, jpeg, write_arrays, write_run

from dfer_jax.clips.report import write_report
from dfer_jax.clips.report.comparison import write_comparison

pytestmark = pytest.mark.skipif(BROWSER is None, reason="no Chromium on this machine")


@pytest.fixture(scope="module")
def pages(tmp_path_factory):
    """A run's page with every section and a comparison, with long names and hostile clip ids."""
    folder = tmp_path_factory.mktemp("pages")
    evil = "'\"><script>console.error(1)</script><img src='http://127.0.0.1:9/x.png'>"
    content = evaluation()
    content["predictions"][0]["clip_id"] = evil
    content["predictions"][3]["clip_id"] = "a/very/long/path/" * 8
    config = {"model": {"name": "gca_ial"}, "long": list(range(200)), evil: evil}
    runs = [
        write_run(folder / name, evaluations={"test": content}, config={**config, "seed": name})
        for name in ("a-run-with-quite-a-long-name", "b")
    ]
    gates = {"gates_layer2": np.random.default_rng(1).uniform(0.5, 1.5, (70, 8))}
    write_arrays(folder / "b", content, features=clustered_features(), **gates)
    return [
        write_report(runs[1], filmstrips=lambda clip_id: [jpeg()] * 8),
        write_comparison(runs, str(folder / "compare.html")),
    ]


@pytest.fixture(scope="module")
def browser(tmp_path_factory):
    """A browser for all tests of this file."""
    running = Browser(str(tmp_path_factory.mktemp("profile")))
    yield running
    running.close()


def test_no_errors_no_requests_no_sideways_scrolling(browser, pages):
    for page in pages:
        for width in (360, 768, 1280):
            browser.resize(width, dark=width == 768)
            browser.open(f"file://{page}")
            events = [(e["method"], e["params"]) for e in browser.events]
            asked = [p["request"]["url"] for m, p in events if m == "Network.requestWillBeSent"]
            assert [url for url in asked if not url.startswith("data:")] == [f"file://{page}"]
            said = {"Log.entryAdded", "Runtime.consoleAPICalled", "Runtime.exceptionThrown"}
            assert [event for event in events if event[0] in said] == []
            assert browser.evaluate("document.documentElement.scrollWidth") <= width, page


def test_pages_follow_the_preferred_colours(browser, pages):
    seen = []
    for dark in (False, True):
        browser.resize(800, dark=dark)
        browser.open(f"file://{pages[0]}")
        body = browser.evaluate("getComputedStyle(document.body).backgroundColor")
        text = browser.evaluate("getComputedStyle(document.querySelector('.chart text')).fill")
        seen.append([np.array(c.strip("rgb()").split(","), int).mean() for c in (body, text)])
    assert seen[0][0] > 200 > 130 > seen[0][1], seen
    assert seen[1][0] < 60 < 130 < seen[1][1], seen
