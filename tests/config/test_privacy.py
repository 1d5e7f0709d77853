"""Files of secrets: whose they are, and who else may read them."""

import os
from pathlib import Path

import pytest

from config.privacy import exposure, read_private


@pytest.mark.parametrize("mode", [0o644, 0o640, 0o604, 0o660])
def test_a_file_of_ours_is_for_us_alone(tmp_path: Path, mode: int) -> None:
    """Group and others may neither read nor write it; the remedy names the file."""
    file = tmp_path / "app.secret"
    file.write_text("hush")
    file.chmod(mode)
    assert f"chmod 600 {file}" in str(exposure(file))
    with pytest.raises(PermissionError, match="chmod 600"):
        read_private(file)
    file.chmod(0o600)
    assert read_private(file) == b"hush"


@pytest.mark.skipif(os.geteuid() != 0, reason="only root gives files away")
def test_a_mounted_secret_is_its_owners_to_protect(tmp_path: Path) -> None:
    """Docker mounts secrets as root's, readable to all in the container."""
    file = tmp_path / "app.secret"
    file.write_text("hush")
    file.chmod(0o444)
    os.chown(file, 10_001, 10_001)
    assert exposure(file) is None
