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
  lease         TEXT,
  mothers       TEXT, -- NULL when it may also have been sent to a provider of our own
  resolved      INTEGER NOT NULL DEFAULT 0, -- 1: what the mothers charge is known to the nano-dollar
  list_nano     INTEGER -- what it costs by our own price, where a mother charged for it
) WITHOUT ROWID;

-- A part of a budget that a broker below may spend. What is left of it is the hold of the same id; both counters only rise.
CREATE TABLE IF NOT EXISTS leases (
  id            TEXT PRIMARY KEY,
  granted_nano  INTEGER NOT NULL,
  returned_nano INTEGER NOT NULL,
  expires_at_ms INTEGER NOT NULL,
  models        TEXT, -- with commas between; NULL for all
  providers     TEXT
) WITHOUT ROWID;

CREATE INDEX IF NOT EXISTS cascade_links_by_child ON cascade_links (child_request) WHERE child_request IS NOT NULL;
CREATE INDEX IF NOT EXISTS cascade_links_unresolved ON cascade_links (id) WHERE mothers IS NOT NULL AND resolved = 0;
`
