/**
 * The place of requests in a cascade of brokers: the id that a broker below gave to a request, the brokers it has passed, the
 * labels of the caller there, and the mothers that it may have been sent to. A row comes with its hold.
 */
export const cascade = `
CREATE TABLE IF NOT EXISTS cascade_links (
  id            TEXT PRIMARY KEY,
  child_request TEXT,
  path          TEXT, -- ids of brokers, with commas between
  child_context TEXT,
  child_caller  TEXT,
  mothers       TEXT  -- NULL when it may also have been sent to a provider of our own
) WITHOUT ROWID;

CREATE INDEX IF NOT EXISTS cascade_links_by_child ON cascade_links (child_request) WHERE child_request IS NOT NULL;
`
