-- Next edits from hone-lsp: asked for while you work, drawn where they belong, taken by a key.
-- Knows when to ask and what a key does to the edit on offer. Neovim 0.7 and later; tested with
-- 0.7.2.
local commands = require("hone.commands")
local edits = require("hone.edit")
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

local offer -- the edit on offer: its answer, client, shown; see `edit.placed`
local asked -- the request under way: client and id
local edited_at = -math.huge
local timer = vim.loop.new_timer()

local function now()
  return vim.loop.hrtime() / 1e6
end

local function forget()
  timer:stop()
  if asked then
    server.cancel(asked.client, asked.id)
    asked = nil
  end
  if offer then
    screen.clear(offer.bufnr)
    screen.clear_hint(offer.seen_from)
    offer = nil
  end
end

local function valid()
  return offer and offer.version == server.version(offer.bufnr)
end

-- Draw the offer, and tell the server once its place has been on screen.
local function draw()
  screen.clear_hint(offer.seen_from)
  if not offer.drawn then
    offer.drawn = true
    screen.show(offer)
  end
  if screen.window(offer) then
    if not offer.shown then
      offer.shown = true
      local item = { command = offer.command }
      server.notify(offer.client, "textDocument/didShowInlineEdit", { item = item })
    end
    return
  end
  offer.seen_from = vim.api.nvim_get_current_buf()
  local where = "line " .. (offer.row + 1)
  if offer.seen_from ~= offer.bufnr then
    where = vim.fn.fnamemodify(vim.api.nvim_buf_get_name(offer.bufnr), ":.") .. ", " .. where
  end
  local row = vim.api.nvim_win_get_cursor(0)[1] - 1
  screen.hint(offer.seen_from, row, "next edit: " .. where)
end

-- Show the first of the edits that an answer brings.
local function answered(client, result)
  local answer = ((result or {}).edits or {})[1]
  if not answer then
    return
  end
  local document = answer.textDocument
  local bufnr = vim.uri_to_bufnr(document.uri)
  if document.version ~= server.version(bufnr) or vim.fn.pumvisible() == 1 then
    return
  end
  local edit = edits.placed(bufnr, answer, client.offset_encoding)
  edit.client, edit.command, edit.version = client, answer.command, document.version
  edit.seen_from = bufnr
  offer = edit
  draw()
end

local function ask(by_hand)
  local bufnr = vim.api.nvim_get_current_buf()
  local client = server.client(bufnr)
  if not client or vim.fn.reg_executing() ~= "" then
    return
  end
  forget()
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
  -- What is left of an edit that is being typed, the server knows at once.
  local delay_ms = offer and edits.is_being_typed(offer) and 0 or options.debounce_ms
  forget()
  ask_soon(delay_ms)
end

local function scrolled()
  if valid() then -- else the change itself is about to be told
    draw()
  end
end

local function moved()
  if offer then
    scrolled()
  elseif not asked and now() - edited_at < MOVED_MS then
    ask_soon(options.debounce_ms)
  end
end

local function jump()
  vim.cmd("normal! m'")
  if vim.api.nvim_get_current_buf() ~= offer.bufnr then
    vim.cmd("hide buffer " .. offer.bufnr)
  end
  vim.api.nvim_win_set_cursor(0, { offer.row + 1, offer.column })
  draw()
end

-- Write a part of the offer, or all, and put the cursor behind it.
local function take(text)
  local taken = offer
  screen.clear(taken.bufnr)
  screen.clear_hint(taken.seen_from)
  offer = nil
  local row, column = edits.apply(taken, text)
  local window = screen.window({ bufnr = taken.bufnr, row = row })
  if window then
    local last = vim.api.nvim_buf_line_count(taken.bufnr)
    vim.api.nvim_win_set_cursor(window, { math.min(row + 1, last), column })
  end
  return taken
end

local function take_leading(unit)
  if not valid() or not edits.is_insertion(offer) then
    return
  end
  local part = edits.leading(offer.text, unit)
  local whole = part == offer.text
  local taken = take(part)
  if whole then
    server.command(taken.client, taken.bufnr, taken.command.command, taken.command.arguments)
  else
    local item = { item = { command = taken.command }, acceptedLength = vim.str_utfindex(part) }
    server.notify(taken.client, "textDocument/didPartiallyAcceptCompletion", item)
  end
end

--- Apply the edit on offer, if its document is still the one it was made for. An edit that is
--- not on screen is shown first.
function M.accept()
  if not valid() then
    return
  end
  if not screen.window(offer) then
    return jump()
  end
  local taken = take()
  server.command(taken.client, taken.bufnr, taken.command.command, taken.command.arguments)
end

--- Apply the first word of an insertion.
function M.accept_word()
  take_leading("word")
end

--- Apply the first line of an insertion.
function M.accept_line()
  take_leading("line")
end

--- Go where the edit on offer is.
function M.jump()
  if valid() then
    jump()
  end
end

--- Refuse the edit on offer: the server remembers it, and does not offer it again.
function M.dismiss()
  if offer then
    local refused = offer
    forget()
    server.command(refused.client, refused.bufnr, "hone.dismiss", refused.command.arguments)
  end
end

local function show_instead(result, client)
  forget()
  answered(client, result)
end

--- Ask now.
function M.suggest()
  ask(true)
end

local function leaf(command)
  return function()
    if valid() then
      commands.run(command, { offer.command.arguments[1] }, show_instead)
    end
  end
end

--- Show another edit for the same lines, or the one before.
M.next, M.previous = leaf("hone.next"), leaf("hone.previous")

--- Show what becomes of a range of lines when it is edited as told.
function M.instruct(given)
  commands.instruct(given, show_instead)
end

--- The edit on offer, for other plugins: what it writes and where (rows from 0); or nil.
function M.offer()
  if valid() then
    local id = offer.command.arguments[1]
    return { id = id, text = offer.text, bufnr = offer.bufnr, row = offer.row, shown = offer.shown }
  end
end

--- For a status line: `%{v:lua.require'hone'.status()}`.
function M.status()
  local brief = commands.brief(vim.api.nvim_get_current_buf())
  return "Hone: " .. (asked and "..." or offer and "edit" or brief)
end

M.feedback, M.show_status = commands.feedback, commands.show_status

local function attach(bufnr)
  if server.is_file(bufnr) and (not options.attach or options.attach(bufnr)) then
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
  on({ "BufReadPost", "BufNewFile" }, function(event)
    vim.schedule(function() -- once the file type is known
      attach(event.buf)
    end)
  end)
  on({ "TextChanged", "TextChangedI" }, changed)
  on({ "CursorMoved", "CursorMovedI" }, moved)
  on({ "InsertLeave", "CompleteDone" }, moved)
  on("WinScrolled", scrolled)
  on("ColorScheme", screen.define_colours)
  vim.tbl_map(attach, vim.api.nvim_list_bufs())
end

return M
