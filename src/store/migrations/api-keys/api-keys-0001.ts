/** `apikeys.db`: tokens by their keyed hash. The tokens themselves are not stored. */
export const apiKeys = `
CREATE TABLE api_keys (
  id         TEXT PRIMARY KEY,
  label      TEXT NOT NULL,
  hash       TEXT NOT NULL UNIQUE, -- HMAC-SHA256 (base64) under the key in apikeys.key
  created_at INTEGER NOT NULL,     -- unix seconds
  expires_at INTEGER,
  disabled   INTEGER NOT NULL DEFAULT 0
);
`
