-- A look at what survived may come late, such as when a later run of the language server reads the
-- file: how old the accept then really was. NULL where nobody looked, and in older events.

ALTER TABLE survivals ADD COLUMN age_s DOUBLE;

CREATE TABLE losses (                   -- feedback that a client had to drop before sending it
    ingest_seq BIGINT NOT NULL,
    received_at TIMESTAMP NOT NULL,
    user_id VARCHAR NOT NULL,
    team VARCHAR NOT NULL,
    producer VARCHAR NOT NULL,
    session VARCHAR NOT NULL,
    workspace VARCHAR NOT NULL,
    client_name VARCHAR NOT NULL,
    client_version VARCHAR NOT NULL,
    client_time DOUBLE NOT NULL,
    texts BIGINT NOT NULL,              -- settled texts; their events were kept as facts
    events BIGINT NOT NULL
);
