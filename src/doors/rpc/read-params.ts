import type { z } from 'zod'

import { ERRORS } from '../../base/errors.ts'
import type { Method } from '../../wire/rpc-method.ts'
import type { Call } from './parse-call.ts'
import { RpcFault } from './rpc-fault.ts'

/** The params of a call, by name or by position, as its method wants them. Names the first bad field. */
export function readParams(name: string, method: Method, given: Call['params']): Record<string, unknown> {
  const named = Array.isArray(given) ? byName(name, method, given) : given
  const parsed = method.params.safeParse(named)
  if (parsed.success) return parsed.data
  const issues = parsed.error.issues.map((issue) => describe(issue))
  throw badParams(`${name}: ${issues[0]?.message ?? 'bad params'}`, { issues })
}

function byName(name: string, method: Method, values: readonly unknown[]): Record<string, unknown> {
  const fields = Object.keys(method.params.shape)
  if (values.length > fields.length) {
    const takes = fields.length === 0 ? 'no params' : `${fields.join(', ')} in this order`
    throw badParams(`${name} takes ${takes}; ${values.length} values came`, {})
  }
  return Object.fromEntries(values.map((value, at) => [fields[at] ?? '', value]))
}

function describe(issue: z.core.$ZodIssue) {
  if (issue.code === 'unrecognized_keys') {
    const path = [...issue.path, issue.keys[0]].join('.')
    return { path, message: `“${path}” is not one of its params` }
  }
  const path = issue.path.join('.')
  return { path, message: `“${path}” ${issue.message.replace(/^Invalid input: /, '')}` }
}

function badParams(message: string, data: Record<string, unknown>): RpcFault {
  return new RpcFault(ERRORS['bad-request'].rpc, message, { code: 'bad-request', ...data })
}
