import type { Clock } from '../../base/clock.ts'
import { asBrokerError } from '../../base/errors.ts'
import type { Breaker } from '../health/circuit-breaker.ts'
import type { HealthBook } from '../health/endpoint-health.ts'
import type { Provider } from '../provider.ts'

export interface ProbesParts {
  readonly providers: () => ReadonlyMap<string, Provider>
  readonly health: HealthBook
  readonly clock: Clock
  /** How often a provider with an open circuit is looked at, a quarter more or less by chance. */
  readonly everyMs: number
  /** In [0, 1), for jitter. */
  readonly random?: (() => number) | undefined
}

/**
 * Finds out whether providers whose circuits are open are back, without a caller: their list of models is asked for, which
 * costs nothing. When it comes the circuits close as after the first word of a trial, to open at the next failure. The
 * result stops it.
 */
export function startProbes({
  providers,
  health,
  clock,
  everyMs,
  random = Math.random,
}: ProbesParts): () => void {
  let isStopped = false
  let cancel = plan()

  function plan(): () => void {
    return clock.after(everyMs * (0.75 + 0.5 * random()), look)
  }

  function look(): void {
    const probes = [...providers().values()].map((provider) => probe(provider, openCircuits(provider)))
    void Promise.all(probes).then(() => {
      if (!isStopped) cancel = plan()
    })
  }

  function openCircuits({ id }: Provider): readonly Breaker[] {
    return health
      .rows()
      .filter(({ endpoint, state }) => state === 'open' && endpoint.startsWith(`${id}/`))
      .map(({ endpoint }) => health.of(endpoint).breaker)
      .filter((breaker) => breaker.insistMs(clock.monotonic()) === 0)
  }

  /** Never rejects. */
  async function probe({ read }: Provider, open: readonly Breaker[]): Promise<void> {
    if (read === undefined || open.length === 0) return
    const passes = open.map((breaker) => ({ breaker, pass: breaker.enter(clock.monotonic()) }))
    const isBack = await read('/models').then(() => true, isNoFault)
    for (const { breaker, pass } of passes) {
      if (isBack) breaker.began(pass)
      breaker.leave(pass, isBack ? 'neither' : 'failed', clock.monotonic())
    }
  }

  return () => {
    isStopped = true
    cancel()
  }
}

/** A provider that refuses our key, or has no such list, is there. */
function isNoFault(thrown: unknown): boolean {
  const { status = 500 } = asBrokerError(thrown).details
  return status < 500
}
