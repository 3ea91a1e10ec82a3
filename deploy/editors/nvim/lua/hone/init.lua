-- Next edits from hone-lsp: asked for while you work, drawn where they belong, taken by a key.
-- Knows when to ask, and what keys there are. Neovim 0.7 and later; tested with 0.7.2.
local commands = require("hone.commands")
local offers = require("hone.offer")
local screen = require("hone.screen")
local server = require("hone.server")
local M = {}

local options = {
  cmd = { "hone-lsp" },
  debounce_ms = 75, -- how long a pause in typing is
  attach = nil, -- function(bufnr): whether to; by default every file
  keys = {
    accept = "<M-l>", -- jumps first if the place is not on screen
    accept_word = "<M-w>",
    dismiss = "<M-k>",
    jump = "<M-j>",
  },
}
local INLINE_EDIT = "textDocument/copilotInlineEdit"
local MOVED_MS = 10000 -- moving the cursor asks only so long after a change

local asked -- the request under way: client and id
local edited_at = -math.huge
local timer = vim.loop.new_timer()

local function now()
  return vim.loop.hrtime() / 1e6
end

-- Want no answer any more to what was asked.
local function stop()
  timer:stop()
  if asked then
    server.cancel(asked.client, asked.id)
    asked = nil
  end
end

-- What was drawn before the question stays until there is an answer: nothing blinks or jumps.
local function answered(client, result)
  local answer = offers.first(result)
  if answer then
    offers.show(client, answer)
  else
    offers.withdraw()
  end
end

local function ask(by_hand)
  local bufnr = vim.api.nvim_get_current_buf()
  local client = server.client(bufnr)
  if not client or vim.fn.reg_executing() ~= "" then
    return
  end
  stop()
  local params = vim.lsp.util.make_position_params(0, client.offset_encoding)
  params.textDocument.version = server.version(bufnr)
  params.context = { triggerKind = by_hand and 1 or 2 }
  local request = { client = client }
  request.id = server.request(client, bufnr, INLINE_EDIT, params, function(result)
    if asked == request then
      asked = nil
      answered(client, result)
    end
  end)
  asked = request.id and request
end

local function ask_soon(delay_ms)
  timer:stop()
  timer:start(delay_ms, 0, vim.schedule_wrap(ask))
end

local function changed()
  edited_at = now()
  stop()
  local is_typed = offers.follow()
  if vim.fn.pumvisible() == 0 then -- else its end is told
    -- What is left of an edit that is being typed, the server knows at once.
    ask_soon(is_typed and 0 or options.debounce_ms)
  end
end

local function scrolled()
  if offers.valid() then -- else the change itself is about to be told
    offers.look()
  end
end

local function moved()
  if offers.valid() then
    offers.look()
  elseif not asked and now() - edited_at < MOVED_MS then
    ask_soon(options.debounce_ms)
  end
end

-- Do something with the edit on offer. One that is on screen, but for the text of a moment ago,
-- is asked for again.
local function with_offer(act)
  return function()
    if offers.valid() then
      act()
    elseif offers.current() then
      ask()
    end
  end
end

--- Apply the edit on offer, if its document is still the one it was made for. An edit that is
--- not on screen is shown first.
M.accept = with_offer(offers.accept)

--- Apply the first word of it, in place of a word if it replaces some.
M.accept_word = with_offer(function()
  offers.accept_leading("word")
end)

--- Apply the first line of it.
M.accept_line = with_offer(function()
  offers.accept_leading("line")
end)

--- Go where the edit on offer is.
M.jump = with_offer(offers.jump)

--- Refuse the edit on offer: the server remembers it, and does not offer it again.
function M.dismiss()
  if offers.current() then
    stop()
    offers.dismiss()
  end
end

-- Show what a command brings; where it brings nothing, the server says why.
local function show_instead(result, client)
  local answer = offers.first(result)
  if answer then
    stop()
    offers.show(client, answer)
  end
end

--- Ask now.
function M.suggest()
  ask(true)
end

local function leaf(command)
  return with_offer(function()
    commands.run(command, { offers.id() }, show_instead)
  end)
end

--- Show another edit for the same lines, or the one before.
M.next, M.previous = leaf("hone.next"), leaf("hone.previous")

--- Show what becomes of a range of lines when it is edited as told.
function M.instruct(given)
  commands.instruct(given, show_instead)
end

--- The edit on offer, for other plugins: what it writes and where (rows from 0); or nil.
function M.offer()
  local offer = offers.valid()
  if offer then
    local place = { text = offer.text, bufnr = offer.bufnr, row = offer.row, shown = offer.shown }
    return vim.tbl_extend("force", place, { id = offers.id() })
  end
end

--- For a status line: `%{v:lua.require'hone'.status()}`.
function M.status()
  local brief = commands.brief(vim.api.nvim_get_current_buf())
  return "Hone: " .. (asked and "..." or offers.current() and "edit" or brief)
end

M.feedback, M.show_status = commands.feedback, commands.show_status

local function attach(bufnr)
  local is_wanted = server.is_file(bufnr) and (not options.attach or options.attach(bufnr))
  if is_wanted and not server.client(bufnr) then
    server.attach(bufnr, options.cmd)
  end
end

local function map(name, key)
  for _, mode in ipairs({ "n", "i" }) do
    if vim.fn.maparg(key, mode) == "" then
      vim.keymap.set(mode, key, "<Plug>(hone-" .. name:gsub("_", "-") .. ")")
    end
  end
end

--- Start. `options`: cmd, debounce_ms, attach, keys (false: none).
function M.setup(given)
  options = vim.tbl_deep_extend("force", options, given or {})
  screen.define_colours()
  for name, key in pairs(options.keys or {}) do
    map(name, key)
  end
  local group = vim.api.nvim_create_augroup("hone", {})
  local function on(events, callback)
    vim.api.nvim_create_autocmd(events, { group = group, callback = callback })
  end
  -- By its first write, a buffer without a name becomes a file.
  on({ "BufReadPost", "BufNewFile", "BufWritePost" }, function(event)
    vim.schedule(function() -- once the file type is known
      attach(event.buf)
    end)
  end)
  on({ "TextChanged", "TextChangedI", "TextChangedP" }, changed)
  on({ "CursorMoved", "CursorMovedI" }, moved)
  on({ "InsertLeave", "CompleteDone" }, moved)
  on("WinScrolled", scrolled)
  on("ColorScheme", screen.define_colours)
  vim.tbl_map(attach, vim.api.nvim_list_bufs())
end

return M
