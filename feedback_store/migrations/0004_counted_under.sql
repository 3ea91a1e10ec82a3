-- What a report is counted under stands beside it, and whether it is the first of its kind about its
-- suggestion, so that a question over months joins and groups nothing. All of it follows from what
-- is in the log before the report.

ALTER TABLE outcomes ADD COLUMN policy_version VARCHAR;
ALTER TABLE outcomes ADD COLUMN language VARCHAR;
ALTER TABLE outcomes ADD COLUMN holdout BOOLEAN;
ALTER TABLE outcomes ADD COLUMN suggested_at TIMESTAMP;
ALTER TABLE outcomes ADD COLUMN is_first BOOLEAN;

ALTER TABLE survivals ADD COLUMN policy_version VARCHAR;
ALTER TABLE survivals ADD COLUMN language VARCHAR;
ALTER TABLE survivals ADD COLUMN holdout BOOLEAN;
ALTER TABLE survivals ADD COLUMN suggested_at TIMESTAMP;
ALTER TABLE survivals ADD COLUMN is_first BOOLEAN;      -- of its age

CREATE TEMPORARY TABLE counted AS
SELECT suggestion_id, arg_min(policy_version, ingest_seq) AS policy_version,
  arg_min(language, ingest_seq) AS language, arg_min(holdout, ingest_seq) AS holdout,
  arg_min(received_at, ingest_seq) AS suggested_at
FROM suggestions GROUP BY suggestion_id;

UPDATE outcomes SET policy_version = c.policy_version, language = c.language,
  holdout = c.holdout, suggested_at = c.suggested_at, is_first = outcomes.ingest_seq IN
  (SELECT min(ingest_seq) FROM outcomes GROUP BY suggestion_id)
FROM counted c WHERE c.suggestion_id = outcomes.suggestion_id;

UPDATE survivals SET policy_version = c.policy_version, language = c.language,
  holdout = c.holdout, suggested_at = c.suggested_at, is_first = survivals.ingest_seq IN
  (SELECT min(ingest_seq) FROM survivals GROUP BY suggestion_id, horizon_s)
FROM counted c WHERE c.suggestion_id = survivals.suggestion_id;

DROP TABLE counted;
