import type { ModelKind } from '../../../../catalog/catalog.ts'
import type { RequestContext } from '../../../../inference/request/inference-request.ts'
import type { ResponseSink } from '../../../../inference/response/response-sink.ts'
import type { InferenceServices } from '../../../../inference/services/services.ts'
import type { JsonBody } from '../../../../wire/json/json-body.ts'
import type { RoutingPreferences } from '../../../../wire/openai/routing/routing-preferences.ts'
import { bytesOf, type HttpReply, type HttpRequest } from '../../../http/node/request-types.ts'
import { requestContextOf } from '../request-context.ts'
import { respond } from '../respond.ts'
import type { InferenceRouteParts } from '../route-parts.ts'

/** A route for media whose request is JSON. */
export interface JsonMediaRoute<Request> {
  readonly kind: ModelKind
  /** Throws `bad-request` naming the field. */
  readonly parse: (body: JsonBody) => Request
  readonly run: (
    request: Request,
    context: RequestContext,
    sink: ResponseSink,
    services: InferenceServices,
  ) => Promise<void>
}

/** The handler of such a route. */
export function jsonMediaRoute<Request extends { readonly routing: RoutingPreferences }>({
  kind,
  parse,
  run,
}: JsonMediaRoute<Request>) {
  return (request: HttpRequest, reply: HttpReply, parts: InferenceRouteParts): Promise<void> => {
    const { services, readBody } = parts
    return respond(
      reply,
      parts,
      (sink) => {
        const parsed = parse(readBody(request))
        sink.prepare({ model: parsed.routing.model, stream: false, object: '' })
        return run(parsed, requestContextOf(request, services, parts.shape), sink, services)
      },
      {
        content: () => bytesOf(request),
        query: () => ({ kind, requested: parse(readBody(request)).routing }),
        isCacheable: false,
      },
    )
  }
}
