import { ERRORS } from '../../../base/errors.ts'
import { findProblem } from '../../../wire/openai/field-error.ts'
import type { Method } from '../../../wire/rpc/method.ts'
import type { Call } from './parse-call.ts'
import { RpcFault } from './rpc-error.ts'

/** The params of a call, given by name or by position, parsed by the schema of its method. Throws an error that names the first bad field. */
export function readParams(name: string, method: Method, given: Call['params']): Record<string, unknown> {
  const named = Array.isArray(given) ? byName(name, method, given) : given
  const parsed = method.params.safeParse(named)
  if (parsed.success) return parsed.data
  const { path, words } = findProblem(method.params, named)
  const fields = Object.keys(method.params.shape)
  const isStray = !fields.includes(path.split(/[.[]/, 1)[0] ?? '')
  const message = `“${path}” ${isStray ? `is not one of its params (${fields.join(', ')})` : words}`
  throw badParams(`${name}: ${message}`, { issues: [{ path, message }] })
}

function byName(name: string, method: Method, values: readonly unknown[]): Record<string, unknown> {
  const fields = Object.keys(method.params.shape)
  if (values.length > fields.length) {
    const takes = fields.length === 0 ? 'no params' : `${fields.join(', ')} in this order`
    throw badParams(`${name} takes ${takes}; ${values.length} values were given`, {})
  }
  return Object.fromEntries(values.map((value, at) => [fields[at] ?? '', value]))
}

function badParams(message: string, data: Record<string, unknown>): RpcFault {
  return new RpcFault(ERRORS['bad-request'].rpc, message, { code: 'bad-request', ...data })
}
