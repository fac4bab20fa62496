/**
 * People read `request_logs` with `sqlite3`, so its columns explain themselves: the names of amounts in nano-dollars end in
 * `_nano`, and an absent amount is NULL, not 0. The tables are not STRICT, because sqlite3 before 3.37 cannot open those.
 */
export const holdsAndEntries = `
CREATE TABLE holds (
  rowid         INTEGER PRIMARY KEY,
  id            TEXT NOT NULL,
  ip            TEXT NOT NULL,
  context       TEXT,
  token         TEXT,
  kind          TEXT NOT NULL,
  model         TEXT NOT NULL,
  streamed      INTEGER NOT NULL,
  most_nano     INTEGER,
  started_at_ms INTEGER NOT NULL
);

CREATE TABLE request_logs (
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
      rtrim(rtrim(printf('%d.%09d', cost_nano / 1000000000, cost_nano % 1000000000), '0'), '.')
    END
  ) VIRTUAL,
  cost_low_nano           INTEGER,
  cost_high_nano          INTEGER,
  count_source            TEXT NOT NULL,
  price_version           TEXT,
  finish_reason           TEXT,
  error                   TEXT,
  started_at              INTEGER NOT NULL,
  started_at_ms           INTEGER NOT NULL,
  first_token_ms          INTEGER,
  duration_ms             INTEGER,
  referer                 TEXT,
  title                   TEXT,
  CHECK (cost_nano >= 0 AND cost_low_nano >= 0 AND cost_high_nano >= cost_low_nano)
);

CREATE INDEX request_logs_by_start ON request_logs (started_at);

CREATE TRIGGER request_logs_never_change BEFORE UPDATE ON request_logs
BEGIN
  SELECT RAISE(ABORT, 'entries never change');
END;

-- All of request_logs, added up: balances and all-time usage need no walk over every row.
CREATE TABLE usage_totals (
  ip                TEXT NOT NULL,
  context           TEXT NOT NULL, -- '' when the caller had none
  model             TEXT NOT NULL,
  requests          INTEGER NOT NULL,
  prompt_tokens     INTEGER NOT NULL,
  completion_tokens INTEGER NOT NULL,
  cost_nano         INTEGER NOT NULL,
  uncertain_nano    INTEGER NOT NULL,
  unpriced          INTEGER NOT NULL,
  first_seen        INTEGER NOT NULL,
  last_seen         INTEGER NOT NULL,
  PRIMARY KEY (ip, context, model)
) WITHOUT ROWID;

CREATE TRIGGER request_logs_add_up AFTER INSERT ON request_logs
BEGIN
  INSERT INTO usage_totals VALUES (
    new.ip, ifnull(new.context, ''), new.model, 1,
    ifnull(new.prompt_tokens, 0), ifnull(new.completion_tokens, 0), ifnull(new.cost_nano, 0),
    CASE WHEN new.cost_nano IS NULL THEN ifnull(new.cost_high_nano, 0) ELSE 0 END,
    new.cost_nano IS NULL, new.started_at, new.started_at
  )
  ON CONFLICT DO UPDATE SET
    requests = requests + 1,
    prompt_tokens = prompt_tokens + excluded.prompt_tokens,
    completion_tokens = completion_tokens + excluded.completion_tokens,
    cost_nano = cost_nano + excluded.cost_nano,
    uncertain_nano = uncertain_nano + excluded.uncertain_nano,
    unpriced = unpriced + excluded.unpriced,
    first_seen = min(first_seen, excluded.first_seen),
    last_seen = max(last_seen, excluded.last_seen);
END;
`
