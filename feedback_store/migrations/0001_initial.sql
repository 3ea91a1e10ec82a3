-- The first schema. Append-only tables without keys or indexes; whatever holds code or text lies
-- in a *_content table of its own, so that it can be kept for a shorter time than the numbers.
-- Only plain types and statements: the same SQL runs on DuckLake. Times are UTC.

CREATE TABLE meta (
    ingest_seq BIGINT NOT NULL          -- everything in the log up to here is in these tables
);
INSERT INTO meta VALUES (0);

CREATE TABLE producers (
    producer VARCHAR NOT NULL,
    high_water BIGINT NOT NULL          -- the highest seq stored; lower ones are duplicates
);

CREATE TABLE suggestions (
    ingest_seq BIGINT NOT NULL,
    received_at TIMESTAMP NOT NULL,
    user_id VARCHAR NOT NULL,           -- a keyed pseudonym
    team VARCHAR NOT NULL,
    suggestion_id VARCHAR NOT NULL,
    session VARCHAR NOT NULL,
    workspace VARCHAR NOT NULL,
    client_name VARCHAR NOT NULL,
    client_version VARCHAR NOT NULL,
    document VARCHAR NOT NULL,
    document_version BIGINT NOT NULL,
    level VARCHAR NOT NULL,
    language VARCHAR NOT NULL,
    policy_version VARCHAR NOT NULL,
    base_model VARCHAR NOT NULL,
    prompt_format VARCHAR NOT NULL,
    profile VARCHAR NOT NULL,
    temperature DOUBLE NOT NULL,
    prompt_tokens BIGINT,
    output_tokens BIGINT,
    finish_reason VARCHAR,
    outcome VARCHAR,                    -- set where there was nothing to show
    reason VARCHAR,
    holdout BOOLEAN NOT NULL,
    engine_ms DOUBLE NOT NULL,
    created_at TIMESTAMP NOT NULL
);

CREATE TABLE suggestion_content (
    ingest_seq BIGINT NOT NULL,
    suggestion_id VARCHAR NOT NULL,
    path VARCHAR,
    context VARCHAR,                    -- EditContext as JSON
    new_region VARCHAR,
    output_text VARCHAR,
    prompt_token_ids INTEGER[],
    output_token_ids INTEGER[],
    output_logprobs FLOAT[]
);

CREATE TABLE outcomes (
    ingest_seq BIGINT NOT NULL,
    received_at TIMESTAMP NOT NULL,
    user_id VARCHAR NOT NULL,
    team VARCHAR NOT NULL,
    suggestion_id VARCHAR NOT NULL,
    session VARCHAR NOT NULL,
    workspace VARCHAR NOT NULL,
    client_name VARCHAR NOT NULL,
    client_version VARCHAR NOT NULL,
    client_time DOUBLE NOT NULL,
    level VARCHAR NOT NULL,
    schema_version BIGINT NOT NULL,
    outcome VARCHAR NOT NULL,
    shown VARCHAR NOT NULL,
    reason VARCHAR,
    visible_ms DOUBLE,
    waited_ms DOUBLE,
    quiet_s DOUBLE NOT NULL,
    longest_wait_s DOUBLE NOT NULL,
    horizons_s DOUBLE[] NOT NULL
);

CREATE TABLE settlements (
    ingest_seq BIGINT NOT NULL,
    received_at TIMESTAMP NOT NULL,
    user_id VARCHAR NOT NULL,
    team VARCHAR NOT NULL,
    suggestion_id VARCHAR NOT NULL,
    client_time DOUBLE NOT NULL,
    level VARCHAR NOT NULL,
    settled_by VARCHAR NOT NULL,
    region_changed BOOLEAN NOT NULL,
    undone BOOLEAN NOT NULL,
    branch_switch BOOLEAN NOT NULL,
    bulk_change BOOLEAN NOT NULL
);

CREATE TABLE settlement_content (
    ingest_seq BIGINT NOT NULL,
    suggestion_id VARCHAR NOT NULL,
    settled_text VARCHAR,
    accepted_text VARCHAR
);

CREATE TABLE survivals (
    ingest_seq BIGINT NOT NULL,
    received_at TIMESTAMP NOT NULL,
    user_id VARCHAR NOT NULL,
    team VARCHAR NOT NULL,
    suggestion_id VARCHAR NOT NULL,
    client_time DOUBLE NOT NULL,
    horizon_s DOUBLE NOT NULL,
    is_last BOOLEAN NOT NULL,
    observed BOOLEAN NOT NULL,
    retained DOUBLE,
    four_grams DOUBLE,
    reverted BOOLEAN
);

CREATE TABLE quarantine (
    ingest_seq BIGINT NOT NULL,
    received_at TIMESTAMP NOT NULL,
    producer VARCHAR NOT NULL,
    seq BIGINT NOT NULL,
    kind VARCHAR NOT NULL,
    user_id VARCHAR NOT NULL,
    team VARCHAR NOT NULL,
    suggestion_id VARCHAR NOT NULL,
    reason VARCHAR NOT NULL             -- orphaned, foreign_user; the text stays in the log only
);

CREATE TABLE policies (
    ingest_seq BIGINT NOT NULL,
    received_at TIMESTAMP NOT NULL,
    name VARCHAR NOT NULL,
    status VARCHAR NOT NULL,            -- one row per change; the latest one counts
    parent VARCHAR,
    payload VARCHAR NOT NULL            -- everything that was recorded, as JSON
);

CREATE TABLE decisions (
    ingest_seq BIGINT NOT NULL,
    received_at TIMESTAMP NOT NULL,
    policy VARCHAR NOT NULL,
    passed BOOLEAN NOT NULL,
    why VARCHAR NOT NULL,
    inputs VARCHAR NOT NULL             -- JSON
);

CREATE TABLE batches (
    ingest_seq BIGINT NOT NULL,
    received_at TIMESTAMP NOT NULL,
    number BIGINT NOT NULL,
    as_of BIGINT NOT NULL,              -- the batch shows what was known at this ingest_seq
    items BIGINT NOT NULL
);

CREATE TABLE batch_items (
    ingest_seq BIGINT NOT NULL,
    number BIGINT NOT NULL,
    suggestion_id VARCHAR NOT NULL
);

CREATE TABLE batch_states (
    ingest_seq BIGINT NOT NULL,
    received_at TIMESTAMP NOT NULL,
    number BIGINT NOT NULL,
    state VARCHAR NOT NULL,             -- spent, offered; one row per change
    policy VARCHAR
);
