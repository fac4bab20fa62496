/** The units of requests that are billed neither by token nor by sound. A hash covers them as it covers other later columns. */
export const unitsOfMedia = `
ALTER TABLE request_logs ADD COLUMN search_units INTEGER; -- of a rerank request
ALTER TABLE request_logs ADD COLUMN made_images INTEGER; -- pictures that were made, where the price is per picture
ALTER TABLE request_logs ADD COLUMN image_class TEXT; -- size and quality of them, which the price depends on
`
