import type { JsonBody } from '../../wire/json/json-body.ts'
import type { RoutingPreferences } from '../../wire/openai/routing/routing-preferences.ts'
import { maxCost } from '../budget/worst-case.ts'
import { selectCandidates } from '../candidates/select-candidates.ts'
import { Execution } from '../execution/execution.ts'
import type { InferenceKind, InferenceRequest, RequestContext } from '../request/inference-request.ts'
import type { ResponseSink } from '../response/response-sink.ts'
import type { InferenceServices } from '../services/services.ts'

/** A request for media, as far as its execution is the same for every kind. */
export interface MediaExecution {
  readonly kind: InferenceKind
  readonly body: JsonBody
  readonly routing: RoutingPreferences
  /** The response passes as bytes while it comes. */
  readonly stream: boolean
  readonly forRouters?: InferenceRequest['forRouters']
}

/** Sends a request to the first of its candidates that responds. Throws like `Execution.execute`. */
export function executeMedia(
  { kind, body, routing, stream, forRouters }: MediaExecution,
  context: RequestContext,
  sink: ResponseSink,
  services: InferenceServices,
): Promise<void> {
  const query = { kind: kind.name, requested: routing, strategy: services.strategy }
  const { candidates } = selectCandidates(query, context, services)
  const inference: InferenceRequest = {
    kind,
    body,
    forRouters,
    requestedModel: routing.model,
    stream,
    candidates,
    maxCost: maxCost(kind, candidates),
  }
  return new Execution(inference, context, sink, services).execute()
}
