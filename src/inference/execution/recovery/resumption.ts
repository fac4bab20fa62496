import type { Catalog, Endpoint } from '../../../catalog/catalog.ts'
import type { Recovery } from '../../../fallback/stream-recovery.ts'
import type { Provider } from '../../../providers/provider.ts'
import type { JsonBody } from '../../../wire/json/json-body.ts'
import { withPrefix } from '../../request/derived-body.ts'
import { providerOf, type Providers } from '../attempt-context.ts'
import { restOfContinued, restOfRestarted, type RestOfStream } from './resumed-stream.ts'

/** What makes an attempt one that resumes a broken stream. */
export interface Resumption {
  /** The caller's request, or the same with the beginning of the response in it. */
  readonly body: JsonBody
  readonly rest: RestOfStream
}

/** Capability of a model, in the catalog's words: it continues the beginning of a response. */
const CONTINUES = 'assistant_prefix'

/** Whether an endpoint is known to continue a response from its beginning. */
export function continuesFromPrefix(
  { model, provider }: Endpoint,
  catalog: Catalog,
  providers: ReadonlyMap<string, Provider>,
): boolean {
  return (
    catalog.models.get(model)?.capabilities.includes(CONTINUES) === true &&
    providers.get(provider)?.prefixMarker !== 'none'
  )
}

/**
 * How an endpoint is to resume a stream.
 *
 * @param body the caller's.
 * @param text what the caller has got of the response.
 */
export function resumptionBy(
  { candidate, mode }: Recovery<Endpoint>,
  body: JsonBody,
  text: string,
  providers: Providers,
): Resumption {
  if (mode === 'restart') return { body, rest: restOfRestarted(text) }
  const { prefixMarker } = providerOf(providers, candidate)
  return { body: withPrefix(body, text, prefixMarker), rest: restOfContinued(text) }
}
