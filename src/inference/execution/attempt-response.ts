import { jsonText } from '../../base/text.ts'
import { usdNumber, type Money } from '../../base/money.ts'
import type { Endpoint } from '../../catalog/catalog.ts'
import { costParts, type CostParts } from '../../ledger/cost.ts'
import type { Usage } from '../../ledger/types.ts'
import type { ChatChunk } from '../../wire/openai/chat.ts'
import type { Provider } from '../../providers/provider.ts'
import { tokenCapAt } from '../budget/token-cap.ts'
import type { ChargingAttempt } from '../cost/attempt-cost.ts'
import type { ResponseSource } from '../response/response-sink.ts'
import { boundsJson } from '../response/cost-json.ts'
import type { ResponseInfo } from '../response/response-formatter.ts'
import { OPENROUTER_RESPONSES, type ResponseShape } from '../response/response-shape.ts'
import type { AttemptContext } from './attempt-context.ts'
import { routerMetadata, wantsMetadata } from './openrouter-metadata.ts'
import type { RequestRecord } from './request-record.ts'

/** What the broker knows of the response that one attempt gives. */
export class AttemptFacts implements ResponseInfo {
  readonly provider: string
  /** Other attempts were paid before: for the beginning of this response, or for one that was of no use. */
  readonly isCombined: boolean
  readonly #shared: AttemptContext
  readonly #attempt: ChargingAttempt
  #costed: Usage | undefined
  #parts: CostParts | undefined

  /** @param provider display name. */
  constructor(attempt: ChargingAttempt, shared: AttemptContext, provider: string, isResumption: boolean) {
    this.#attempt = attempt
    this.#shared = shared
    this.provider = provider
    this.isCombined = isResumption || shared.record.responding !== undefined
  }

  get id(): string {
    return this.#shared.sink.id
  }

  get shape(): ResponseShape {
    return shapeFor(this.#shared)
  }

  get created(): number {
    return this.#shared.created
  }

  get model(): string {
    return this.#attempt.endpoint.model
  }

  usage(): Usage | undefined {
    return this.isCombined ? this.#shared.record.cost().usage : this.#attempt.meter.read().usage
  }

  /** Computed once for the same counts, since several places of a response show it. */
  costParts(usage: Usage): CostParts | undefined {
    if (usage === this.#costed) return this.#parts
    const { price } = this.#attempt.endpoint
    this.#costed = usage
    this.#parts = price === undefined ? undefined : costParts(usage, price)
    return this.#parts
  }

  cost(): Money | undefined {
    if (this.isCombined) return this.#shared.record.cost().cost
    const usage = this.usage()
    return usage === undefined ? undefined : this.costParts(usage)?.whole
  }

  metadata(): object | undefined {
    const { context, request, record, providers } = this.#shared
    if (!wantsMetadata(context)) return undefined
    return routerMetadata({ request, record, providers, endpoint: this.#attempt.endpoint })
  }

  envelope(): object {
    const { request, record } = this.#shared
    const { endpoint } = this.#attempt
    const limited = tokenCapAt(this.#shared, endpoint)
    const note = request.compressed?.get(endpoint.id)?.note
    return {
      ...envelopeOf(record, this.provider, endpoint, this.cost()),
      ...boundsJson(record.maxCostSoFar()),
      ...(this.#isEstimate ? { estimated: true } : {}),
      ...(limited === undefined ? {} : { limited }),
      ...this.#place(),
      ...note,
    }
  }

  /** Where it was answered and what held there, for a request that came from a broker below. */
  #place(): object {
    const { context, hop } = this.#shared
    if (context.hop === undefined || hop === undefined) return {}
    const { brokerId, policy } = hop
    return {
      broker: brokerId,
      path: [...context.hop.path, brokerId],
      ...(policy === undefined ? {} : { policy }),
    }
  }

  /** The provider reported no usage, so that the response shows an estimate. */
  get #isEstimate(): boolean {
    if (this.isCombined) return this.#shared.record.cost().countSource !== 'reported'
    return this.#attempt.meter.read().countSource === 'bounded'
  }

  envelopeText(): string {
    const { request, record } = this.#shared
    const { endpoint } = this.#attempt
    const isUsual =
      record.attempts.length === 0 &&
      !this.#isEstimate &&
      request.compressed === undefined &&
      this.#shared.context.hop === undefined &&
      tokenCapAt(this.#shared, endpoint) === undefined
    return isUsual
      ? usualEnvelope(record, this.provider, endpoint, this.cost())
      : JSON.stringify(this.envelope())
  }
}

export function shapeFor({ context }: AttemptContext): ResponseShape {
  return context.shape ?? OPENROUTER_RESPONSES
}

/** The last chunk of a response that ends because the budget affords no more, as from a model that reached its maximum length. */
export function lastChunkOf(
  { sink, created }: AttemptContext,
  { model }: Endpoint,
  provider: string,
  reason: string,
): ChatChunk {
  return {
    id: sink.id,
    object: 'chat.completion.chunk',
    created,
    model,
    provider,
    choices: [{ index: 0, delta: { content: '' }, finish_reason: 'length', native_finish_reason: 'budget' }],
    x_aibroker: { limited: { reason } },
  } as ChatChunk
}

/** The bounds of all attempts, where another broker's response cannot know them; see `verbatimFormatter`. */
export function boundsBesides(record: RequestRecord): () => object | undefined {
  return () => (record.mayOweOthers ? boundsJson(record.maxCostSoFar()) : undefined)
}

/** The legacy `x_aibroker` object: the endpoint that responded, those that were tried before, and the cost. */
export function envelopeOf(
  record: RequestRecord,
  provider: string,
  endpoint: Endpoint,
  cost: Money | undefined,
): object {
  const { attempts, errors } = record
  return {
    provider,
    model: endpoint.model,
    endpoint: endpoint.id,
    attempts: attempts.length + 1,
    tried: [...attempts.map(({ endpoint: id }) => id), endpoint.id],
    failed_attempts: attempts.map(({ endpoint: id, code, status, ms }, at) => ({
      endpoint: id,
      code,
      ...(status === undefined ? {} : { status }),
      ms: Math.round(ms),
      message: errors[at]?.message,
    })),
    ...(cost === undefined ? { unpriced: true } : { cost: usdNumber(cost) }),
    latency_ms: Math.round(record.elapsedMs),
  }
}

/** The `x_aibroker` object as JSON when the first attempt succeeded, as nearly always. Measured: 0.8 µs less. */
export function usualEnvelope(
  { elapsedMs }: RequestRecord,
  provider: string,
  { id, model }: Endpoint,
  cost: Money | undefined,
): string {
  const endpoint = jsonText(id)
  const price = cost === undefined ? '"unpriced":true' : `"cost":${usdNumber(cost)}`
  return (
    `{"provider":${jsonText(provider)},"model":${jsonText(model)},"endpoint":${endpoint},"attempts":1,` +
    `"tried":[${endpoint}],"failed_attempts":[],${price},"latency_ms":${Math.round(elapsedMs)}}`
  )
}

/** The source of a response that broke off. */
export function brokenResponse(
  record: RequestRecord,
  providers: ReadonlyMap<string, Provider>,
): ResponseSource {
  const endpoint = record.responding
  return {
    model: endpoint?.model ?? '',
    provider: endpoint === undefined ? undefined : providers.get(endpoint.provider)?.displayName,
  }
}
