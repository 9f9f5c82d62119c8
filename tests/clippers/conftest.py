import pytest


@pytest.fixture(autouse=True)
def _fresh_session():
    """Nothing here uses the session, and to clear it takes longer than a test."""
