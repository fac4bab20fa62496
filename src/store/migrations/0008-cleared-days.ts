/**
 * The totals of rows that were cleared away, apart from `usage_days`: a verification adds them to the rows that are left, and
 * finds every change of `usage_days`. `ledger_seals` has a digest of them, under the name `cleared_days`; it is absent until
 * rows are cleared.
 */
export const clearedDays = `
CREATE TABLE cleared_days (
  day               INTEGER NOT NULL,
  ip                TEXT NOT NULL,
  context           TEXT NOT NULL,
  token             TEXT NOT NULL,
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

CREATE TABLE ledger_seals (name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;

-- What an earlier version cleared away is what its totals have beyond the rows that are left.
INSERT INTO cleared_days
SELECT d.day, d.ip, d.context, d.token, d.model,
  d.requests - ifnull(r.requests, 0), d.prompt_tokens - ifnull(r.prompt_tokens, 0),
  d.completion_tokens - ifnull(r.completion_tokens, 0), d.cached_tokens - ifnull(r.cached_tokens, 0),
  d.reasoning_tokens - ifnull(r.reasoning_tokens, 0), d.cost_nano - ifnull(r.cost_nano, 0),
  d.uncertain_nano - ifnull(r.uncertain_nano, 0), d.unpriced - ifnull(r.unpriced, 0), d.first_seen, d.last_seen
FROM usage_days d LEFT JOIN (
  SELECT started_at / 86400 AS day, ip, ifnull(context, '') AS context, ifnull(token, '') AS token,
    ifnull(answered_model, model) AS model, count(*) AS row_count, count(*) FILTER (WHERE adjusts IS NULL) AS requests,
    ifnull(sum(prompt_tokens), 0) AS prompt_tokens, ifnull(sum(completion_tokens), 0) AS completion_tokens,
    ifnull(sum(cached_tokens), 0) AS cached_tokens, ifnull(sum(reasoning_tokens), 0) AS reasoning_tokens,
    ifnull(sum(cost_nano), 0) AS cost_nano, sum(uncertain_nano) AS uncertain_nano, sum(unpriced) AS unpriced
  FROM request_logs
  WHERE seq <= (SELECT value FROM ledger_marks WHERE name = 'rolled_up')
    AND (SELECT value FROM ledger_marks WHERE name = 'cleared') > 0
  GROUP BY 1, 2, 3, 4, 5
) r ON r.day = d.day AND r.ip = d.ip AND r.context = d.context AND r.token = d.token AND r.model = d.model
WHERE (SELECT value FROM ledger_marks WHERE name = 'cleared') > 0
  AND (r.row_count IS NULL OR d.requests <> r.requests OR d.prompt_tokens <> r.prompt_tokens
    OR d.completion_tokens <> r.completion_tokens OR d.cost_nano <> r.cost_nano
    OR d.uncertain_nano <> r.uncertain_nano OR d.unpriced <> r.unpriced);
`
