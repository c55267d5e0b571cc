"""What the long tests share: the commands they disturb."""

import pytest
from soak import jobs


@pytest.fixture(scope="session")
def made(tmp_path_factory):
    """The jobs by name, what they read made once."""
    with jobs.ready(tmp_path_factory.mktemp("soak")) as ready:
        yield ready
