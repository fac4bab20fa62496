import { BrokerError } from '../../../../base/errors.ts'
import type { ModelKind } from '../../../../catalog/catalog.ts'
import type { RequestContext } from '../../../../inference/request/inference-request.ts'
import type { ResponseSink } from '../../../../inference/response/response-sink.ts'
import type { InferenceServices } from '../../../../inference/services/services.ts'
import type { UploadSpool } from '../../../../runtime/upload-spool.ts'
import type { JsonBody } from '../../../../wire/json/json-body.ts'
import type { RoutingPreferences } from '../../../../wire/openai/routing/routing-preferences.ts'
import type { HttpReply, HttpRequest } from '../../../http/node/request-types.ts'
import { requestContextOf } from '../request-context.ts'
import { respond } from '../respond.ts'
import type { InferenceRouteParts } from '../route-parts.ts'
import { readForm, type ReceivedForm } from '../../../http/uploads/read-form.ts'

/** A route for media whose request is a form with files. */
export interface FormMediaRoute<Request> {
  readonly kind: ModelKind
  /** Throws `bad-request` naming the field. */
  readonly parse: (form: ReceivedForm) => Request
  readonly run: (
    request: Request,
    context: RequestContext,
    sink: ResponseSink,
    services: InferenceServices,
  ) => Promise<void>
  /** Reads the same from JSON, where there is such a form of it. */
  readonly fromJson?: (body: JsonBody, uploads: UploadSpool) => Promise<ReceivedForm>
}

/** The handler of such a route. The files are there until the response is complete. */
export function formMediaRoute<Request extends { readonly routing: RoutingPreferences }>(
  route: FormMediaRoute<Request>,
) {
  return async (request: HttpRequest, reply: HttpReply, parts: InferenceRouteParts): Promise<void> => {
    const { services } = parts
    // The caller is known, or refused, before its files are taken.
    const context = requestContextOf(request, services, parts.shape)
    await using form = await receive(request, parts, route)
    const parsed = route.parse(form)
    await respond(
      reply,
      parts,
      (sink) => {
        sink.prepare({ model: parsed.routing.model, stream: false, object: '' })
        return route.run(parsed, context, sink, services)
      },
      {
        content: () => form.digest,
        query: () => ({ kind: route.kind, requested: parsed.routing }),
        isCacheable: false,
      },
    )
  }
}

async function receive(
  request: HttpRequest,
  { uploads, readBody }: InferenceRouteParts,
  { fromJson }: Pick<FormMediaRoute<unknown>, 'fromJson'>,
): Promise<ReceivedForm> {
  if (uploads === undefined) throw new BrokerError('internal', 'this process takes no files')
  if (/^multipart\/form-data\b/i.test(request.headers['content-type'] ?? ''))
    return await readForm(request, uploads)
  if (fromJson === undefined)
    throw new BrokerError(
      'unsupported-media',
      'this route reads forms: send Content-Type: multipart/form-data',
    )
  return await fromJson(readBody(request), uploads)
}
