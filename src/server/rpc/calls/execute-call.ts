import { asBrokerError } from '../../../base/errors.ts'
import type { BrokerError } from '../../../base/errors.ts'
import { findNearest } from '../../../base/nearest-names.ts'
import { truncate } from '../../../base/text.ts'
import { RPC_CODES } from '../../../wire/rpc/message.ts'
import type { Role } from '../../../wire/rpc/method.ts'
import { isMethodName, methods } from '../../../wire/rpc/methods.ts'
import type { MethodName } from '../../../wire/rpc/methods.ts'
import type { RpcCaller } from './handler-types.ts'
import { idOrNull, parseCall } from './parse-call.ts'
import type { Call, IdTexts } from './parse-call.ts'
import { readParams } from './read-params.ts'
import { RpcFault, faultOf, faultText } from './rpc-error.ts'

/** What the calls of one HTTP request share. */
export interface CallContext {
  /** The caller, if it has the role; `undefined` for open methods. Throws `unauthorized`, `forbidden`. */
  readonly requireRole: (role: Role) => Promise<RpcCaller | undefined>
  /** Aborts when the caller disconnects. */
  readonly signal: AbortSignal
}

/** The part of a logger that the RPC server needs. */
export interface BugLogger {
  error(details: object, message: string): void
}

/** Executes one call and returns the response as JSON text; `undefined` for a notification, which has none. Never throws. */
export type CallExecutor = (
  value: unknown,
  idTexts: IdTexts,
  context: CallContext,
) => Promise<string | undefined>

/**
 * A handler that is looked up by name: the contract ties its params to the schema that reads them, in a way that the
 * compiler can follow for each handler but not for all at once.
 */
type AnyHandler = (params: never, caller: never, signal: AbortSignal) => Promise<unknown>

/** Creates the function that executes calls with these handlers. Bugs are logged with their stack. */
export function createCallExecutor(
  handlers: Readonly<Record<MethodName, AnyHandler>>,
  logger: BugLogger | undefined,
): CallExecutor {
  return async (value, idTexts, context) => {
    const call = faultOr(() => parseCall(value, idTexts))
    if (call instanceof RpcFault) return faultText(call, idOrNull(value, idTexts))
    const outcome = await run(call, context)
    if (call.id === undefined) return undefined
    return outcome instanceof RpcFault ? faultText(outcome, call.id) : resultText(outcome, call.id)
  }

  /** Returns the result as JSON text, or the fault. */
  async function run(call: Call, context: CallContext): Promise<string | RpcFault> {
    try {
      if (!isMethodName(call.method)) throw unknownMethod(call.method)
      const method = methods[call.method]
      const caller = await context.requireRole(method.role)
      const params = readParams(call.method, method, call.params)
      const result = await handlers[call.method](params as never, caller as never, context.signal)
      return JSON.stringify(result)
    } catch (thrown) {
      if (thrown instanceof RpcFault) return thrown
      return faultOf(logBug(asBrokerError(thrown), call.method, logger))
    }
  }
}

function faultOr<T>(run: () => T): T | RpcFault {
  try {
    return run()
  } catch (thrown) {
    if (thrown instanceof RpcFault) return thrown
    throw thrown
  }
}

function unknownMethod(name: string): RpcFault {
  const suggestions = findNearest(Object.keys(methods), name, { kind: 'dotted', limit: 3 })
  const hint =
    suggestions.length === 0 ? 'rpc.discover lists them all' : `did you mean ${suggestions.join(' or ')}?`
  return new RpcFault(RPC_CODES.methodNotFound, `there is no method “${truncate(name)}”; ${hint}`, {
    did_you_mean: suggestions,
  })
}

/** Logs an unexpected error with its stack; the caller is only told that it happened. */
export function logBug(error: BrokerError, rpc: string, logger: BugLogger | undefined): BrokerError {
  if (error.code === 'internal') logger?.error({ rpc, err: error.cause ?? error }, 'rpc call failed')
  return error
}

/** The response to the call of this id, as JSON text. `result` and `id` are JSON text too. */
export function resultText(result: string, id: string): string {
  return `{"jsonrpc":"2.0","result":${result},"id":${id}}`
}
