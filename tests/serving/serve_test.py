"""`dfer serve`: a real process, asked over HTTP and through a real browser."""

import http.client
import json
import os
import re
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request

import browser
import numpy as np
import pytest
import saved_weights
import video_files

from dfer_jax.recognition.recognizer import Recognizer


@pytest.fixture(scope="module")
def weights(tmp_path_factory):
    return saved_weights.of_clips(tmp_path_factory.mktemp("weights") / "clips")


@pytest.fixture(scope="module")
def server(weights, tmp_path_factory):
    """Address, and the folder in which it keeps what it is given."""
    folder = tmp_path_factory.mktemp("temporary")
    flags = ["--cropped", "--port=0", "--max_mb=0.5", "--max_minutes=0.2", "--window=1s"]
    process = subprocess.Popen(
        [sys.executable, "-m", "dfer_jax", "serve", f"--weights={weights}", *flags],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "TMPDIR": str(folder)},
    )
    said = process.stdout.readline()
    yield re.search(r"http://[\d.:]+", said)[0], folder
    process.send_signal(signal.SIGINT)
    _, complaints = process.communicate(timeout=60)
    assert (process.returncode, complaints) == (0, "")
    assert not list(folder.iterdir()), "the server leaves videos behind"


@pytest.fixture(scope="module")
def video(tmp_path_factory):
    pictures = [video_files.picture(k % 40) for k in range(60)]
    return video_files.write_video(tmp_path_factory.mktemp("v") / "talk.mp4", pictures)


def ask(address, path, *, data=None, method=None, **headers):
    """Returns status and body."""
    request = urllib.request.Request(address + path, data=data, method=method, headers=headers)
    try:
        with urllib.request.urlopen(request, timeout=60) as answer:
            return answer.status, answer.read()
    except urllib.error.HTTPError as error:
        return error.code, error.read()


def finished(address, job):
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        said = json.loads(ask(address, f"/jobs/{job}")[1])
        if said["state"] in ("done", "failed"):
            return said
        time.sleep(0.1)
    raise AssertionError("the job does not end")


def test_a_video_gives_what_the_library_gives(server, video, weights):
    address, folder = server
    status, said = ask(address, "/jobs?name=..%2F..%2Fetc%2Fpasswd", data=video.read_bytes())
    assert status == 201
    job = json.loads(said)
    assert job["name"] == "passwd", "a name is no path"
    done = finished(address, job["id"])
    assert (done["state"], done["frames"], done["fault"]) == ("done", 60, "")
    _, table = ask(address, f"/jobs/{job['id']}/result.csv")
    lines = [line.split(",") for line in table.decode().splitlines()]
    at = lines[0].index("happiness")
    found = [[float(p) for p in line[at : at + 7]] for line in lines[1:]]
    rows = Recognizer.load(weights).video(video, is_cropped=True, window="1s")
    expected = [list(row.probabilities.values()) for row in rows]
    np.testing.assert_allclose(found, expected, atol=2e-6)
    assert ask(address, f"/jobs/{job['id']}/face_0.jpg")[1].startswith(b"\xff\xd8")
    status, part = ask(address, f"/jobs/{job['id']}/video", Range="bytes=0-99")
    assert status == 206 and part == video.read_bytes()[:100], "browsers seek by ranges"
    assert ask(address, f"/jobs/{job['id']}", method="DELETE")[0] == 204
    assert ask(address, f"/jobs/{job['id']}/result.csv")[0] == 404
    [kept] = folder.iterdir()
    assert not list(kept.iterdir()), "a removed video is gone"


@pytest.mark.parametrize(
    ("data", "message"),
    [(b"words " * 100, "not a video file"), (b"", "the file is empty")],
    ids=["text", "nothing"],
)
def test_what_is_no_video_fails_with_a_sentence(server, data, message):
    address, folder = server
    job = json.loads(ask(address, "/jobs", data=data)[1])
    done = finished(address, job["id"])
    assert done["state"] == "failed" and message in done["fault"]
    deadline = time.monotonic() + 10
    while any(folder.glob(f"*/{job['id']}")) and time.monotonic() < deadline:
        time.sleep(0.01)
    assert not any(folder.glob(f"*/{job['id']}")), "what cannot be shown is not kept"


def test_a_form_is_told_how_to_send_the_file_itself(server):
    address, _ = server
    form = {"Content-Type": "multipart/form-data; boundary=x"}
    status, said = ask(address, "/jobs", data=b"--x--", **form)
    assert status == 415 and b"a form was sent; send the file itself: curl" in said


