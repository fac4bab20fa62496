/**
 * Columns that were added after the hashes. A hash covers them by name, and only where they are not NULL, so that the hashes of
 * earlier rows stay valid.
 */
export const laterEntryColumns = `
ALTER TABLE request_logs ADD COLUMN answered_model TEXT; -- the catalogue's name of the model that answered; "model" is what was asked for
ALTER TABLE request_logs ADD COLUMN group_id TEXT; -- id of the first row of what this is a part of, as in request_groups
ALTER TABLE request_logs ADD COLUMN image_prompt_tokens INTEGER;
ALTER TABLE request_logs ADD COLUMN images INTEGER; -- pictures in the prompt, where the price is per picture

-- Rows that somebody should look at are few, and found without a walk.
CREATE INDEX request_logs_disputed ON request_logs (started_at)
  WHERE upstream_cost_nano IS NOT NULL AND cost_source <> 'upstream';
CREATE INDEX request_logs_unpriced ON request_logs (started_at) WHERE unpriced <> 0;
`
