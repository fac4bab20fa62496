import type { Secret } from '../base/secret.ts'

/** One key of a provider and how busy it is. A provider that needs no key has one lane without. */
export interface Lane {
  readonly key: Secret | undefined
  running: number
}

/** The keys of one provider in rotation. */
export interface KeyPool {
  readonly size: number
  /** The least busy lane, counted as busy until it is released. */
  take(): Lane
  release(lane: Lane): void
}

export function createKeyPool(keys: readonly Secret[]): KeyPool {
  const lanes: Lane[] =
    keys.length === 0 ? [{ key: undefined, running: 0 }] : keys.map((key) => ({ key, running: 0 }))
  let turn = 0
  return {
    size: keys.length,
    take() {
      const lane = leastBusy(lanes, turn++)
      lane.running++
      return lane
    },
    release(lane) {
      lane.running--
    },
  }
}

/** Begins looking at another lane each time, so that idle keys share the load. */
function leastBusy(lanes: readonly Lane[], turn: number): Lane {
  let best: Lane | undefined
  for (let step = 0; step < lanes.length; step++) {
    const lane = lanes[(turn + step) % lanes.length]
    if (lane !== undefined && (best === undefined || lane.running < best.running)) best = lane
  }
  if (best === undefined) throw new RangeError('a key pool has at least one lane')
  return best
}
