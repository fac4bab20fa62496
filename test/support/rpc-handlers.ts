import type { Handlers, StreamHandlers } from '../../src/server/rpc/calls/handler-types.ts'
import { methods } from '../../src/wire/rpc/methods.ts'

/** Handlers that return the example of each method's contract. */
export const exampleHandlers = Object.fromEntries(
  Object.entries(methods)
    .filter(([name]) => name !== 'rpc.discover')
    .map(([name, { example }]) => [name, async () => structuredClone(example.result)]),
) as unknown as Handlers

/** Streams that yield the example once, then wait until their caller disconnects. */
export const exampleStreams: StreamHandlers = {
  'logs.tail': async function* (_params, _caller, signal) {
    yield structuredClone(methods['logs.tail'].example.result) as never
    yield undefined
    if (signal.aborted) return
    const disconnected = Promise.withResolvers<void>()
    signal.addEventListener('abort', () => disconnected.resolve())
    await disconnected.promise
  },
}
