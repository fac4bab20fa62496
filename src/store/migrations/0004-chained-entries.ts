/**
 * Entries get a sequence number (`seq`), a hash that chains them per payer, and may correct an earlier entry. A roll-up per day
 * replaces the trigger per row: `usage_days` holds everything up to the mark `rolled_up`; later rows are added up when
 * they are read.
 */
export const chainedEntries = `
ALTER TABLE holds ADD COLUMN referer TEXT;
ALTER TABLE holds ADD COLUMN title TEXT;

DROP TRIGGER request_logs_never_change;
DROP TRIGGER request_logs_add_up;
DROP TABLE usage_totals;
DROP INDEX request_logs_by_start;
ALTER TABLE request_logs RENAME TO request_logs_1;

CREATE TABLE request_logs (
  seq                     INTEGER PRIMARY KEY,
  id                      TEXT NOT NULL UNIQUE,
  ip                      TEXT NOT NULL,
  context                 TEXT,
  token                   TEXT,
  kind                    TEXT NOT NULL,
  model                   TEXT NOT NULL,
  endpoint                TEXT,
  provider                TEXT,
  status                  TEXT NOT NULL,
  streamed                INTEGER NOT NULL,
  attempts                INTEGER NOT NULL,
  attempts_detail         TEXT NOT NULL,
  prompt_tokens           INTEGER,
  completion_tokens       INTEGER,
  cached_tokens           INTEGER,
  cache_write_tokens      INTEGER,
  reasoning_tokens        INTEGER,
  audio_prompt_tokens     INTEGER,
  audio_completion_tokens INTEGER,
  total_tokens            INTEGER GENERATED ALWAYS AS (prompt_tokens + completion_tokens) VIRTUAL,
  characters              INTEGER,
  sound_ms                INTEGER,
  cost_nano               INTEGER,
  cost_usd                TEXT GENERATED ALWAYS AS (
    CASE WHEN cost_nano IS NOT NULL THEN
      CASE WHEN cost_nano < 0 THEN '-' ELSE '' END ||
      rtrim(rtrim(printf('%d.%09d', abs(cost_nano) / 1000000000, abs(cost_nano) % 1000000000), '0'), '.')
    END
  ) VIRTUAL,
  cost_low_nano           INTEGER,
  cost_high_nano          INTEGER,
  uncertain_nano          INTEGER NOT NULL, -- the upper bound where cost_nano is unknown; an adjustment may take it back
  unpriced                INTEGER NOT NULL, -- 1 when nobody knows a price; -1 on the adjustment that brings one
  upstream_cost_nano      INTEGER, -- what the provider says that it cost
  cost_source             TEXT NOT NULL, -- 'price' (ours), 'upstream' (theirs), 'none'
  count_source            TEXT NOT NULL,
  price_version           TEXT,
  finish_reason           TEXT,
  flag                    TEXT, -- why somebody should look at this row
  error                   TEXT,
  started_at              INTEGER NOT NULL,
  started_at_ms           INTEGER NOT NULL,
  first_token_ms          INTEGER,
  duration_ms             INTEGER,
  referer                 TEXT,
  title                   TEXT,
  adjusts                 TEXT, -- id of the entry whose cost this one corrects
  booked_at_ms            INTEGER, -- when the correction was made
  hash                    TEXT, -- SHA-256 (base64) over the hash before it of the same payer and this row; NULL before there were any
  CHECK (adjusts IS NOT NULL OR (cost_nano >= 0 AND cost_low_nano >= 0 AND cost_high_nano >= cost_low_nano))
);

INSERT INTO request_logs (
  id, ip, context, token, kind, model, endpoint, provider, status, streamed, attempts, attempts_detail,
  prompt_tokens, completion_tokens, cached_tokens, cache_write_tokens, reasoning_tokens, audio_prompt_tokens,
  audio_completion_tokens, characters, sound_ms, cost_nano, cost_low_nano, cost_high_nano, uncertain_nano, unpriced,
  cost_source, count_source, price_version, finish_reason, error, started_at, started_at_ms, first_token_ms,
  duration_ms, referer, title)
SELECT
  id, ip, context, token, kind, model, endpoint, provider, status, streamed, attempts, attempts_detail,
  prompt_tokens, completion_tokens, cached_tokens, cache_write_tokens, reasoning_tokens, audio_prompt_tokens,
  audio_completion_tokens, characters, sound_ms, cost_nano, cost_low_nano, cost_high_nano,
  CASE WHEN cost_nano IS NULL THEN ifnull(cost_high_nano, 0) ELSE 0 END,
  cost_nano IS NULL AND cost_high_nano IS NULL,
  CASE WHEN cost_nano IS NULL THEN 'none' ELSE 'price' END,
  count_source, price_version, finish_reason, error, started_at, started_at_ms, first_token_ms, duration_ms,
  referer, title
FROM request_logs_1 ORDER BY rowid;

DROP TABLE request_logs_1;

CREATE INDEX request_logs_by_start ON request_logs (started_at);
CREATE INDEX request_logs_by_adjusted ON request_logs (adjusts) WHERE adjusts IS NOT NULL;

CREATE TRIGGER request_logs_never_change BEFORE UPDATE ON request_logs
BEGIN
  SELECT RAISE(ABORT, 'entries never change');
END;

CREATE TABLE usage_days (
  day               INTEGER NOT NULL, -- days since 1970-01-01 UTC
  ip                TEXT NOT NULL,
  context           TEXT NOT NULL, -- '' when the caller had none
  token             TEXT NOT NULL, -- '' when the caller had none
  model             TEXT NOT NULL,
  requests          INTEGER NOT NULL,
  prompt_tokens     INTEGER NOT NULL,
  completion_tokens INTEGER NOT NULL,
  cached_tokens     INTEGER NOT NULL,
  reasoning_tokens  INTEGER NOT NULL,
  cost_nano         INTEGER NOT NULL,
  uncertain_nano    INTEGER NOT NULL,
  unpriced          INTEGER NOT NULL,
  first_seen        INTEGER NOT NULL,
  last_seen         INTEGER NOT NULL,
  PRIMARY KEY (day, ip, context, token, model)
) WITHOUT ROWID;

-- The last hash of each payer up to the mark 'rolled_up', and of what was cleared away.
CREATE TABLE chain_heads (
  ip TEXT NOT NULL, context TEXT NOT NULL, seq INTEGER NOT NULL, hash TEXT,
  PRIMARY KEY (ip, context)
) WITHOUT ROWID;
CREATE TABLE chain_anchors (
  ip TEXT NOT NULL, context TEXT NOT NULL, seq INTEGER NOT NULL, hash TEXT,
  PRIMARY KEY (ip, context)
) WITHOUT ROWID;

-- rolled_up: seq up to which usage_days and chain_heads are complete.
-- cleared: seq up to which rows may have been cleared away; cleared_day: the first day whose rows are all there.
-- chained: seq after which every row has a hash.
CREATE TABLE ledger_marks (name TEXT PRIMARY KEY, value INTEGER NOT NULL) WITHOUT ROWID;
INSERT INTO ledger_marks VALUES ('rolled_up', 0), ('cleared', 0), ('cleared_day', 0);
INSERT INTO ledger_marks SELECT 'chained', ifnull(max(seq), 0) FROM request_logs;

CREATE TABLE limit_rules (
  subject    TEXT PRIMARY KEY, -- 'default', 'everybody', 'address <ip>', 'context <label>', 'payer <ip> <label>'
  rule       TEXT NOT NULL, -- JSON
  changed_at INTEGER NOT NULL
) WITHOUT ROWID;
`
