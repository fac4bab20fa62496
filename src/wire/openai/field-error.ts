import type { z } from 'zod'
import { BrokerError } from '../../base/errors.ts'
import { shortName } from '../../base/text.ts'
import { fieldWords } from './field-descriptions.ts'

/** The first thing that is wrong with a value. */
export interface FieldFault {
  /** `messages[2].role`, the way people write it; empty for the value itself. */
  readonly path: string
  /** What is wrong, as the rest of a sentence that begins with the field. */
  readonly words: string
}

/** The refusal of a value that `schema` has refused; names the field. `under` is where the value stands. */
export function fieldFault(
  schema: z.ZodType,
  value: unknown,
  under: readonly PropertyKey[] = [],
): BrokerError {
  const { path, words } = findFault(schema, value, under)
  return new BrokerError('bad-request', `${path === '' ? 'the body' : `the field “${path}”`} ${words}`)
}

/** Looks once more at a value that was refused, now for words. */
export function findFault(schema: z.ZodType, value: unknown, under: readonly PropertyKey[] = []): FieldFault {
  const { error } = schema.safeParse(value, { error: fieldWords })
  const issue = deepest(error?.issues[0])
  const path = shortName(pathText([...under, ...issue.path]))
  return { path, words: issue.message }
}

interface Issue {
  readonly path: readonly PropertyKey[]
  readonly message: string
}

/** Behind a union it is the form that was nearly met that tells what is wrong. */
function deepest(issue: z.core.$ZodIssue | undefined): Issue {
  if (issue === undefined) return { path: [], message: 'has not the form that it should have' }
  if (issue.code === 'unrecognized_keys')
    return { path: [...issue.path, ...issue.keys.slice(0, 1)], message: 'is not known here' }
  if (issue.code !== 'invalid_union' || issue.errors.length === 0) return issue
  const near = issue.errors.filter((form) => !form.some(isOtherForm))
  const [form, ...more] = near
  if (form === undefined || more.length > 0) return issue
  const inner = deepest(form[0])
  return { ...inner, path: [...issue.path, ...inner.path] }
}

/** Another kind of value altogether, or another of the words that tell the forms of a union apart. */
function isOtherForm(issue: z.core.$ZodIssue): boolean {
  return issue.code === 'invalid_value' || (issue.code === 'invalid_type' && issue.path.length === 0)
}

function pathText(path: readonly PropertyKey[]): string {
  let text = ''
  for (const step of path) {
    if (typeof step === 'number') text += `[${step}]`
    else text += text === '' ? String(step) : `.${String(step)}`
  }
  return text
}
