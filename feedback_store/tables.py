"""The statements that turn log entries into rows: for each kind of entry, one a table.

Knows columns, and where in an entry's JSON their values stand. Does not know files, connections
or threads, nor which entries are quarantined (feedback_store.projection). Whoever changes this
changes what a rebuild yields.
"""

import json
from typing import Any

Row = dict[str, Any]
ORPHANED = "orphaned"
"""Feedback on a suggestion that the store does not know, such as one lost in a crash."""
FOREIGN_USER = "foreign_user"
"""Feedback on a suggestion that was issued to somebody else."""
REMOVED = "removed"
"""Kind of what stands in the log in place of an entry that was erased or has run out."""
COUNTED = ("outcome", "survival")
"""Kinds whose rows say what they are counted under; see `_counted`."""


def statements(group: str) -> list[str]:
    """Return what turns a group of entries into rows.

    A group is a kind of entry, or one of the two reasons for quarantine. Each statement takes one
    parameter, a JSON array: of entries, or of `{"e": entry, "k": what is known besides}` for the
    kinds in COUNTED.
    """
    if group in (ORPHANED, FOREIGN_USER):
        return [_QUARANTINE.replace("$reason", f"'{group}'")]
    return _STATEMENTS[group]


def _insert(table: str, shape: Row, columns: str, rest: str = "") -> str:
    """Return the statement for one table; `e` is the entry, `p` its payload.

    A field that an older release did not write yet is NULL.
    """
    entry = {"ingest_seq": "BIGINT", "received_at": "TIMESTAMP", **shape}
    return (
        f"INSERT INTO {table} BY NAME SELECT e.ingest_seq, {columns} FROM (SELECT e, "
        f"e.payload AS p FROM (SELECT unnest(from_json(?, '{json.dumps([entry])}')) AS e)) {rest}"
    )


def _counted(table: str, payload: Row, columns: str, **more: Any) -> str:
    """Return the statement for reports, beside which stands what they are counted under.

    Without it every question over months would look up millions of suggestions by their ids, and
    group millions of reports to find each one's first.
    """
    entry = {"ingest_seq": "BIGINT", "received_at": "TIMESTAMP", **_OWNER, **more}
    shape = json.dumps([{"e": entry | {"payload": payload}, "k": _UNDER}])
    return (
        f"INSERT INTO {table} BY NAME SELECT e.ingest_seq, {_OWNED}, {columns}, "
        + ", ".join(f"k.{name}" for name in _UNDER)
        + " FROM (SELECT x.e AS e, x.k AS k, x.e.payload AS p FROM "
        f"(SELECT unnest(from_json(?, '{shape}')) AS x))"
    )


def _fields(text: str) -> Row:
    """Read `name TYPE` pairs, one a line or set off by commas."""
    pairs = (part.split(maxsplit=1) for part in text.replace("\n", ",").split(",") if part.strip())
    shape: Row = {}
    for name, kind in pairs:
        kind = kind.strip()
        shape[name] = [kind.removesuffix("[]")] if kind.endswith("[]") else kind
    return shape


def _picked(names: str) -> str:
    return ", ".join(f"p.{name}" for name in names.split())


_OWNER = {"user": "VARCHAR", "team": "VARCHAR"}
_OWNED = 'e.received_at, e."user" AS user_id, e.team'
_UNDER = {
    "policy_version": "VARCHAR",
    "language": "VARCHAR",
    "holdout": "BOOLEAN",
    "suggested_at": "TIMESTAMP",
    "is_first": "BOOLEAN",
}
_CLIENT = {"client": {"name": "VARCHAR", "version": "VARCHAR"}}
_CLIENTS = "p.client.name AS client_name, coalesce(p.client.version, '') AS client_version"
_WHOLE = "WHERE p.level = 'full' AND e.removed IS NULL"
"""Content is there at level `full`, until its time has run out."""


def _owned(table: str, payload: Row, columns: str, **more: Any) -> str:
    return _insert(table, {**_OWNER, **more, "payload": payload}, f"{_OWNED}, {columns}")


def _content(table: str, payload: Row, columns: str) -> str:
    return _insert(table, {"removed": "VARCHAR", "payload": payload}, columns, _WHOLE)


def _plain(table: str, payload: Any, columns: str) -> str:
    return _insert(table, {"payload": payload}, f"e.received_at, {columns}")


_QUARANTINE = _insert(
    "quarantine",
    {**_OWNER, **_fields("producer VARCHAR, seq BIGINT, kind VARCHAR")}
    | {"payload": _fields("suggestion_id VARCHAR")},
    f"{_OWNED}, e.producer, e.seq, e.kind, p.suggestion_id, $reason AS reason",
)

