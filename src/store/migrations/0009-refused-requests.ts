/**
 * Requests that were refused before anything was held for them, so that they have no row: how many per caller, day of UTC and
 * HTTP status. Counts for people, no part of any bill.
 */
export const refusedRequests = `
CREATE TABLE refused_requests (
  day      INTEGER NOT NULL,
  ip       TEXT NOT NULL,
  context  TEXT NOT NULL,
  token    TEXT NOT NULL,
  status   INTEGER NOT NULL,
  requests INTEGER NOT NULL,
  PRIMARY KEY (day, ip, context, token, status)
) WITHOUT ROWID;
`
