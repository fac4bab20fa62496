/** Responses to requests with an `Idempotency-Key`. The key is hashed together with its caller, and the body is hashed. */
export const keptAnswers = `
CREATE TABLE kept_answers (
  key           TEXT PRIMARY KEY,
  body          TEXT NOT NULL,
  started_at_ms INTEGER NOT NULL,
  answer        TEXT -- JSON; NULL while it runs, and for ever when the broker was killed meanwhile
) WITHOUT ROWID;

CREATE INDEX kept_answers_by_start ON kept_answers (started_at_ms);
`
