import type { Clock } from '../../base/clock.ts'
import type { Config } from '../../config/config.ts'
import type { BaseUrl } from '../../providers/transport/base-url.ts'
import { http1Upstream } from '../../providers/transport/http1/http1-upstream.ts'
import type { ProxyAddress } from '../../providers/transport/proxy/proxy-address.ts'
import type { Upstream } from '../../providers/transport/upstream.ts'

export interface UpstreamOptions {
  /** Only the connect timeout is enforced by the client; timeouts for silence are enforced by the dispatcher. */
  readonly connectMs: number
  /** The SHA-256 of the only certificate that is accepted. */
  readonly fingerprint: string | undefined
  readonly proxy: ProxyAddress | undefined
}

export type HttpClient = (base: BaseUrl, options: UpstreamOptions) => Upstream

/**
 * The HTTP client of the setting. undici is loaded only for those who choose it: its hundred modules take 40 ms of the start and
 * 5 MB of memory.
 */
export async function loadHttpClient({ httpClient }: Config, clock: Clock): Promise<HttpClient> {
  const lean: HttpClient = (base, { connectMs, fingerprint, proxy }) =>
    http1Upstream(base, { clock, timeouts: { connectMs }, tls: { fingerprint }, proxy })
  if (httpClient !== 'undici') return lean
  const { undiciUpstream } = await import('../../providers/transport/undici-upstream.ts')
  return (base, options) => {
    const { connectMs, fingerprint, proxy } = options
    // Only our own client can pin a certificate.
    return fingerprint === undefined ? undiciUpstream(base, { connectMs }, proxy) : lean(base, options)
  }
}
