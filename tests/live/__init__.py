"""The whole library, through its public face, against real libvirt."""

import pytest

pytest.register_assert_rewrite("tests.live.diary", "tests.live.hands")
