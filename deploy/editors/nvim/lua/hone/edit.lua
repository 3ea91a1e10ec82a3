-- An edit as text: where it stands in a buffer, what it deletes and writes.
-- Knows LSP ranges and lines. Does not know windows, colours or the server.
local M = {}

local places = vim.api.nvim_create_namespace("hone-place")

local function line_at(bufnr, row)
  return vim.api.nvim_buf_get_lines(bufnr, row, row + 1, false)[1] or ""
end

local function byte_column(line, character, encoding)
  if encoding == "utf-8" then
    return math.min(character, #line)
  end
  local ok, byte = pcall(vim.str_byteindex, line, character, encoding == "utf-16")
  return ok and byte or #line
end

--- The edit of an answer with its place in the buffer: rows from 0, columns in bytes.
function M.placed(bufnr, answer, encoding)
  local from, to = answer.range.start, answer.range["end"]
  local edit = {
    bufnr = bufnr,
    text = answer.text:gsub("\r\n", "\n"),
    row = from.line,
    column = byte_column(line_at(bufnr, from.line), from.character, encoding),
    end_row = to.line,
    end_column = byte_column(line_at(bufnr, to.line), to.character, encoding),
  }
  local count = vim.api.nvim_buf_line_count(bufnr)
  if edit.end_row >= count then -- behind the last line end, where Neovim has no line
    edit.end_row, edit.end_column = count - 1, #line_at(bufnr, count - 1)
    if edit.row >= count then
      edit.row, edit.column = edit.end_row, edit.end_column
      edit.text = "\n" .. edit.text:gsub("\n$", "")
    else
      edit.text = edit.text:gsub("\n$", "")
    end
  end
  return edit
end

function M.is_insertion(edit)
  return edit.row == edit.end_row and edit.column == edit.end_column
end

--- What stands in the lines before and behind the edit.
function M.around(edit)
  local head = line_at(edit.bufnr, edit.row):sub(1, edit.column)
  return head, line_at(edit.bufnr, edit.end_row):sub(edit.end_column + 1)
end

--- The same edit by whole words: "wid" -> "bread" of "width" is hard to read.
function M.whole_words(edit)
  local head, tail = M.around(edit)
  local before, behind = head:match("[%w_]*$"), tail:match("^[%w_]*")
  return {
    bufnr = edit.bufnr,
    text = before .. edit.text .. behind,
    row = edit.row,
    column = edit.column - #before,
    end_row = edit.end_row,
    end_column = edit.end_column + #behind,
  }
end

--- The lines as they will be; each is a list of {text, is_new}.
function M.new_lines(edit)
  local head, tail = M.around(edit)
  local lines = {}
  for _, part in ipairs(vim.split(edit.text, "\n", { plain = true })) do
    table.insert(lines, { { part, true } })
  end
  table.insert(lines[1], 1, { head, false })
  table.insert(lines[#lines], { tail, false })
  return lines
end

--- Whether two edits look the same.
function M.same(one, other)
  for _, part in ipairs({ "bufnr", "text", "row", "column", "end_row", "end_column" }) do
    if one[part] ~= other[part] then
      return false
    end
  end
  return true
end

local function lines_of(edit, row)
  return vim.api.nvim_buf_get_lines(edit.bufnr, row, row + edit.end_row - edit.row + 1, false)
end

--- Remember where the edit stands and what its lines are.
function M.hold(edit)
  vim.api.nvim_buf_clear_namespace(edit.bufnr, places, 0, -1)
  edit.place = vim.api.nvim_buf_set_extmark(edit.bufnr, places, edit.row, 0, {})
  edit.lines = lines_of(edit, edit.row)
end

--- Move the edit to where its lines are now. Returns whether they are what they were.
function M.follow(edit)
  if not vim.api.nvim_buf_is_loaded(edit.bufnr) then
    return false
  end
  local row = vim.api.nvim_buf_get_extmark_by_id(edit.bufnr, places, edit.place, {})[1]
  if not row or not vim.deep_equal(lines_of(edit, row), edit.lines) then
    return false
  end
  edit.row, edit.end_row = row, row + edit.end_row - edit.row
  return true
end

--- The first of its characters, if the user has typed them and the cursor stands behind; or nil.
function M.typed(edit)
  local row, column = unpack(vim.api.nvim_win_get_cursor(0))
  if edit.bufnr ~= vim.api.nvim_get_current_buf() or row ~= edit.row + 1 then
    return nil
  end
  local typed = line_at(edit.bufnr, edit.row):sub(edit.column + 1, column)
  return typed ~= "" and vim.startswith(edit.text, typed) and typed or nil
end

-- The first "word" or "line" of a text, with the blanks or line ends before it.
local function first(text, unit)
  if unit == "line" then
    return text:match("^\n*[^\n]+") or ""
  end -- what is not ASCII counts as a letter
  return text:match("^%s*[%w_\128-\255]+") or text:match("^%s*[^%w_%s\128-\255]+") or ""
end

local function replaced(edit)
  local lines = lines_of(edit, edit.row)
  lines[#lines] = lines[#lines]:sub(1, edit.end_column)
  lines[1] = lines[1]:sub(edit.column + 1)
  return table.concat(lines, "\n")
end

local function end_of(text, row, column)
  local lines = vim.split(text, "\n", { plain = true })
  return row + #lines - 1, (#lines == 1 and column or 0) + #lines[#lines]
end

--- The leading part of an edit, itself an edit: its first "word" or "line", written in place of
--- the first one that it replaces. The last part is the whole edit.
function M.leading(edit, unit)
  local text = first(edit.text, unit)
  if text == "" or not edit.text:find("%S", #text + 1) then
    return edit
  end
  local end_row, end_column = end_of(first(replaced(edit), unit), edit.row, edit.column)
  local place = { bufnr = edit.bufnr, row = edit.row, column = edit.column }
  local rest = { text = text, end_row = end_row, end_column = end_column }
  return vim.tbl_extend("force", place, rest)
end

--- Write it into the buffer as one step of undo. Returns where it ends: row and column.
function M.apply(edit)
  vim.bo[edit.bufnr].undolevels = vim.bo[edit.bufnr].undolevels
  local lines = vim.split(edit.text, "\n", { plain = true })
  local stop = { edit.end_row, edit.end_column }
  vim.api.nvim_buf_set_text(edit.bufnr, edit.row, edit.column, stop[1], stop[2], lines)
  return end_of(edit.text, edit.row, edit.column)
end

return M
