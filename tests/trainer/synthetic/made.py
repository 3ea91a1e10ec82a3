"""Small files in several languages, each with something for every kind of edit."""

from trainer.synthetic.edits import Document, Plan
from trainer.synthetic.source import Source, SourceFile

_FILLER = {
    "python": "value_{0} = other_{0} + {0}\n",
    "typescript": "const value{0} = other{0} + {0};\n",
    "go": "value{0} := other{0} + {0}\n",
}
_BODIES = {
    "python": (
        "def fetch_user(client, name):\n    reply = client.load(name)\n    log(reply)\n"
        "    if reply == None:\n        raise LookupFault(name)\n    return reply\n\n\n"
        "def fetch_team(client, name):\n    reply = client.load(name)\n    log(reply)\n"
        "    user = fetch_user(client, name)\n    if user == None:\n"
        "        raise LookupFault(name)\n"
        "    return reply, fetch_user(client, 'x')\n\n\n"
    ),
    "typescript": (
        "export function fetchUser(client: Client, name: string) {\n"
        "  const reply = client.load(name);\n  log(reply);\n  return reply;\n}\n\n"
        "export function fetchTeam(client: Client, name: string) {\n"
        "  const reply = client.load(name);\n  log(reply);\n"
        "  const user = fetchUser(client, name);\n  return fetchUser(client, user);\n}\n\n"
    ),
    "go": (
        "func fetchUser(client Client, name string) {\n\treply := client.load(name)\n\tlog(reply)\n"
        "\treturn reply\n}\n\nfunc fetchTeam(client Client, name string) {\n"
        "\treply := client.load(name)\n\tlog(reply)\n\tuser := fetchUser(client, name)\n"
        "\treturn fetchUser(client, user)\n}\n\n"
    ),
}
SOURCES = {
    language: body + "".join(_FILLER[language].format(n) for n in range(60))
    for language, body in _BODIES.items()
}
FILES = [SourceFile("r", f"a.{name}", name, text) for name, text in SOURCES.items()]


def plan_text(source: Source, plan: Plan) -> str:
    """Return the file after all edits of a plan."""
    return "".join(f"{line}\n" for line in Document(source.lines, plan.edits).lines)
