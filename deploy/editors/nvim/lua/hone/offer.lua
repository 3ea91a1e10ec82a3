-- The edit on offer: on screen until it is taken, refused, written over or replaced by an answer.
-- Knows the edit, where it has moved to, and what taking it tells the server. Does not know when
-- the server is asked, nor keys.
local edits = require("hone.edit")
local screen = require("hone.screen")
local server = require("hone.server")

local M = {}

local offer -- see `edit.placed`; with its client, command, version, and whether it was shown

--- The edit on offer, also while the text it was made for is changing; or nil.
function M.current()
  return offer
end

--- The edit on offer, if its document is still the one it was made for.
function M.valid()
  return offer and offer.version == server.version(offer.bufnr) and offer or nil
end

--- The suggestion that it is.
function M.id()
  return offer.command.arguments[1]
end

--- Take it off the screen.
function M.withdraw()
  if offer then
    screen.clear(offer.bufnr)
    screen.clear_hint(offer.seen_from)
    offer = nil
  end
end

--- Tell the server once its place has been on screen; where it is not, say where it is.
function M.look()
  screen.clear_hint(offer.seen_from)
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

--- The first of the edits that an answer brings, or nil.
function M.first(result)
  return ((result or {}).edits or {})[1]
end

--- Show an edit in place of what was on offer. One that looks the same stays as it is drawn.
function M.show(client, answer)
  local document = answer.textDocument
  local bufnr = vim.uri_to_bufnr(document.uri)
  if document.version ~= server.version(bufnr) or vim.fn.pumvisible() == 1 then
    return -- the end of either asks again
  end
  local before = offer
  offer = edits.placed(bufnr, answer, client.offset_encoding)
  offer.client, offer.command, offer.version = client, answer.command, document.version
  offer.seen_from = before and before.seen_from or bufnr
  offer.shown = before and before.shown and before.command.arguments[1] == M.id()
  if not before or not edits.same(before, offer) then
    screen.show(offer, before and before.bufnr)
  end
  edits.hold(offer)
  M.look()
end

--- The text has changed. The drawing stays where its lines are what they were, and shrinks while
--- the user types it. Returns whether he does.
function M.follow()
  if not offer or edits.follow(offer) then
    return false
  end
  local typed = edits.typed(offer)
  if typed and edits.is_insertion(offer) and typed ~= offer.text then
    offer.text, offer.column = offer.text:sub(#typed + 1), offer.column + #typed
    offer.end_column = offer.column
    edits.hold(offer)
    screen.show(offer, offer.bufnr)
  else
    M.withdraw()
  end
  return typed ~= nil
end

--- Go where it is.
function M.jump()
  vim.cmd("normal! m'")
  if vim.api.nvim_get_current_buf() ~= offer.bufnr then
    vim.cmd("hide buffer " .. offer.bufnr)
  end
  vim.api.nvim_win_set_cursor(0, { offer.row + 1, offer.column })
  M.look()
end

-- Write the offer, or a part of it, and put the cursor behind it.
local function write(part)
  local taken = offer
  M.withdraw()
  local row, column = edits.apply(part)
  local window = screen.window({ bufnr = taken.bufnr, row = row })
  if window then
    local last = vim.api.nvim_buf_line_count(taken.bufnr)
    vim.api.nvim_win_set_cursor(window, { math.min(row + 1, last), column })
  end
  return taken
end

--- Apply it, if it can be seen; else go there first.
function M.accept()
  if not screen.window(offer) then
    return M.jump()
  end
  local taken = write(offer)
  server.command(taken.client, taken.bufnr, taken.command.command, taken.command.arguments)
end

--- Apply its first "word" or "line", if it can be seen; else go there first.
function M.accept_leading(unit)
  local part = edits.leading(offer, unit)
  if part == offer or not screen.window(offer) then
    return M.accept()
  end
  local taken = write(part)
  local length = select(2, vim.str_utfindex(part.text))
  local item = { item = { command = taken.command }, acceptedLength = length }
  server.notify(taken.client, "textDocument/didPartiallyAcceptCompletion", item)
end

--- Refuse it: the server remembers that, and does not offer it again.
function M.dismiss()
  local refused = offer
  M.withdraw()
  server.command(refused.client, refused.bufnr, "hone.dismiss", refused.command.arguments)
end

return M
