/** Priorities that an administrator has set with `priority.set`: `sqlite3 requests.db 'SELECT * FROM provider_priority'`. */
export const providerPriority = `
CREATE TABLE provider_priority (
  provider TEXT NOT NULL PRIMARY KEY,
  priority INTEGER NOT NULL
);
`
