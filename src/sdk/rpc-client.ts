import { BrokerError } from '../base/errors.ts'
import { findProblem } from '../wire/openai/field-error.ts'
import { rpcResponse, STREAM_TYPE } from '../wire/rpc/message.ts'
import type { RpcResponse } from '../wire/rpc/message.ts'
import { methods } from '../wire/rpc/methods.ts'
import type { MethodName, Params, Result, StreamName } from '../wire/rpc/methods.ts'
import { eventsIn } from '../wire/sse.ts'
import { restError, rpcError } from './read-error.ts'
import { parseJson, readText } from './transport.ts'
import type { Transport } from './transport.ts'

/** Options of a single call; aborting `signal` rejects it with the signal's reason. */
export interface CallOptions {
  readonly signal?: AbortSignal | undefined
}

/** The arguments of a call; params may be left out where a method needs none. */
export type CallArguments<M extends MethodName> =
  NeedsParams<M> extends true
    ? [params: Params<M>, options?: CallOptions]
    : [params?: Params<M>, options?: CallOptions]

/** A method without params has a record of `never` in the contract. */
type NeedsParams<M extends MethodName> = string extends keyof Params<M> ? false : HasRequired<Params<M>>

type HasRequired<P> = Partial<P> extends P ? false : true

/** One call of a batch. */
export type BatchCall<M extends MethodName = MethodName> = M extends MethodName
  ? readonly [method: M, params?: Params<M>]
  : never

/** The outcome of each call of a batch, in the order of the calls. */
export type BatchResults<C extends readonly BatchCall[]> = {
  -readonly [I in keyof C]: PromiseSettledResult<Result<C[I][0]>>
}

export interface RpcClient {
  /** Calls one method. Throws the broker's own `BrokerError`. */
  call<M extends MethodName>(method: M, ...rest: CallArguments<M>): Promise<Result<M>>
  /**
   * Calls a method that streams and yields its results. Leaving the loop, or aborting, closes the connection; otherwise
   * the stream ends only by throwing a `BrokerError`: `stopping` when the broker stops.
   */
  stream<M extends StreamName>(method: M, ...rest: CallArguments<M>): AsyncGenerator<Result<M>, never, void>
  /** Sends many calls in one request; each succeeds or fails on its own. */
  batch<const C extends readonly BatchCall[]>(calls: C, options?: CallOptions): Promise<BatchResults<C>>
}

export function createRpcClient(transport: Transport): RpcClient {
  return {
    async call(method, ...[params, options]) {
      const response = await post(transport, message(method, params, 0), options)
      return readResult(method, parseRpcResponse(response))
    },

    async *stream(method, ...[params, options]) {
      const body = JSON.stringify(message(method, params, 0))
      const request = { listener: 'rpc', method: 'POST', path: '/rpc', body, accept: STREAM_TYPE } as const
      const response = await transport({ ...request, signal: options?.signal })
      if (response.status !== 200) throw restError(response.status, parseJson(await readText(response.body)))
      for await (const payload of eventsIn(response.body))
        yield readResult(method, parseRpcResponse(parseJson(payload)))
      throw new BrokerError('unreachable', 'the broker closed the connection')
    },

    async batch(calls, options) {
      if (calls.length === 0) return [] as never
      const messages = calls.map(([method, params], id) => message(method, params, id))
      const responses = readBatch(await post(transport, messages, options))
      const results = calls.map(([method], id) =>
        Promise.resolve().then(() => readResult(method, responses.get(id))),
      )
      // Each element of the tuple has the result type of its method, but `map` returns a plain array type.
      return (await Promise.allSettled(results)) as never
    },
  }
}

function message(method: MethodName, params: object | undefined, id: number) {
  return { jsonrpc: '2.0', method, params: params ?? {}, id }
}

async function post(transport: Transport, body: unknown, options: CallOptions = {}): Promise<unknown> {
  const request = { listener: 'rpc', method: 'POST', path: '/rpc', body: JSON.stringify(body) } as const
  const response = await transport({ ...request, signal: options.signal })
  const json = parseJson(await readText(response.body))
  if (response.status !== 200 || json === undefined) throw restError(response.status, json)
  return json
}

function readBatch(responses: unknown): ReadonlyMap<unknown, RpcResponse> {
  // A batch that is refused as a whole gets a single response instead of an array.
  if (!Array.isArray(responses)) throw rpcError(parseRpcResponse(responses).error ?? NO_RESPONSE)
  return new Map(responses.map(parseRpcResponse).map((response) => [response.id, response]))
}

function parseRpcResponse(json: unknown): RpcResponse {
  const response = rpcResponse.safeParse(json)
  if (!response.success)
    throw new BrokerError('internal', 'the response is not JSON-RPC; is this the broker’s rpc.sock?')
  return response.data
}

const NO_RESPONSE = { code: -32603, message: 'the broker sent no response to this call' }

/** The result as received, validated by the contract's schema; fields that a newer broker adds stay. */
function readResult<M extends MethodName>(method: M, response: RpcResponse | undefined): Result<M> {
  if (response === undefined) throw rpcError(NO_RESPONSE)
  if (response.error) throw rpcError(response.error)
  const checked = methods[method].result.safeParse(response.result)
  if (checked.success) return response.result as Result<M>
  const { path, words } = findProblem(methods[method].result, response.result)
  throw new BrokerError(
    'internal',
    `the broker responded to ${method} in a shape this client does not know ` +
      `(“${path}” ${words}); do both have the same version?`,
  )
}
