-- An edit on screen: deleted text struck through, new text as virtual text and lines.
-- Knows extmarks; where Neovim has inline virtual text (0.10), a change within a line stands in
-- it, else below it. Does not know the server.
local edits = require("hone.edit")

local M = {}

local space = vim.api.nvim_create_namespace("hone")
local hints = vim.api.nvim_create_namespace("hone-hint")
local inline = vim.fn.has("nvim-0.10") == 1
local virtual_lines = {} -- buffer -> where it shows how many

--- The colours, unless the user or the colour scheme has others.
function M.define_colours()
  vim.cmd([[
    highlight default link HoneAdd DiffAdd
    highlight default link HoneLine Comment
    highlight default link HoneGhost Comment
    highlight default link HoneHint Comment
    highlight default HoneDelete ctermfg=Red guifg=#c04040 cterm=strikethrough gui=strikethrough
  ]])
end

-- Neovim 0.7 keeps room for virtual lines that are gone from the top of a window, and leaves rows
-- of the old picture behind when it notices.
local function redraw(bufnr)
  for _, window in ipairs(vim.fn.win_findbuf(bufnr)) do
    vim.api.nvim_win_call(window, function()
      vim.fn.winrestview({ topfill = 0 })
    end)
  end
  vim.cmd("redraw!")
end

local function take_off(bufnr)
  if vim.api.nvim_buf_is_loaded(bufnr) then
    vim.api.nvim_buf_clear_namespace(bufnr, space, 0, -1)
  end
  local had = virtual_lines[bufnr]
  virtual_lines[bufnr] = nil
  return had
end

--- Take an edit off the screen.
function M.clear(bufnr)
  if take_off(bufnr) and not inline then
    redraw(bufnr)
  end
end

--- Take the word of an edit elsewhere off the screen.
function M.clear_hint(bufnr)
  if vim.api.nvim_buf_is_loaded(bufnr) then
    vim.api.nvim_buf_clear_namespace(bufnr, hints, 0, -1)
  end
end

local function mark(edit, row, column, options)
  vim.api.nvim_buf_set_extmark(edit.bufnr, space, row, column, options)
  if options.virt_lines then
    virtual_lines[edit.bufnr] = row .. ":" .. #options.virt_lines
  end
end

-- Virtual text shows a tab as one cell.
local function spaced(text, bufnr)
  return (text:gsub("\t", (" "):rep(vim.bo[bufnr].tabstop)))
end

local function virtual(lines, bufnr, colour)
  return vim.tbl_map(function(parts)
    return vim.tbl_map(function(part)
      return { spaced(part[1], bufnr), part[2] and colour or "HoneLine" }
    end, parts)
  end, lines)
end

local function strike(edit)
  if edit.row ~= edit.end_row or edit.column ~= edit.end_column then
    local stop = { end_row = edit.end_row, end_col = edit.end_column, hl_group = "HoneDelete" }
    mark(edit, edit.row, edit.column, stop)
  end
end

-- Whole new lines between two of the buffer's.
local function show_lines(edit, lines, above)
  local shown = virtual(lines, edit.bufnr, "HoneAdd")
  if above and edit.row > 0 then -- Neovim hides what is above the first line of a window
    mark(edit, edit.row - 1, 0, { virt_lines = shown })
  else
    mark(edit, edit.end_row, 0, { virt_lines = shown, virt_lines_above = above })
  end
end

local function show_insertion(edit)
  local head, tail = edits.around(edit)
  local lines = edits.new_lines(edit)
  if edit.text:sub(-1) == "\n" and head == "" then
    table.remove(lines)
    show_lines(edit, lines, true)
  elseif tail == "" then
    local first = { { spaced(lines[1][2][1], edit.bufnr), "HoneGhost" } }
    local rest = virtual(vim.list_slice(lines, 2), edit.bufnr, "HoneGhost")
    local options = { virt_text = first, virt_text_pos = "overlay" }
    options.virt_lines = #rest > 0 and rest or nil
    mark(edit, edit.row, edit.column, options)
  else
    return false
  end
  return true
end

local function draw(edit)
  if edits.is_insertion(edit) and show_insertion(edit) then
    return
  end
  local wide = edits.whole_words(edit)
  if edit.text == "" then
    strike(edit)
  elseif inline and not wide.text:find("\n") and wide.row == wide.end_row then
    strike(wide)
    local new = { { spaced(wide.text, wide.bufnr), "HoneAdd" } }
    mark(wide, wide.end_row, wide.end_column, { virt_text = new, virt_text_pos = "inline" })
  else
    strike(wide)
    local lines = edits.new_lines(wide)
    if wide.text:sub(-1) == "\n" and #lines > 1 then
      table.remove(lines) -- the line behind the edit stays as it is
    end
    show_lines(wide, lines, false)
  end
end

--- Draw the edit; in one go, what was drawn in the buffer `before` goes.
function M.show(edit, before)
  local had = before and take_off(before)
  draw(edit)
  if had and had ~= virtual_lines[before] and not inline then
    redraw(before)
  end
end

--- Say in the cursor's line that there is an edit elsewhere.
function M.hint(bufnr, row, text)
  local said = { virt_text = { { "  " .. text, "HoneHint" } } }
  vim.api.nvim_buf_set_extmark(bufnr, hints, row, 0, said)
end

local function shows(window, edit)
  local row = edit.row + 1
  return vim.api.nvim_win_get_buf(window) == edit.bufnr
    and row >= vim.fn.line("w0", window)
    and row <= vim.fn.line("w$", window)
end

--- A window that shows the edit's first line, the current one if it does; else nil.
function M.window(edit)
  local current = vim.api.nvim_get_current_win()
  if shows(current, edit) then
    return current
  end
  for _, window in ipairs(vim.fn.win_findbuf(edit.bufnr)) do
    if shows(window, edit) then
      return window
    end
  end
end

return M
