-- The names that a configuration can map and call. Nothing starts before `require("hone").setup()`.
if vim.g.loaded_hone or vim.fn.has("nvim-0.7") == 0 then
  return
end
vim.g.loaded_hone = true

for name, call in pairs({
  accept = "accept",
  ["accept-word"] = "accept_word",
  ["accept-line"] = "accept_line",
  dismiss = "dismiss",
  jump = "jump",
  next = "next",
  previous = "previous",
  suggest = "suggest",
}) do
  vim.keymap.set({ "n", "i" }, "<Plug>(hone-" .. name .. ")", function()
    require("hone")[call]()
  end, { silent = true, desc = "Hone: " .. name })
end

local function command(name, call, options)
  vim.api.nvim_create_user_command(name, function(given)
    require("hone")[call](given)
  end, options or {})
end

command("HoneAccept", "accept", { desc = "Apply the suggested edit, or jump to it first" })
command("HoneDismiss", "dismiss", { desc = "Refuse the suggested edit; it does not come back" })
command("HoneSuggest", "suggest", { desc = "Ask for an edit now" })
command("HoneNext", "next", { desc = "Show another edit for the same lines" })
command("HonePrevious", "previous", { desc = "Show the edit before" })
command("HoneStatus", "show_status", { desc = "Say whether suggestions can be had, and why not" })
command("HoneInstruct", "instruct", {
  nargs = "+",
  range = true,
  desc = "Show the lines of the range edited as told",
})
command("HoneFeedback", "feedback", {
  nargs = 1,
  complete = function()
    return { "full", "facts", "off" }
  end,
  desc = "What may be recorded: full, facts (no code) or off",
})
