"""Uploads that break off or stand still, asked of the application itself."""

import asyncio
import json

import pytest

from dfer_jax.recognition import predict
from dfer_jax.recognition.recognizer import Recognizer
from dfer_jax.serving.app import create_app
from dfer_jax.serving.jobs import Jobs, Limits


@pytest.fixture
def jobs(tmp_path):
    unasked = object.__new__(Recognizer)
    made = Jobs(unasked, predict.Options(out=tmp_path), Limits(jobs=2, silent_seconds=0.2))
    yield made
    made.close()


def send(jobs, *messages):
    """Sends these parts of an upload and then nothing more; returns status and what is said."""
    waiting, answers = list(messages), []

    async def receive():
        return waiting.pop(0) if waiting else await asyncio.Event().wait()

    async def answer(message):
        answers.append(message)

    scope = {
        "type": "http",
        "method": "POST",
        "path": "/jobs",
        "query_string": b"name=talk.mp4",
        "headers": [(b"host", b"here")],
    }
    asyncio.run(create_app(jobs, hosts=["here"])(scope, receive, answer))
    return answers[0]["status"], answers[1]["body"]


def test_uploads_that_stand_still_are_given_up_and_make_room(jobs, tmp_path):
    part = {"type": "http.request", "body": b"some", "more_body": True}
    for parts in [(), (part,), (part, part), ()]:  # more than are kept at once
        status, said = send(jobs, *parts)
        assert status == 408 and json.loads(said)["fault"].startswith("nothing more of the video")
        assert not list(tmp_path.iterdir())


def test_an_upload_that_breaks_off_is_removed(jobs, tmp_path):
    assert send(jobs, {"type": "http.disconnect"})[0] == 400
    assert not list(tmp_path.iterdir())
