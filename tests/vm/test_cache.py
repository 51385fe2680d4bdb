"""The cache of the harness; needs no guest."""

import os

import pytest
from harness import cache

USER = 12345


@pytest.fixture
def directory(tmp_path, monkeypatch):
    os.chown(tmp_path, USER, USER)
    monkeypatch.setenv("CGWARDEN_VM_CACHE", str(tmp_path / "cache" / "vm"))
    return tmp_path / "cache" / "vm"


def owner(path):
    return path.stat().st_uid, path.stat().st_gid


def test_what_sudo_makes_belongs_to_the_user(directory, monkeypatch):
    monkeypatch.setenv("SUDO_UID", str(USER))
    cache.built("images/one", lambda result: result.mkdir())
    for path in (directory.parent, directory, directory / "images"):
        assert owner(path) == (USER, USER)


def test_what_root_makes_belongs_to_root(directory, monkeypatch):
    monkeypatch.delenv("SUDO_UID", raising=False)
    assert owner(cache.directory()) == (0, 0)


def test_the_sweep_takes_what_nobody_builds_any_more(directory):
    dead, young = (cache.directory() / f".building-{name}" for name in ("dead", "young"))
    for path in (dead, young):
        (path / "result").mkdir(parents=True)
    os.utime(dead, (1, 1))

    def build(result):
        os.utime(result.parent, (1, 1))
        cache.sweep()
        assert result.parent.exists()
        result.mkdir()

    cache.built("images/one", build)
    assert not dead.exists() and young.exists()
