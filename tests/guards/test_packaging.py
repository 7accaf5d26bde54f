# SPDX-License-Identifier: Apache-2.0
"""pyproject.toml names every folder of code: a forgotten one works when editable yet is absent from the wheel."""

import tomllib
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
FOLDERS = ("qdialect", "frontends", "passes", "backends", "driver")


def setuptools_settings() -> dict[str, Any]:
    return tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["setuptools"]


def test_every_folder_with_code_is_a_package() -> None:
    on_disk = {
        ".".join(("qopt_mlir", *path.parent.relative_to(ROOT).parts))
        for folder in FOLDERS
        for path in (ROOT / folder).rglob("*.py")
    }
    assert set(setuptools_settings()["packages"]) == on_disk


def test_every_package_has_an_init() -> None:
    missing = [
        path.parent.relative_to(ROOT).as_posix()
        for folder in FOLDERS
        for path in (ROOT / folder).rglob("*.py")
        if not (path.parent / "__init__.py").exists()
    ]
    assert not missing


def test_every_data_file_is_packaged() -> None:
    settings = setuptools_settings()
    declared = {
        path
        for package, patterns in settings.get("package-data", {}).items()
        for pattern in patterns
        for path in (ROOT / Path(*package.split(".")[1:])).glob(pattern)
    }
    on_disk = {
        path
        for folder in FOLDERS
        for path in (ROOT / folder).rglob("*")
        if path.is_file() and path.suffix not in (".py", ".pyc")
    }
    assert declared == on_disk


def test_folders_map_to_one_import_root() -> None:
    assert setuptools_settings()["package-dir"] == {f"qopt_mlir.{folder}": folder for folder in FOLDERS}


def test_type_checker_sees_every_folder() -> None:
    links = {path.name: path.resolve() for path in (ROOT / "typings/qopt_mlir").iterdir()}
    assert links == {folder: ROOT / folder for folder in FOLDERS}
