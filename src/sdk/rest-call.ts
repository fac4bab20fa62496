import { BrokerError } from '../base/errors.ts'
import type { z } from 'zod'
import { eventsIn } from '../wire/sse.ts'
import { restError } from './read-error.ts'
import type { CallOptions } from './rpc-client.ts'
import { parseJson, readText } from './transport.ts'
import type { Transport, TransportAnswer } from './transport.ts'

/** Asks the REST door: a POST with a body, a GET without one. Throws the broker's own `BrokerError`. */
export async function askRest(
  transport: Transport,
  path: string,
  body: object | undefined,
  { signal }: CallOptions = {},
): Promise<TransportAnswer> {
  const answer = await transport({
    door: 'rest',
    method: body === undefined ? 'GET' : 'POST',
    path,
    body: body === undefined ? undefined : JSON.stringify(body),
    signal,
  })
  if (answer.status === 200) return answer
  throw restError(answer.status, parseJson(await readText(answer.body)))
}

/** The answer as a whole, once `schema` has recognised it; fields that it doesn't name stay. */
export async function wholeOf<S extends z.ZodType>(
  { body }: TransportAnswer,
  schema: S,
): Promise<z.output<S>> {
  return recognised(parseJson(await readText(body)), schema)
}

/** The answer chunk by chunk. Throws when it breaks off: what ends without an error is whole. */
export async function* chunksOf<S extends z.ZodType>(
  { body }: TransportAnswer,
  schema: S,
): AsyncGenerator<z.output<S>, void, void> {
  for await (const payload of eventsIn(body)) {
    if (payload === '[DONE]') return
    yield readChunk(payload, schema)
  }
  throw new BrokerError('upstream-failed', 'the answer broke off before its end')
}

/** A failure after the first word comes inside the stream, for its status has gone out already. */
function readChunk<S extends z.ZodType>(payload: string, schema: S): z.output<S> {
  const json = parseJson(payload)
  if (typeof json === 'object' && json !== null && 'error' in json) throw restError(502, json)
  return recognised(json, schema)
}

function recognised<S extends z.ZodType>(json: unknown, schema: S): z.output<S> {
  const read = schema.safeParse(json)
  if (read.success) return read.data
  throw new BrokerError('internal', 'the broker answered with something that this client does not know')
}
