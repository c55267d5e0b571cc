"""The installed wheel, made once for the tests of this folder."""

import installed_wheel
import pytest


@pytest.fixture(scope="session")
def installed(tmp_path_factory):
    return installed_wheel.install(tmp_path_factory.mktemp("wheel"))
