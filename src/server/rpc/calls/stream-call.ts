import { asBrokerError, BrokerError } from '../../../base/errors.ts'
import { methods } from '../../../wire/rpc/methods.ts'
import type { StreamName } from '../../../wire/rpc/methods.ts'
import { bytesOf } from '../../http/node/request-types.ts'
import { logBug, resultText } from './execute-call.ts'
import type { CallContext, BugLogger } from './execute-call.ts'
import type { StreamHandlers } from './handler-types.ts'
import { parseBody, parseCall } from './parse-call.ts'
import type { Call } from './parse-call.ts'
import { readParams } from './read-params.ts'
import { RpcFault, faultOf, faultText } from './rpc-error.ts'

/** A call of a streaming method. */
export interface StreamCall extends Call {
  readonly id: string
  readonly method: StreamName
}

/** The call of a body, if it is a single call of a streaming method; `undefined` for everything else. */
export function streamCallIn(body: unknown): StreamCall | undefined {
  try {
    const { value, idTexts } = parseBody(bytesOf({ body }))
    const { id, method, params } = parseCall(value, idTexts)
    return id !== undefined && isStreamName(method) ? { id, method, params } : undefined
  } catch {
    return undefined
  }
}

/** What a streaming call needs. */
export interface StreamParts {
  readonly streams: StreamHandlers
  readonly context: CallContext
  /** Aborts when the broker is stopping. */
  readonly closing: AbortSignal
  readonly logger: BugLogger | undefined
}

/** The responses to a call as server-sent events, until its caller disconnects or the broker stops. An error is the last event. */
export async function* executeStream(
  call: StreamCall,
  parts: StreamParts,
): AsyncGenerator<string, void, void> {
  const { streams, context, closing, logger } = parts
  try {
    const method = methods[call.method]
    const caller = await context.requireRole(method.role)
    const params = readParams(call.method, method, call.params)
    const signal = AbortSignal.any([context.signal, closing])
    for await (const result of streams[call.method](params, caller as never, signal))
      yield result === undefined ? KEEP_ALIVE : event(resultText(JSON.stringify(result), call.id))
    if (closing.aborted) throw new BrokerError('stopping', 'the broker is stopping; call again in a moment')
  } catch (thrown) {
    const fault =
      thrown instanceof RpcFault ? thrown : faultOf(logBug(asBrokerError(thrown), call.method, logger))
    yield event(faultText(fault, call.id))
  }
}

/** A comment, which clients of event streams skip. */
const KEEP_ALIVE = ':\n\n'

function event(json: string): string {
  return `data: ${json}\n\n`
}

function isStreamName(name: string): name is StreamName {
  return Object.entries(methods).some(([known, method]) => known === name && 'streams' in method)
}
