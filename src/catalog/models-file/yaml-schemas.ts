import { z } from 'zod'
import { parseUsd, type Money } from '../../base/money.ts'
import { findNearest } from '../../base/nearest-names.ts'
import { AT_KEY, BROKEN_ALIAS } from './yaml-problems.ts'

type Issue = z.core.$ZodRawIssue

/** A mapping with known keys only; the message for an unknown one names the nearest known one. */
export function record<Shape extends z.ZodRawShape>(shape: Shape) {
  const known = Object.keys(shape)
  const error = (issue: Issue): string =>
    issue.code === 'unrecognized_keys'
      ? issue.keys.map((key) => unknownKey(key, known)).join('\n')
      : `is ${kindOf(issue.input)}, should be a mapping: “key: value” lines, indented`
  return z.preprocess(
    (value) => (value instanceof Map ? Object.fromEntries(value) : value),
    z.strictObject(shape, { error }),
  )
}

/** A mapping whose keys the writer of the file chooses. Nothing at all is an empty one. */
export function mapOf<Value extends z.ZodType>(
  value: Value,
  keyFault: (key: string) => string | undefined = () => undefined,
) {
  const key = z.string().superRefine((name, context) => {
    const fault = keyFault(name)
    if (fault !== undefined) context.addIssue({ code: 'custom', message: fault, params: AT_KEY })
  })
  const error = ({ input }: Issue): string =>
    `is ${kindOf(input)}, should be a mapping: “key: value” lines, indented`
  return z.preprocess((map) => map ?? new Map(), z.map(key, value, { error }))
}

/** A list, frozen. */
export function listOf<Item extends z.ZodType>(item: Item) {
  const error = ({ input }: Issue): string =>
    `is ${kindOf(input)}, should be a list: one line with “- ” for each`
  return z.array(item, { error }).readonly()
}

/**
 * Runs `check` after a schema whose entries must fit together, also when some of them are unreadable: `check` gets what is
 * readable, so that one pass over the file reports everything.
 */
export function checked<Schema extends z.ZodType>(
  schema: Schema,
  check: (
    readable: Readable<z.output<Schema>>,
    complain: (message: string, ...path: PropertyKey[]) => void,
  ) => void,
): Schema {
  return schema.check(
    z.superRefine<z.output<Schema>>(
      (value, context) => {
        const faults = context.issues.filter(({ code }) => code !== 'unrecognized_keys')
        const readable = withoutFaults(
          value,
          faults.map(({ path = [] }) => path),
        )
        if (readable !== undefined)
          check(readable as Readable<z.output<Schema>>, (message, ...path) =>
            context.addIssue({ code: 'custom', message, path }),
          )
      },
      { when: () => true },
    ),
  )
}

/** A value in which whatever could not be read is absent. */
export type Readable<T> = T extends bigint | number | string | boolean | undefined
  ? T | undefined
  : T extends ReadonlyMap<unknown, unknown>
    ? T
    : { readonly [Key in keyof T]: Readable<T[Key]> | undefined }

function withoutFaults(value: unknown, faults: readonly (readonly PropertyKey[])[]): unknown {
  if (faults.length === 0) return value
  if (faults.some((path) => path.length === 0)) return undefined
  const below = (key: PropertyKey) => faults.flatMap(([first, ...rest]) => (first === key ? [rest] : []))
  if (Array.isArray(value)) return value.map((item, index) => withoutFaults(item, below(index)))
  if (typeof value !== 'object' || value === null) return undefined
  return Object.fromEntries(
    Object.entries(value).map(([key, entry]) => [key, withoutFaults(entry, below(key))]),
  )
}

const notText = ({ input }: Issue): string =>
  typeof input === 'number'
    ? `is a number, should be text: put it into quotes, "${input}"`
    : `is ${kindOf(input)}, should be text`

/** Text that is not blank. */
export const text = z
  .string({ error: notText })
  .refine((value) => value.trim() !== '', { error: notText, abort: true })

/** Text that passes a check; the check returns what is wrong. */
export function textThat(faultOf: (value: string) => string | undefined) {
  return text.superRefine((value, context) => {
    const fault = faultOf(value)
    if (fault !== undefined) context.addIssue(fault)
  })
}

export function oneOf<const T extends string>(choices: readonly T[]) {
  return z.enum(choices, {
    error: ({ input }) => `${shown(input)} is not known here; write ${choices.join(' or ')}`,
  })
}

export const flag = z.boolean({ error: ({ input }) => `${shown(input)} is neither true nor false` })

export function wholeNumber(min: number, max = Number.MAX_SAFE_INTEGER) {
  const range = max === Number.MAX_SAFE_INTEGER ? `of at least ${min}` : `from ${min} to ${max}`
  const error = ({ input }: Issue): string =>
    `${shown(input)} should be a whole number ${range}, such as ${Math.max(min, 128)}`
  return z
    .number({ error })
    .refine((value) => Number.isSafeInteger(value) && value >= min && value <= max, { error })
}

/** US dollars, exactly as the digits in the file say. */
export function usd(per: string) {
  return z.unknown().transform((digits, context): Money => {
    const amount = amountOf(digits)
    if (amount !== undefined) return amount
    context.addIssue(`${shown(digits)} should be US dollars per ${per}, such as 2.5, with at most 9 decimals`)
    return z.NEVER
  })
}

function amountOf(digits: unknown): Money | undefined {
  if (typeof digits !== 'string') return undefined
  try {
    const amount = parseUsd(digits)
    return amount >= 0n ? amount : undefined
  } catch (error) {
    if (error instanceof RangeError) return undefined
    throw error
  }
}

/** A number, a text or a yes/no, as it is. */
export const plainValue = z.custom<string | number | boolean>(
  (value) => ['string', 'number', 'boolean'].includes(typeof value),
  { error: ({ input }) => `is ${kindOf(input)}, should be a text, a number, true or false` },
)

function unknownKey(key: string, known: readonly string[]): string {
  const [near] = findNearest(known, key, { kind: 'slug', limit: 1 })
  const advice = near === undefined ? `known are ${known.join(', ')}` : `did you mean “${near}”?`
  return `is not a key that belongs here; ${advice}`
}

function kindOf(value: unknown): string {
  if (value === null || value === undefined) return 'empty'
  if (Array.isArray(value)) return 'a list'
  if (value instanceof Map) return 'a mapping'
  return value === BROKEN_ALIAS ? 'an alias of nothing' : shown(value)
}

function shown(value: unknown): string {
  if (typeof value !== 'string' && typeof value !== 'number' && typeof value !== 'boolean')
    return 'what is here'
  const words = String(value)
  return `“${words.length > 60 ? `${words.slice(0, 60)}…` : words}”`
}
