-- An edit as text: where it stands in a buffer, what it deletes and writes.
-- Knows LSP ranges and lines. Does not know windows, colours or the server.
local M = {}

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

--- Whether the cursor stands behind the first of its characters, which the user has typed.
function M.is_being_typed(edit)
  local row, column = unpack(vim.api.nvim_win_get_cursor(0))
  if edit.bufnr ~= vim.api.nvim_get_current_buf() or row ~= edit.row + 1 then
    return false
  end
  local typed = line_at(edit.bufnr, edit.row):sub(edit.column + 1, column)
  return typed ~= "" and vim.startswith(edit.text, typed)
end

--- The leading part of a text: up to the end of its first "word" or "line".
function M.leading(text, unit)
  if unit == "line" then
    return text:match("^\n*[^\n]+") or text
  end
  return text:match("^%s*[%w_]+") or text:match("^%s*[^%w_%s]+") or text
end

--- Write it into the buffer as one step of undo. Returns where it ends: row and column.
function M.apply(edit, text)
  text = text or edit.text
  vim.bo[edit.bufnr].undolevels = vim.bo[edit.bufnr].undolevels
  local lines = vim.split(text, "\n", { plain = true })
  local stop = { edit.end_row, edit.end_column }
  vim.api.nvim_buf_set_text(edit.bufnr, edit.row, edit.column, stop[1], stop[2], lines)
  local begin = #lines == 1 and edit.column or 0
  return edit.row + #lines - 1, begin + #lines[#lines]
end

return M
