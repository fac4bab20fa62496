/**
 * The brokers above this one, by id, in the fields that hero_db has too: one row per field, so that a field that a later version
 * adds needs no change here.
 */
export const mothers = `
CREATE TABLE IF NOT EXISTS mothers (
  id    TEXT NOT NULL,
  field TEXT NOT NULL,
  value TEXT NOT NULL,
  PRIMARY KEY (id, field)
) WITHOUT ROWID;
`
