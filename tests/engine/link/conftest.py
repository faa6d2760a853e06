"""Links for the tests of this folder."""

from pathlib import Path

import pytest
from ways import Ways, empty_host_keys

from servers.certificates import Certificates


@pytest.fixture
def ways(certificates: Certificates, tmp_path: Path) -> Ways:
    """Links that trust the test authority and no host key yet."""
    return Ways(certificates.ca_pem, empty_host_keys(tmp_path))
