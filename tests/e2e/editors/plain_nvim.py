"""Neovim's own LSP client without any plugin of ours: the code action's face.

Knows how a user sets it up. Does not know what is tested.
"""

import json
from collections.abc import Iterator
from contextlib import contextmanager

from tests.e2e.editors.desk import Desk
from tests.e2e.editors.nvim import Neovim

INIT = """
vim.opt.swapfile = false
vim.api.nvim_create_autocmd("FileType", {{ pattern = "python", callback = function()
  local id = vim.lsp.start_client({{ name = "hone", cmd = {{ {command} }},
                                    root_dir = vim.fn.getcwd() }})
  vim.lsp.buf_attach_client(0, id)
end }})
-- Neovim before 0.8 does not say that a person asked.
vim.keymap.set("n", "ga", function()
  vim.lsp.buf.code_action({{ context = {{ triggerKind = 1, diagnostics = {{}} }} }})
end)
"""


class PlainNeovim(Neovim):
    """One Neovim without the plugin."""

    def choose(self, line: int, action: str | None) -> str:
        """Ask for the code actions of a line and choose one by its title, or none; the
        suggestion's id."""
        before = len(self.desk.offers())
        self.type(f":{line + 1}\nga")
        self.terminal.wait_for("Type number and <Enter>")
        shown = self.terminal.screen().split("\n")
        number = next((row.split(":")[0] for row in shown if action and action in row), "")
        self.type(f"{number}\n")
        self.terminal.wait(lambda: self.evaluate("mode()") == "n", "the end of the choice")
        [name] = self.desk.offers()[before:]
        return name


@contextmanager
def plain_neovim(desk: Desk) -> Iterator[PlainNeovim]:
    """Run Neovim on the desk's file."""
    config = desk.folder / "init.lua"
    config.write_text(INIT.format(command=", ".join(json.dumps(part) for part in desk.server)))
    socket = str(desk.folder / "nvim.sock")
    arguments = ("--clean", "--listen", socket, "-u", str(config), str(desk.file))
    with desk.terminal("nvim", *arguments) as terminal:
        running = PlainNeovim(desk, terminal)
        ready = 'luaeval("#vim.lsp.get_active_clients() > 0")'
        terminal.wait(lambda: running.evaluate(ready) == "true", "an attached server")
        yield running
