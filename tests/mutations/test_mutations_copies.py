"""That a copy runs its own code, and that what runs in it is ended."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from mutations.copies import Copy, copied
from mutations.own_code import check


@pytest.fixture
def copy(tmp_path: Path) -> Copy:
    """A project with a package of the installed one's name, and a module that tells where it comes from."""
    package = tmp_path / "plugins" / "phonon"
    package.mkdir(parents=True)
    (package / "__init__.py").touch()
    (package / "told.py").write_text("import os, phonon\nprint(phonon.__file__, os.environ['AIRFLOW_HOME'])\n")
    (package / "endless.py").write_text("import threading\nprint('begun', flush=True)\nthreading.Event().wait()\n")
    return Copy(tmp_path)


def test_a_copy_runs_its_own_code_in_a_home_of_its_own(copy: Copy, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AIRFLOW_HOME", "elsewhere")
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(["elsewhere", str(Path(__file__).parents[2] / "plugins")]))
    ended = copy.run("phonon.told", seconds=60)
    assert ended.output.split() == [
        str(copy.folder / "plugins" / "phonon" / "__init__.py"),
        str(copy.folder / ".airflow"),
    ]
    assert ended.status == 0


def test_what_does_not_end_is_ended_and_has_no_status(copy: Copy) -> None:
    ended = copy.run("phonon.endless", seconds=2)
    assert ended.status is None


def test_code_that_is_not_the_copys_is_refused(tmp_path: Path) -> None:
    with pytest.raises(RuntimeError, match="phonon comes from"):
        check(tmp_path)
    check(Path(__file__).parents[2])


def test_a_copy_leaves_out_what_is_not_the_projects_and_is_gone_at_the_end(copy: Copy) -> None:
    for name in (".venv", ".git", ".airflow"):
        (copy.folder / name).mkdir()
    with copied(copy.folder) as other:
        assert [path.name for path in other.folder.iterdir()] == ["plugins"]
        assert (other.folder / "plugins" / "phonon" / "told.py").is_file()
    assert not other.folder.exists()
