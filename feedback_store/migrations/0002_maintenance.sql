-- What is known of erasures and of what administrators did.

CREATE TABLE erasures (
    ingest_seq BIGINT NOT NULL,
    received_at TIMESTAMP NOT NULL,
    user_id VARCHAR NOT NULL,           -- nothing of this user is stored or exported any more
    state VARCHAR NOT NULL,             -- asked, done; one row per change
    report VARCHAR                      -- what was rewritten and which adapters had learnt, JSON
);

CREATE TABLE audit (
    ingest_seq BIGINT NOT NULL,
    received_at TIMESTAMP NOT NULL,
    user_id VARCHAR NOT NULL,           -- who asked: a pseudonym, or the operating system's name
    action VARCHAR NOT NULL,
    detail VARCHAR NOT NULL             -- JSON
);
