"""Keys: shown once, stored hashed, scoped, revocable; users are pseudonyms."""

import json
import os
import stat
from pathlib import Path

import pytest

from feedback_store.events import Scope
from server.auth import Caller, Door, KeyRing, MissingScope, NotAllowed


def test_without_a_key_file_everybody_is_the_local_user(tmp_path: Path) -> None:
    caller = Door(KeyRing(tmp_path), None).caller(None, None)
    assert (caller.user, caller.team) == ("local", "local")
    for scope in Scope:
        caller.require(scope)


def test_a_key_is_stored_as_a_hash_and_for_its_owner_only(tmp_path: Path) -> None:
    key = KeyRing(tmp_path).create("ada", "compilers", [Scope.SUGGEST])
    stored = (tmp_path / "keys.json").read_text()
    assert key not in stored
    assert key.split("_", 2)[2] not in stored
    assert stat.S_IMODE((tmp_path / "keys.json").stat().st_mode) == 0o600


def test_a_key_says_who_and_what(tmp_path: Path) -> None:
    ring = KeyRing(tmp_path)
    key = ring.create("ada", "compilers", [Scope.SUGGEST])
    caller = Door(ring, None).caller(f"Bearer {key}", None)
    assert caller.team == "compilers"
    assert caller.scopes == {Scope.SUGGEST}
    assert "ada" not in caller.user
    with pytest.raises(MissingScope, match="train"):
        caller.require(Scope.TRAIN)


def test_admin_may_do_everything_but_read_code() -> None:
    admin = Caller("u", "t", frozenset({Scope.ADMIN}))
    for scope in set(Scope) - {Scope.CONTENT}:
        admin.require(scope)
    with pytest.raises(MissingScope, match="content"):
        admin.require(Scope.CONTENT)


@pytest.mark.parametrize(
    "header", [None, "", "Bearer ", "Bearer hone_x_y", "Bearer hone", "Basic eDp5", "Bearer ___"]
)
def test_wrong_credentials_are_refused(tmp_path: Path, header: str | None) -> None:
    ring = KeyRing(tmp_path)
    ring.create("ada", "compilers", [Scope.SUGGEST])
    with pytest.raises(NotAllowed):
        Door(ring, None).caller(header, None)


def test_the_right_id_with_another_secret_is_refused(tmp_path: Path) -> None:
    ring = KeyRing(tmp_path)
    key = ring.create("ada", "compilers", [Scope.SUGGEST])
    with pytest.raises(NotAllowed):
        Door(ring, None).caller(f"Bearer {key[:-1]}{'A' if key[-1] != 'A' else 'B'}", None)


def test_pseudonyms_stay_and_differ_by_user_and_installation(tmp_path: Path) -> None:
    one, again = KeyRing(tmp_path / "a"), KeyRing(tmp_path / "a")
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    assert one.pseudonym("ada") == again.pseudonym("ada")
    assert one.pseudonym("ada") != one.pseudonym("eve")
    assert one.pseudonym("ada") != KeyRing(tmp_path / "b").pseudonym("ada")


def test_revoking_works_in_a_running_gateway_and_never_opens_it(tmp_path: Path) -> None:
    running, command = Door(KeyRing(tmp_path), None), KeyRing(tmp_path)
    key = command.create("ada", "compilers", [Scope.SUGGEST])
    running.caller(f"Bearer {key}", None)
    assert command.revoke(command.records()[0].id)
    for header in (f"Bearer {key}", None):
        with pytest.raises(NotAllowed):
            running.caller(header, None)
    assert not command.revoke(command.records()[0].id)


def test_a_damaged_key_file_lets_nobody_in(tmp_path: Path) -> None:
    path = tmp_path / "keys.json"
    path.write_text(json.dumps({"keys": [{"id": "x"}]}))
    os.chmod(path, 0o600)
    with pytest.raises(NotAllowed, match="key file"):
        Door(KeyRing(tmp_path), None).caller("Bearer hone_x_y", None)


@pytest.mark.parametrize("name", ["keys.json", "pseudonym.key"])
def test_a_key_file_that_cannot_be_read_lets_nobody_in(tmp_path: Path, name: str) -> None:
    key = KeyRing(tmp_path).create("ada", "compilers", [Scope.SUGGEST])
    (tmp_path / name).unlink(missing_ok=True)
    # Whom a file belongs to does not matter to root; a folder nobody can read.
    (tmp_path / name).mkdir()
    door = Door(KeyRing(tmp_path), None)
    with pytest.raises(NotAllowed, match="does not read"):
        door.caller(f"Bearer {key}", None)


def test_a_folder_that_cannot_be_looked_into_opens_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(path: Path) -> bool:
        raise PermissionError(path)

    monkeypatch.setattr(Path, "exists", refuse)
    assert not Door(KeyRing(tmp_path), None).open


def test_a_key_file_that_is_gone_opens_nothing(tmp_path: Path) -> None:
    ring = KeyRing(tmp_path)
    door = Door(ring, None)
    assert door.open
    key = ring.create("ada", "compilers", [Scope.SUGGEST])
    assert not door.open
    kept = (tmp_path / "keys.json").rename(tmp_path / "away")
    with pytest.raises(NotAllowed):
        door.caller(None, None)
    with pytest.raises(NotAllowed):
        door.caller(f"Bearer {key}", None)
    kept.rename(tmp_path / "keys.json")
    assert door.caller(f"Bearer {key}", None).team == "compilers"
    assert not Door(KeyRing(tmp_path / "empty"), None, may_open=False).open