def test_a_video_that_is_too_long_keeps_its_start(server, tmp_path):
    address, _ = server
    pictures = [video_files.picture(k % 40) for k in range(13 * 25)]
    video = video_files.write_video(tmp_path / "long.mp4", pictures)
    job = json.loads(ask(address, "/jobs", data=video.read_bytes())[1])
    done = finished(address, job["id"])
    assert done["state"] == "done" and done["frames"] == 301
    assert "longer than 0.2 minutes" in done["fault"]


def test_too_large_an_upload_is_refused_with_and_without_a_length(server):
    address, _ = server
    connection = http.client.HTTPConnection(address.removeprefix("http://"), timeout=60)
    connection.putrequest("POST", "/jobs")
    connection.putheader("Content-Length", "600000")
    connection.endheaders()
    assert connection.getresponse().status == 413
    connection = http.client.HTTPConnection(address.removeprefix("http://"), timeout=60)
    parts = (bytes(100_000) for _ in range(6))
    connection.request("POST", "/jobs", body=parts, encode_chunked=True)
    answer = connection.getresponse()
    assert answer.status == 413 and b"larger than 0.5 MB" in answer.read()


def test_nothing_else_is_handed_out(server, video):
    address, _ = server
    job = json.loads(ask(address, "/jobs", data=video.read_bytes())[1])["id"]
    finished(address, job)
    for path in (
        "/jobs/nobody",
        f"/jobs/{job}/..%2F..%2F..%2Fetc%2Fpasswd",
        f"/jobs/{job}/result.csv.new",
        f"/jobs/{job}/face_77.jpg",
        "/jobs/..%2F/video",
        "/index.html",
    ):
        assert ask(address, path)[0] == 404, path
    assert ask(address, "/jobs")[0] == 405


def test_other_pages_of_the_browser_are_refused(server, video):
    address, _ = server
    evil = {"Origin": "http://evil.example"}
    assert ask(address, "/jobs", data=video.read_bytes(), **evil)[0] == 403
    assert ask(address, "/", Host="evil.example")[0] == 400
    status, page = ask(address, "/")
    assert status == 200 and b"https://" not in page


@pytest.mark.skipif(not browser.BROWSER, reason="no Chromium here")
def test_a_browser_uploads_a_video_and_plays_it_beside_its_curves(server, video, tmp_path):
    address, _ = server
    tab = browser.Browser(str(tmp_path / "profile"))
    try:
        tab.open(address)
        root = tab.call("DOM.getDocument")["root"]["nodeId"]
        [field] = tab.call("DOM.querySelectorAll", nodeId=root, selector="#file")["nodeIds"]
        tab.call("DOM.setFileInputFiles", nodeId=field, files=[str(video)])
        view = "document.getElementById('view').contentDocument"
        wait(tab, "!document.getElementById('done').hidden && job.state")
        wait(tab, f"{view}.getElementById('label').textContent")
        assert tab.evaluate("at('csv').download") == "talk.csv"
        assert tab.evaluate("document.querySelectorAll('#crops img').length") == 1
        wait(tab, f"{view}.querySelector('video').readyState >= 2")
        tab.evaluate(f"{view}.getElementById('play').click() || 1")
        wait(tab, f"parseFloat({view}.getElementById('clock').textContent) > 0.3")
        tab.evaluate("at('remove').click() || 1")
        wait(tab, "at('done').hidden")
        assert tab.evaluate("at('fault').textContent") == ""
    finally:
        tab.close()


def wait(tab, condition):
    """Waits until a condition holds; one that fails, as on a page under way, does not hold yet."""
    asked = f"(() => {{ try {{ return !!({condition}) }} catch {{ return false }} }})()"
    deadline = time.monotonic() + 60
    while not tab.evaluate(asked):
        assert time.monotonic() < deadline, f"never: {condition}"
        time.sleep(0.1)


def test_an_address_in_use_is_said_in_a_sentence(server, weights, commands):
    address, _ = server
    port = address.rpartition(":")[2]
    flags = ["--cropped", f"--port={port}", f"--weights={weights}"]
    done = commands.run("dfer_jax", "serve", *flags)
    assert done.returncode == 1 and "Traceback" not in done.stderr
    assert f"127.0.0.1:{port} cannot be answered at (Address already in use)" in done.stderr
