-- What a person asks of the server by a command: status, feedback level, an edit by instruction.
-- Knows the server's commands. Does not know what is on screen.
local server = require("hone.server")

local M = {}

local facts = {} -- the newest answer to hone.status
local facts_at = -math.huge
local KEEP_MS = 5000

local function say(text, level)
  vim.notify("Hone: " .. text, level or vim.log.levels.INFO)
end

--- Run a command for the current buffer; `answer(result, client)` is called unless it fails.
function M.run(name, arguments, answer)
  local bufnr = vim.api.nvim_get_current_buf()
  local client = server.client(bufnr)
  if not client then
    return say("no hone-lsp runs for this buffer", vim.log.levels.WARN)
  end
  server.command(client, bufnr, name, arguments, function(result, failure)
    if failure then
      return say(failure.message, vim.log.levels.ERROR)
    end
    answer(result, client)
  end)
end

local function summary(found)
  if not found.version then
    return "not started"
  elseif not found.gateway.connected then
    return "no gateway: " .. found.gateway.trouble
  end
  local policy = type(found.policy_version) == "string" and found.policy_version
  return (policy or found.base_model) .. ", feedback " .. found.feedback_level
end

--- The state in a few words, as of some seconds ago.
function M.brief(bufnr)
  local client = server.client(bufnr)
  local now = vim.loop.hrtime() / 1e6
  if client and now - facts_at > KEEP_MS then
    facts_at = now
    server.command(client, bufnr, "hone.status", {}, function(found)
      facts = found or {}
    end)
  end
  return summary(facts)
end

--- Show whether suggestions can be had, and why there was none.
function M.show_status()
  M.run("hone.status", {}, function(found)
    facts = found
    local lines = { summary(found), "gateway: " .. found.gateway.url }
    local silence = found.last_silence
    if type(silence) == "table" then
      table.insert(lines, "last silence: " .. silence.reason .. ", " .. silence.detail)
    end
    table.insert(lines, "events that wait for the gateway: " .. found.pending_events)
    say(table.concat(lines, "\n"))
  end)
end

--- Set what may be recorded; what it comes to may be less, by an administrator's word.
function M.feedback(given)
  M.run("hone.feedback", { given.args }, function(found)
    facts_at = -math.huge
    say("feedback is " .. (found.level or given.args))
  end)
end

--- Ask for an edit of the lines of a range by an instruction.
function M.instruct(given, answer)
  local bufnr = vim.api.nvim_get_current_buf()
  local line = vim.api.nvim_buf_get_lines(bufnr, given.line2 - 1, given.line2, false)[1]
  local range = {
    start = { line = given.line1 - 1, character = 0 },
    ["end"] = { line = given.line2 - 1, character = select(2, vim.str_utfindex(line)) },
  }
  local told = { uri = vim.uri_from_bufnr(bufnr), range = range, instruction = given.args }
  M.run("hone.instruct", { told }, answer)
end

return M
