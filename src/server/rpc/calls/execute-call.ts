import { asBrokerError } from '../../../base/errors.ts'
import type { BrokerError } from '../../../base/errors.ts'
import { shortName } from '../../../base/text.ts'
import type { Caller } from '../../../auth/caller.ts'
import { RPC_CODES } from '../../../wire/rpc/message.ts'
import type { Role } from '../../../wire/rpc/method.ts'
import { isMethodName, methods } from '../../../wire/rpc/methods.ts'
import type { MethodName } from '../../../wire/rpc/methods.ts'
import { nearestNames } from './nearest-names.ts'
import { idOrNull, parseCall } from './parse-call.ts'
import type { Call, IdTexts } from './parse-call.ts'
import { readParams } from './read-params.ts'
import { RpcFault, faultOf, faultText } from './rpc-error.ts'

/** What the calls of one HTTP request share. */
export interface Asker {
  /** The caller, if it may do what needs `role`; nobody for what is open. Throws `unauthorized`, `forbidden`. */
  readonly as: (role: Role) => Promise<Caller | undefined>
  /** Aborts when the caller hangs up. */
  readonly signal: AbortSignal
}

/** The part of a logger that the door needs. */
export interface BugLogger {
  error(details: object, message: string): void
}

/** The answer to one call as JSON text; `undefined` for a notification, which nobody waits for. Never throws. */
export type Answerer = (value: unknown, idTexts: IdTexts, asker: Asker) => Promise<string | undefined>

/**
 * A handler when it is only known by name: the contract ties its params to the schema that reads them, in a way
 * that the compiler can follow for each handler but not for all at once.
 */
type AnyHandler = (params: never, caller: never, signal: AbortSignal) => Promise<unknown>

export function createAnswerer(
  handlers: Readonly<Record<MethodName, AnyHandler>>,
  logger: BugLogger | undefined,
): Answerer {
  return async (value, idTexts, asker) => {
    const call = faultOr(() => parseCall(value, idTexts))
    if (call instanceof RpcFault) return faultText(call, idOrNull(value, idTexts))
    const outcome = await run(call, asker)
    if (call.id === undefined) return undefined
    return outcome instanceof RpcFault ? faultText(outcome, call.id) : resultText(outcome, call.id)
  }

  /** The result as JSON text, or the fault. */
  async function run(call: Call, asker: Asker): Promise<string | RpcFault> {
    try {
      if (!isMethodName(call.method)) throw unknownMethod(call.method)
      const method = methods[call.method]
      const caller = await asker.as(method.role)
      const params = readParams(call.method, method, call.params)
      const result = await handlers[call.method](params as never, caller as never, asker.signal)
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
  const meant = nearestNames(name, Object.keys(methods))
  const hint = meant.length === 0 ? 'rpc.discover lists them all' : `did you mean ${meant.join(' or ')}?`
  return new RpcFault(RPC_CODES.methodNotFound, `there is no method “${shortName(name)}”; ${hint}`, {
    did_you_mean: meant,
  })
}

/** What we did not foresee is a bug: its stack goes to the log, and the caller hears only that it happened. */
export function logBug(error: BrokerError, rpc: string, logger: BugLogger | undefined): BrokerError {
  if (error.code === 'internal') logger?.error({ rpc, err: error.cause ?? error }, 'rpc call failed')
  return error
}

/** A result, as JSON text, that answers the call of that id. */
export function resultText(result: string, id: string): string {
  return `{"jsonrpc":"2.0","result":${result},"id":${id}}`
}
