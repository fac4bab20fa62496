import { withJitter } from '../../base/backoff.ts'
import type { Clock } from '../../base/clock.ts'
import { asBrokerError } from '../../base/errors.ts'
import type { CircuitBreaker } from '../health/circuit-breaker.ts'
import type { HealthRegistry } from '../health/endpoint-health.ts'
import type { Provider } from '../provider.ts'

/** Probes are spread by this share, so that many brokers do not send them at the same moment. */
const JITTER = 0.25

export interface HealthProbesParts {
  readonly providers: () => ReadonlyMap<string, Provider>
  readonly health: HealthRegistry
  readonly clock: Clock
  /** Mean time between two probes of a provider with an open circuit. */
  readonly intervalMs: number
  /** In [0, 1), for jitter. */
  readonly random?: (() => number) | undefined
}

/**
 * Starts active health checks: while a circuit of a provider is open, its list of models is requested, which costs nothing.
 * When the list comes, the circuits close as after the first byte of a trial, and open again at the next failure. Returns a
 * function that stops the checks.
 */
export function startHealthProbes({
  providers,
  health,
  clock,
  intervalMs,
  random = Math.random,
}: HealthProbesParts): () => void {
  let isStopped = false
  let cancel = schedule()

  function schedule(): () => void {
    return clock.after(withJitter(intervalMs, JITTER, random), probeAll)
  }

  function probeAll(): void {
    const probes = [...providers().values()].map((provider) => probe(provider, openCircuits(provider)))
    void Promise.all(probes).then(() => {
      if (!isStopped) cancel = schedule()
    })
  }

  function openCircuits({ id }: Provider): readonly CircuitBreaker[] {
    return health
      .rows()
      .filter(({ endpoint, state }) => state === 'open' && endpoint.startsWith(`${id}/`))
      .map(({ endpoint }) => health.of(endpoint).circuit)
      .filter((circuit) => circuit.forcedRetryInMs(clock.monotonic()) === 0)
  }

  /** Never rejects. */
  async function probe({ getJson }: Provider, open: readonly CircuitBreaker[]): Promise<void> {
    if (getJson === undefined || open.length === 0) return
    const trials = open.map((circuit) => ({ circuit, permit: circuit.acquire(clock.monotonic()) }))
    const isBack = await getJson('/models').then(() => true, isReachable)
    for (const { circuit, permit } of trials) {
      if (isBack) circuit.onFirstByte(permit)
      circuit.release(permit, isBack ? 'ignored' : 'failed', clock.monotonic())
    }
  }

  return () => {
    isStopped = true
    cancel()
  }
}

/** A provider that refuses our key, or has no list of models, is reachable. */
function isReachable(thrown: unknown): boolean {
  const { status = 500 } = asBrokerError(thrown).details
  return status < 500
}
