import { systemClock } from '../../src/base/clock.ts'
import type { BaseUrl } from '../../src/providers/transport/base-url.ts'
import { http1Upstream } from '../../src/providers/transport/http1/http1-upstream.ts'
import { undiciUpstream } from '../../src/providers/transport/undici-upstream.ts'
import type { Upstream } from '../../src/providers/transport/upstream.ts'

export const HTTP_CLIENTS = ['lean', 'undici'] as const

/** The HTTP client that the daemon would use. Both clients keep the same contract, so each suite can run over either. */
export function upstreamAt(base: BaseUrl, client = process.env['AIBROKER_HTTP_CLIENT']): Upstream {
  return client === 'undici' ? undiciUpstream(base) : http1Upstream(base, { clock: systemClock })
}
