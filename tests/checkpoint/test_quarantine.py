"""Damaged folders are moved out of the checkpoints, never over each other."""

import pytest

from s2c_jax import distributed
from s2c_jax.checkpoint.quarantine import quarantine
from s2c_jax.errors import UserError


@pytest.fixture
def folder(tmp_path):
    path = tmp_path / "checkpoints" / "8" / "metrics"
    path.mkdir(parents=True)
    return path


def test_quarantine_moves_the_folder_and_says_where(tmp_path, folder, capsys):
    for name in ("8_metrics", "8_metrics_2", "8_metrics_3"):
        folder.mkdir(exist_ok=True)
        quarantine(tmp_path, folder, "it is damaged")
        target = tmp_path / "damaged" / name
        assert capsys.readouterr().err == f"s2c_jax: it is damaged: it is in {target} now\n"
        assert target.is_dir()
        assert not folder.exists()


def test_quarantine_names_a_folder_that_is_gone(tmp_path, folder, capsys):
    folder.rmdir()
    quarantine(tmp_path, folder, "it is lost")
    assert capsys.readouterr().err == "s2c_jax: it is lost\n"
    assert not (tmp_path / "damaged").exists()


def test_quarantine_names_a_folder_that_cannot_be_moved(tmp_path, folder):
    (tmp_path / "damaged").write_text("not a folder")
    with pytest.raises(UserError, match="it is damaged, and it cannot be moved to"):
        quarantine(tmp_path, folder, "it is damaged")
    assert folder.is_dir()


def test_only_the_primary_process_moves(tmp_path, folder, monkeypatch):
    monkeypatch.setattr(distributed, "is_primary", lambda: False)
    quarantine(tmp_path, folder, "it is damaged")
    assert folder.is_dir()
