"""The real model follows a rename into another open file."""

from pathlib import Path

import pytest

from tests.e2e.stack import Gateway, editor

SETTINGS = """\
max_retries = 3
"""
CLIENT = """\
import settings


class Client:
    def fetch(self, url):
        for attempt in range(settings.max_retries):
            answer = self.get(url)
            if answer.ok:
                return answer
"""


@pytest.mark.engine
def test_a_rename_goes_on_in_another_file(real: Gateway, tmp_path: Path) -> None:
    with editor(real, tmp_path, HONE_LSP_SUGGEST__REACH="files") as session:
        client = session.open("client.py", CLIENT)
        settings = session.open("settings.py", SETTINGS)
        session.change(settings, ((0, 0), (0, 11), "retry_limit"))
        edit = session.next_edit(settings, 0, 11)
        assert edit
        assert edit["textDocument"] == {"uri": client, "version": 1}
        session.apply(client, edit)
        session.command(edit["command"]["command"], *edit["command"]["arguments"])
        assert session.texts[client] == CLIENT.replace("max_retries", "retry_limit")
        session.wait_delivered()
    real.stop()
    [outcome] = real.stored("SELECT * FROM outcomes WHERE outcome = 'accepted'")
    assert outcome["suggestion_id"] == edit["command"]["arguments"][0]
