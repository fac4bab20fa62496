import { isObject, type JsonBody } from '../wire/json/json-body.ts'
import { topLevelFields } from '../wire/json/json-fields.ts'

/**
 * The broker's own vocabulary is OpenAI's chat completions with OpenRouter's additions (`reasoning`, `reasoning_details`,
 * `cache_control` on parts and tools, `top_k`). These extensions carry what other dialects have beyond it; a body that was
 * made from another dialect has `dialect_fields` at its top level, so that one look tells that there may be any:
 *
 * - `dialect_fields: { anthropic: {…} }` on the request, a message, a part, a tool or a tool call: fields of that dialect
 *   that have no other place, under their own names. `field-rules.ts` says what becomes of them in another dialect.
 * - `content_order: ["reasoning", "content", "tool_call", …]` on an assistant message: the order of its blocks, where it is
 *   not that one. The nth `content` is the nth part of `content`, the others likewise.
 * - `is_error: true` on a message of the role `tool`: the tool failed.
 * - a part `{ type: "dialect_block", dialect, block }`: a block that only its own dialect has.
 * - opaque thinking is in `reasoning_details`, as at OpenRouter: `{ type: "reasoning.text", text, signature, format }` and
 *   `{ type: "reasoning.encrypted", data, format }`. What the caller sees of `signature` and `data` is sealed with the key
 *   that it came from (`sealed-thinking.ts`).
 */
export const DIALECT_FIELDS = 'dialect_fields'

/** The dialects of callers and providers beside OpenAI's chat completions. */
export type DialectName = 'anthropic' | 'gemini' | 'responses'

/** Any JSON object of a request or a response. */
export type Fields = Readonly<Record<string, unknown>>

/** What a block of an assistant message is in the vocabulary. */
export type BlockKind = 'reasoning' | 'content' | 'tool_call'

/**
 * The body of a chat that was made from a request in another dialect. It remembers the request, which is passed on with as
 * few changes as possible to a provider of the same dialect.
 */
export function chatBodyOf(
  value: Fields,
  source: { readonly dialect: DialectName; readonly body: JsonBody },
): JsonBody {
  const text = JSON.stringify({ ...value, [DIALECT_FIELDS]: value[DIALECT_FIELDS] ?? {} })
  const parsed = { ...value, [DIALECT_FIELDS]: value[DIALECT_FIELDS] ?? {} }
  return { text, value: parsed, fields: topLevelFields(text), byteLength: source.body.byteLength, source }
}

/** The fields of one dialect that an object of the vocabulary carries. */
export function fieldsOf(object: Fields, dialect: DialectName): Fields {
  const all = object[DIALECT_FIELDS]
  const own = isObject(all) ? all[dialect] : undefined
  return isObject(own) ? own : NONE
}

const NONE: Fields = {}

/** `dialect_fields` with what is left of an object once the known fields are taken; nothing when nothing is left. */
export function restAs(dialect: DialectName, object: Fields, known: ReadonlySet<string>): Fields {
  const rest = Object.entries(object).filter(([name]) => !known.has(name))
  return rest.length === 0 ? NONE : { [DIALECT_FIELDS]: { [dialect]: Object.fromEntries(rest) } }
}
