import type { Scene } from './stage.ts'

/** A scene that every contender plays in every round. */
export interface Scenario {
  readonly id: string
  readonly title: string
  readonly scene: Scene
  /** Played ahead of it, where the scene itself doesn't repeat often enough all that a program has to compile. */
  readonly warmUp?: Scene | undefined
  /** What CPU time is divided by. */
  readonly per: 'request' | 'chunk'
}

/** 200 chunks, one every 2 ms: 500 a second, as fast as the fastest models speak. */
const STREAM_MS = 400
const FAST_STREAM = { type: 'stream', chunks: 200, everyMs: 2, firstAfterMs: 0 } as const
const PLAIN = { type: 'plain', bodyBytes: 1_500 } as const

export const quickScenarios: readonly Scenario[] = [
  plain(1_000, 1_500, 32, 1_400),
  stream(32, 1_100),
  steady(300, 600),
]

/**
 * A request that is mostly books, one that is mostly bytes, streams at the pace of a model, and streams as fast as they go:
 * there the broker has more to do than load and provider together, so that a second core shows even where there are two.
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
  ...SIZES.flatMap(([asked, answered]) => CONNECTIONS.map((count) => plain(asked, answered, count, 1_500))),
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
    title: `plain, ${requestBytes / 1_000} KB asked, ${bodyBytes / 1_000} KB answered, ${connections} connections`,
    scene: {
      manner: { type: 'plain', bodyBytes },
      requestBytes,
      load: { type: 'closed', connections, forMs },
    },
    per: 'request',
  }
}

/** One turn of an agent, who sends the same tools with each. */
function turn(tools: number, connections: number, forMs: number): Scenario {
  return {
    id: `turn-${tools}-${connections}`,
    title: `plain, 1 KB with ${tools} tools asked, 1.5 KB answered, ${connections} connections`,
    scene: { manner: PLAIN, requestBytes: 1_000, tools, load: { type: 'closed', connections, forMs } },
    per: 'request',
  }
}

/**
 * A stream lasts 400 ms, and `forMs` is when the last ones start: no multiple of 400, or some would start one more. They
 * begin one after the other: what is wanted is how long one waits for its first token while so many are open, not how long
 * the last of so many does that come in the same moment.
 */
function stream(connections: number, forMs: number): Scenario {
  return {
    id: `stream-${connections}`,
    title: `streams of 200 chunks at 500 a second, ${connections} at a time`,
    scene: {
      manner: FAST_STREAM,
      requestBytes: 1_000,
      load: { type: 'closed', connections, forMs, spreadMs: STREAM_MS },
    },
    // 80 of the others begin in a second, and V8 compiles for good what was called 3,000 times (`--invocation-count-for-turbofan`).
    warmUp: {
      manner: { ...FAST_STREAM, chunks: 20, everyMs: 0 },
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
    scene: {
      manner: { ...FAST_STREAM, everyMs: 0 },
      requestBytes: 1_000,
      load: { type: 'closed', connections, forMs },
    },
    per: 'chunk',
  }
}

/** Far from saturation, where a proxy's own delay shows. */
function steady(perSecond: number, forMs: number): Scenario {
  return {
    id: `steady-${perSecond}`,
    title: `plain, 1 KB, ${perSecond} a second whatever happens (open loop)`,
    scene: { manner: PLAIN, requestBytes: 1_000, load: { type: 'open', perSecond, forMs } },
    per: 'request',
  }
}
