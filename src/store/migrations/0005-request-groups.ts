/**
 * Groups of rows that belong to one response: every model round and every tool call of a chat that runs tools. `group_id` is the id
 * that the caller got, which is also the id of the first round's row.
 */
export const requestGroups = `
CREATE TABLE request_groups (
  id       TEXT PRIMARY KEY,
  group_id TEXT NOT NULL
) WITHOUT ROWID;

CREATE INDEX request_groups_by_group ON request_groups (group_id);
`
