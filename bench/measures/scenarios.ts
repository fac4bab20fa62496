import type { Workload } from './harness.ts'

/** A workload that every contender runs in every round. */
export interface Scenario {
  readonly id: string
  readonly title: string
  readonly workload: Workload
  /** Runs before the first slice, where the workload itself does not repeat all code often enough to have it compiled. */
  readonly warmUp?: Workload | undefined
  /** The unit by which CPU time is divided. */
  readonly per: 'request' | 'chunk'
}

/** 200 chunks, one every 2 ms: 500 a second, the rate of the fastest models. */
const STREAM_MS = 400
const FAST_STREAM = { type: 'stream', chunks: 200, everyMs: 2, firstAfterMs: 0 } as const
const PLAIN = { type: 'plain', bodyBytes: 1_500 } as const

export const quickScenarios: readonly Scenario[] = [
  plain(1_000, 1_500, 32, 1_400),
  stream(32, 1_100),
  steady(300, 600),
]

/**
 * A request that is mostly accounting, one that is mostly bytes, streams at the rate of a model, and streams at full speed.
 * In the last one the broker does more work than load and provider together, so that a second worker has an effect even on
 * a machine with two cores.
 */
export const scalingScenarios: readonly Scenario[] = [
  plain(1_000, 1_500, 32, 1_500),
  plain(16_000, 16_000, 32, 1_500),
  stream(32, 1_500),
  burst(32, 1_500),
]

const SIZES = [
  [1_000, 1_500],
  [16_000, 16_000],
  [200_000, 200_000],
] as const
const CONNECTIONS = [1, 32, 256] as const

export const fullScenarios: readonly Scenario[] = [
  ...SIZES.flatMap(([requestBytes, responseBytes]) =>
    CONNECTIONS.map((count) => plain(requestBytes, responseBytes, count, 1_500)),
  ),
  ...CONNECTIONS.map((count) => stream(count, 1_800)),
  turn(20, 32, 1_500),
  burst(32, 1_500),
  steady(300, 3_000),
]

export const PLAIN_ID = 'plain-1k-32'
export const STREAM_ID = 'stream-32'

function plain(requestBytes: number, bodyBytes: number, connections: number, forMs: number): Scenario {
  return {
    id: `plain-${requestBytes / 1_000}k-${connections}`,
    title: `plain, ${requestBytes / 1_000} KB request, ${bodyBytes / 1_000} KB response, ${connections} connections`,
    workload: {
      behaviour: { type: 'plain', bodyBytes },
      requestBytes,
      load: { type: 'closed', connections, forMs },
    },
    per: 'request',
  }
}

/** One turn of an agent, which sends the same tools with each request. */
function turn(tools: number, connections: number, forMs: number): Scenario {
  return {
    id: `turn-${tools}-${connections}`,
    title: `plain, 1 KB request with ${tools} tools, 1.5 KB response, ${connections} connections`,
    workload: { behaviour: PLAIN, requestBytes: 1_000, tools, load: { type: 'closed', connections, forMs } },
    per: 'request',
  }
}

/**
 * A stream lasts 400 ms, and the last streams start before `forMs`, which is therefore no multiple of 400: otherwise some
 * connections would start one more. The streams start one after the other, so that the time to the first token is that of
 * one request among many open streams, not that of the last of many simultaneous requests.
 */
function stream(connections: number, forMs: number): Scenario {
  return {
    id: `stream-${connections}`,
    title: `streams of 200 chunks at 500 a second, ${connections} at a time`,
    workload: {
      behaviour: FAST_STREAM,
      requestBytes: 1_000,
      load: { type: 'closed', connections, forMs, spreadMs: STREAM_MS },
    },
    // Only 80 of the long streams start per second, and V8 optimizes a function after 3,000 calls (`--invocation-count-for-turbofan`).
    warmUp: {
      behaviour: { ...FAST_STREAM, chunks: 20, everyMs: 0 },
      requestBytes: 1_000,
      load: { type: 'closed', connections, forMs },
    },
    per: 'chunk',
  }
}

function burst(connections: number, forMs: number): Scenario {
  return {
    id: `burst-${connections}`,
    title: `streams of 200 chunks all at once, ${connections} at a time`,
    workload: {
      behaviour: { ...FAST_STREAM, everyMs: 0 },
      requestBytes: 1_000,
      load: { type: 'closed', connections, forMs },
    },
    per: 'chunk',
  }
}

/** Far from saturation, so that the proxy's own latency is visible. */
function steady(perSecond: number, forMs: number): Scenario {
  return {
    id: `steady-${perSecond}`,
    title: `plain, 1 KB, ${perSecond} a second at a fixed rate (open loop)`,
    workload: { behaviour: PLAIN, requestBytes: 1_000, load: { type: 'open', perSecond, forMs } },
    per: 'request',
  }
}
