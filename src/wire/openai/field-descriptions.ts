import { truncate } from '../../base/text.ts'
import type { z } from 'zod'

/** Describes an issue as the rest of a sentence that begins with the field: `should be a text, but is a number`. */
export function describeIssue(issue: z.core.$ZodRawIssue): string {
  const { input } = issue
  if (input === undefined && issue.code !== 'custom') return 'is missing'
  switch (issue.code) {
    case 'invalid_type':
      return `should be ${KINDS[issue.expected] ?? issue.expected}, but is ${kindOf(input)}`
    case 'invalid_value':
      return `should be ${issue.values.length === 1 ? '' : 'one of '}${issue.values.map(String).join(', ')}`
    case 'too_small':
      return describeSize(issue.origin, issue.inclusive === false ? 'more than' : 'at least', issue.minimum)
    case 'too_big':
      return describeSize(issue.origin, issue.inclusive === false ? 'less than' : 'at most', issue.maximum)
    case 'unrecognized_keys':
      return `has “${truncate(issue.keys[0] ?? '')}”, which is not known here`
    case 'invalid_union':
      return 'has none of the forms that it may have'
    case 'custom':
    case 'invalid_element':
    case 'invalid_format':
    case 'invalid_key':
    case 'not_multiple_of':
    default:
      return 'has not the form that it should have'
  }
}

const KINDS: Readonly<Record<string, string>> = {
  string: 'a text',
  number: 'a number',
  int: 'a whole number',
  boolean: 'true or false',
  array: 'a list',
  object: 'an object',
  record: 'an object',
  null: 'null',
}

function kindOf(value: unknown): string {
  if (value === null || typeof value === 'boolean') return String(value)
  if (Array.isArray(value)) return 'a list'
  if (typeof value === 'number') return Number.isInteger(value) ? 'a number' : 'a fraction'
  return KINDS[typeof value] ?? typeof value
}

/** The bound of a number, or of the length of a text or a list. */
function describeSize(origin: string, bound: string, size: number | bigint): string {
  const unit = origin === 'string' ? 'character' : origin === 'array' ? 'entry' : undefined
  if (unit === undefined) return `should be ${bound} ${size}`
  if (bound === 'at least' && Number(size) === 1) return 'should not be empty'
  const units = Number(size) === 1 ? unit : unit === 'entry' ? 'entries' : `${unit}s`
  return `should have ${bound} ${size} ${units}`
}