_SUGGESTION_FACTS = (
    "suggestion_id session workspace document document_version level policy_version base_model "
    "prompt_format profile temperature finish_reason outcome reason holdout engine_ms"
)
_SUGGESTIONS = _owned(
    "suggestions",
    _fields(
        """suggestion_id VARCHAR, session VARCHAR, workspace VARCHAR, document VARCHAR
        document_version BIGINT, level VARCHAR, policy_version VARCHAR, base_model VARCHAR
        prompt_format VARCHAR, profile VARCHAR, temperature DOUBLE, finish_reason VARCHAR
        outcome VARCHAR, reason VARCHAR, holdout BOOLEAN, engine_ms DOUBLE, language VARCHAR
        created_at DOUBLE"""
    )
    | {**_CLIENT, "context": _fields("language VARCHAR")},
    f"""{_picked(_SUGGESTION_FACTS)}, {_CLIENTS},
    coalesce(nullif(p.language, ''), p.context.language, '') AS language,
    e.tokens[1] AS prompt_tokens, e.tokens[2] AS output_tokens,
    make_timestamp(CAST(round(p.created_at * 1e6) AS BIGINT)) AS created_at""",
    tokens=["BIGINT"],
)
_SUGGESTION_CONTENT = _content(
    "suggestion_content",
    _fields(
        """suggestion_id VARCHAR, level VARCHAR, context JSON, new_region VARCHAR
        output_text VARCHAR, prompt_token_ids INTEGER[], output_token_ids INTEGER[]
        output_logprobs FLOAT[]"""
    ),
    _picked("suggestion_id new_region output_text prompt_token_ids output_token_ids")
    + ", p.output_logprobs, nullif(p.context, 'null') AS context,"
    " json_extract_string(p.context, '$.path') AS path",
)
_OUTCOMES = _counted(
    "outcomes",
    _fields(
        """suggestion_id VARCHAR, session VARCHAR, workspace VARCHAR, client_time DOUBLE
        level VARCHAR, schema_version BIGINT, outcome VARCHAR, shown VARCHAR, reason VARCHAR
        visible_ms DOUBLE, waited_ms DOUBLE"""
    )
    | {
        **_CLIENT,
        "settling": _fields("quiet_s DOUBLE, longest_wait_s DOUBLE, horizons_s DOUBLE[]"),
    },
    _picked("suggestion_id session workspace client_time level schema_version outcome shown reason")
    + f", {_CLIENTS}, "
    + _picked("visible_ms waited_ms settling.quiet_s settling.longest_wait_s settling.horizons_s"),
)
_SETTLEMENTS = _owned(
    "settlements",
    _fields(
        """suggestion_id VARCHAR, client_time DOUBLE, level VARCHAR, settled_by VARCHAR
        region_changed BOOLEAN, undone BOOLEAN, branch_switch BOOLEAN, bulk_change BOOLEAN"""
    ),
    _picked("suggestion_id client_time level settled_by region_changed")
    + ", "
    + _picked("undone branch_switch bulk_change"),
)
_SETTLEMENT_CONTENT = _content(
    "settlement_content",
    _fields("suggestion_id VARCHAR, level VARCHAR, settled_text VARCHAR, accepted_text VARCHAR"),
    _picked("suggestion_id settled_text accepted_text"),
)
_SURVIVALS = _counted(
    "survivals",
    _fields(
        """suggestion_id VARCHAR, client_time DOUBLE, horizon_s DOUBLE, last BOOLEAN
        observed BOOLEAN, retained DOUBLE, four_grams DOUBLE, reverted BOOLEAN, age_s DOUBLE"""
    ),
    _picked("suggestion_id client_time horizon_s observed retained four_grams reverted age_s")
    + ", p.last AS is_last",
)
_LOSSES = _owned(
    "losses",
    _fields("session VARCHAR, workspace VARCHAR, client_time DOUBLE, texts BIGINT, events BIGINT")
    | _CLIENT,
    f"e.producer, {_CLIENTS}, " + _picked("session workspace client_time texts events"),
    producer="VARCHAR",
)

_STATEMENTS: dict[str, list[str]] = {
    "suggestion": [_SUGGESTIONS, _SUGGESTION_CONTENT],
    "outcome": [_OUTCOMES],
    "settled": [_SETTLEMENTS, _SETTLEMENT_CONTENT],
    "survival": [_SURVIVALS],
    "loss": [_LOSSES],
    "policy": [
        _plain(
            "policies",
            "JSON",
            "p->>'$.name' AS name, p->>'$.status' AS status, p->>'$.parent' AS parent, "
            "p AS payload",
        )
    ],
    "decision": [
        _plain(
            "decisions",
            _fields("policy VARCHAR, passed BOOLEAN, why VARCHAR, inputs JSON"),
            _picked("policy passed why inputs"),
        )
    ],
    "batch": [
        _plain(
            "batches",
            _fields("number BIGINT, as_of BIGINT, suggestion_ids VARCHAR[]"),
            "p.number, p.as_of, len(p.suggestion_ids) AS items",
        ),
        _insert(
            "batch_items",
            {"payload": _fields("number BIGINT, suggestion_ids VARCHAR[]")},
            "p.number, unnest(p.suggestion_ids) AS suggestion_id",
        ),
    ],
    "batch_state": [
        _plain(
            "batch_states",
            _fields("number BIGINT, state VARCHAR, policy VARCHAR"),
            _picked("number state policy"),
        )
    ],
    "erasure": [
        _plain(
            "erasures",
            _fields("erased_user VARCHAR, state VARCHAR, report JSON"),
            "p.erased_user AS user_id, p.state, p.report",
        )
    ],
    "audit": [
        _plain(
            "audit",
            _fields("who VARCHAR, action VARCHAR, detail JSON"),
            "p.who AS user_id, p.action, p.detail",
        )
    ],
    REMOVED: [],
}
