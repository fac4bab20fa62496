import type { AdminServices } from '../../../inference/services/services.ts'
import type { Provider } from '../../../providers/provider.ts'
import type { Result } from '../../../wire/rpc/methods.ts'

type Health = Result<'providers.health'>

const HALF_AN_HOUR_MS = 30 * 60_000

/** The health of the endpoints and keys of these providers. */
export function healthOf(providers: readonly Provider[], services: AdminServices): Health {
  const ids = new Set(providers.map(({ id }) => id))
  const used = services.health.rows().map(({ endpoint }) => endpoint)
  const endpoints = new Set([...services.catalog().endpoints.keys(), ...used])
  return {
    endpoints: [...endpoints]
      .filter((endpoint) => ids.has(endpoint.slice(0, endpoint.indexOf('/'))))
      .flatMap((endpoint) => endpointRow(endpoint, services))
      .sort((a, b) => (a.endpoint < b.endpoint ? -1 : 1)),
    keys: providers.flatMap(keyRows),
  }
}

function endpointRow(endpoint: string, { health, endpointStats }: AdminServices): Health['endpoints'] {
  const row = health.row(endpoint)
  const measured = endpointStats.of(endpoint)
  const success = endpointStats.uptime(endpoint, HALF_AN_HOUR_MS)
  if (row === undefined && measured === undefined && success === undefined) return []
  return [
    {
      endpoint,
      circuit: row?.state ?? 'closed',
      rest_ms: Math.ceil(row?.availableInMs ?? 0),
      ...(measured?.latency === undefined ? {} : { latency_ms: { ...measured.latency } }),
      ...(measured?.throughput === undefined ? {} : { tokens_per_second: { ...measured.throughput } }),
      ...(success === undefined ? {} : { success_percent: Math.round(success * 10) / 10 }),
      malformed_events: row?.malformedEvents ?? 0,
    },
  ]
}

function keyRows(provider: Provider): Health['keys'] {
  return provider.keys().map(({ number, state, availableInMs, inFlight }) => ({
    provider: provider.id,
    key: number,
    state,
    ready_in_ms: Math.max(0, Math.ceil(availableInMs)),
    running: inFlight,
  }))
}
