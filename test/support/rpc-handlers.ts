import type { Handlers, StreamHandlers } from '../../src/server/rpc/calls/handler-types.ts'
import { methods, type StreamName } from '../../src/wire/rpc/methods.ts'

/** Handlers that return the example of each method's contract. */
export const exampleHandlers = Object.fromEntries(
  Object.entries(methods)
    .filter(([name]) => name !== 'rpc.discover')
    .map(([name, { example }]) => [name, async () => structuredClone(example.result)]),
) as unknown as Handlers

/** Streams that yield the example once, then wait until their caller disconnects. */
export const exampleStreams: StreamHandlers = {
  'logs.tail': exampleStream('logs.tail'),
  'events.watch': exampleStream('events.watch'),
}

function exampleStream(name: StreamName) {
  return async function* (_params: unknown, _caller: unknown, signal: AbortSignal) {
    yield structuredClone(methods[name].example.result) as never
    yield undefined
    if (signal.aborted) return
    const disconnected = Promise.withResolvers<void>()
    signal.addEventListener('abort', () => disconnected.resolve())
    await disconnected.promise
  }
}
