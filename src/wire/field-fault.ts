import type { z } from 'zod'
import { BrokerError } from '../base/errors.ts'

/** The refusal of a body whose fields are not what they should be; names the first of them. `under` is where they stand. */
export function fieldFault(error: z.ZodError, under: readonly PropertyKey[] = []): BrokerError {
  const [issue] = error.issues
  const path = pathText([...under, ...(issue?.path ?? [])])
  return new BrokerError('bad-request', `the field “${path}” is wrong: ${issue?.message ?? 'unknown reason'}`)
}

/** `messages[2].role`, the way people write it. */
function pathText(path: readonly PropertyKey[]): string {
  let text = ''
  for (const step of path) {
    if (typeof step === 'number') text += `[${step}]`
    else text += text === '' ? String(step) : `.${String(step)}`
  }
  return text
}
