/**
 * The leases of this broker at the brokers above it, one for each. Both counters only rise, and a greater `returned_nano` is
 * written before the mother learns of it. What was spent is not kept: she knows it.
 */
export const heldLeases = `
CREATE TABLE IF NOT EXISTS held_leases (
  mother        TEXT PRIMARY KEY,
  id            TEXT NOT NULL,
  granted_nano  INTEGER NOT NULL,
  returned_nano INTEGER NOT NULL
) WITHOUT ROWID;
`
