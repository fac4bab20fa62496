/** Ids that a router gave to responses which passed through verbatim, and the rows that they belong to. */
export const upstreamIds = `
CREATE TABLE upstream_ids (
  id         TEXT PRIMARY KEY,
  request_id TEXT NOT NULL,
  noted_at   INTEGER NOT NULL -- Unix seconds
) WITHOUT ROWID;

CREATE INDEX upstream_ids_by_time ON upstream_ids (noted_at);
`
