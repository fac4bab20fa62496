import type { z } from 'zod'
import { BrokerError } from '../../base/errors.ts'
import { truncate } from '../../base/text.ts'
import { describeIssue } from './field-descriptions.ts'

/** The first problem of an invalid value. */
export interface FieldProblem {
  /** `messages[2].role`; empty for the value itself. */
  readonly path: string
  /** The problem, as the rest of a sentence that begins with the field. */
  readonly words: string
}

/** The `bad-request` error for a value that `schema` refused; names the field. `under` is the path of the value. */
export function fieldError(
  schema: z.ZodType,
  value: unknown,
  under: readonly PropertyKey[] = [],
): BrokerError {
  const { path, words } = findProblem(schema, value, under)
  const subject = path === '' ? 'the body' : `the field “${path}”`
  const details = path === '' ? {} : { field: path }
  return new BrokerError('bad-request', `${subject} ${words}`, { details })
}

/** Validates a refused value again, this time to describe the problem. */
export function findProblem(
  schema: z.ZodType,
  value: unknown,
  under: readonly PropertyKey[] = [],
): FieldProblem {
  const { error } = schema.safeParse(value, { error: describeIssue })
  const issue = deepest(error?.issues[0])
  const path = truncate(pathText([...under, ...issue.path]))
  return { path, words: issue.message }
}

interface Issue {
  readonly path: readonly PropertyKey[]
  readonly message: string
}

/** The issue to report: of a union the one in the form that the value almost has. */
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

/** Whether the value is not meant as this form: it has another type, or another literal that tells the forms of a union apart. */
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
