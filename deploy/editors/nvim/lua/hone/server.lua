-- The language server: starting it for a buffer, and speaking to it.
-- Knows Neovim's LSP client, 0.7 and later. Does not know what a suggestion looks like.
local M = {}

local clients = {} -- root -> client id, where Neovim has no vim.lsp.start (0.7)

local function root_of(path)
  local folder = vim.fn.fnamemodify(path, ":p:h")
  local upward = vim.fn.escape(folder, " ,") .. ";"
  local marker = vim.fn.finddir(".git", upward)
  if marker == "" then
    marker = vim.fn.findfile(".git", upward) -- a worktree's
  end
  return marker == "" and folder or vim.fn.fnamemodify(marker, ":p"):gsub("/?%.git/?$", "")
end

--- Whether a buffer is loaded and holds a file.
function M.is_file(bufnr)
  return vim.api.nvim_buf_is_loaded(bufnr)
    and vim.api.nvim_buf_get_name(bufnr) ~= ""
    and vim.bo[bufnr].buftype == ""
end

--- Attach the server of the buffer's folder, started if need be.
function M.attach(bufnr, cmd)
  local config = {
    name = "hone",
    cmd = cmd,
    root_dir = root_of(vim.api.nvim_buf_get_name(bufnr)),
    flags = { debounce_text_changes = 0 }, -- the server tells typing from pasting by it
  }
  if vim.lsp.start then
    vim.lsp.start(config, { bufnr = bufnr })
    return
  end
  local id = clients[config.root_dir]
  if not id or not vim.lsp.get_client_by_id(id) then
    id = vim.lsp.start_client(config)
    clients[config.root_dir] = id
  end
  if id then
    vim.lsp.buf_attach_client(bufnr, id)
  end
end

--- The buffer's Hone client once it has been initialized, or nil.
function M.client(bufnr)
  local found = vim.lsp.get_clients and vim.lsp.get_clients({ bufnr = bufnr })
    or vim.lsp.buf_get_clients(bufnr)
  for _, client in pairs(found) do
    if client.name == "hone" and client.initialized ~= false then
      return client
    end
  end
end

-- 0.11 made methods of what were functions.
local function call(client, name, ...)
  if vim.fn.has("nvim-0.11") == 1 then
    return client[name](client, ...)
  end
  return client[name](...)
end

--- Send a request; `answer(result, error)` is called unless it is cancelled. Returns its id.
function M.request(client, bufnr, method, params, answer)
  local sent, id = call(client, "request", method, params, function(failure, result)
    answer(result, failure)
  end, bufnr)
  return sent and id or nil
end

function M.cancel(client, id)
  call(client, "cancel_request", id)
end

function M.notify(client, method, params)
  call(client, "notify", method, params)
end

--- Run a command of the server's.
function M.command(client, bufnr, name, arguments, answer)
  local params = { command = name, arguments = arguments }
  M.request(client, bufnr, "workspace/executeCommand", params, answer or function() end)
end

--- The version of the buffer that the server was last told.
function M.version(bufnr)
  return vim.lsp.util.buf_versions[bufnr]
end

return M
