/**
 * What becomes of a field or a block of one dialect in a request to a provider of another one:
 *
 * - `mapped`: the vocabulary says the same in its own words, or the field means nothing elsewhere.
 * - `dropped`: the response is of use without it; the caller gets its name in the header `x-aibroker-left-out`.
 * - `refused`: the response would not be what was asked for; the caller gets a 400 with its name.
 */
export type FieldRule = 'mapped' | 'dropped' | 'refused'

/** The rules of one dialect; what they do not name is dropped. */
export interface FieldRules {
  /** Fields of the request by name, of others with what they belong to in front: `message.name`, `part.name`, `tool.name`. */
  readonly fields: Readonly<Record<string, FieldRule>>
  /** Blocks and tools by their type; a type ending in `*` stands for all that begin so. */
  readonly blocks: Readonly<Record<string, FieldRule>>
}
