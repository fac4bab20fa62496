import { asBrokerError, BrokerError } from '../../../base/errors.ts'
import { failureOf } from '../../../dialects/responses/client/errors.ts'
import { openAiResponses } from '../../../dialects/responses/responses.ts'
import { chat } from '../../../inference/chat.ts'
import type { RequestContext } from '../../../inference/request/inference-request.ts'
import type { CallerWatcher, ResponseSink } from '../../../inference/response/response-sink.ts'
import type { InferenceServices } from '../../../inference/services/services.ts'
import type { ChatRequest } from '../../../wire/openai/chat.ts'

type Fields = Readonly<Record<string, unknown>>

/** Keeps a response for its caller. @param cancel stops it while it runs. */
export type Keep = (response: Fields, cancel?: () => void) => void

/** Whether a response is still running. */
export function isRunning({ status }: Fields): boolean {
  return status === 'queued' || status === 'in_progress'
}

export interface BackgroundParts {
  readonly chatRequest: ChatRequest
  readonly context: RequestContext
  /** Of the caller, who gets the response as it is before it begins. */
  readonly sink: ResponseSink
  readonly keep: Keep
  readonly services: InferenceServices
}

/** Further ones beyond so many are refused: no one waits at the other end of a connection. */
const MAX_RUNNING = 64
const running = new WeakMap<InferenceServices, { count: number }>()

/** Answers at once, and goes on without a connection; the caller asks for the response by its id. */
export function runInBackground(parts: BackgroundParts): void {
  const { chatRequest, sink, keep, services } = parts
  const counter = running.get(services) ?? { count: 0 }
  running.set(services, counter)
  if (counter.count >= MAX_RUNNING)
    throw new BrokerError('overloaded', `${MAX_RUNNING} responses run in the background; try again later`)
  const target = new BackgroundSink(sink.id)
  const created = Math.floor(services.clock.now() / 1000)
  const facts = {
    id: sink.id,
    model: chatRequest.routing.model,
    stream: false,
    created,
    request: chatRequest.body,
  }
  const state = (fields: Fields): string =>
    JSON.stringify({ dialect_fields: { responses: { response: fields } } })
  const written = (json: string): Fields =>
    JSON.parse(openAiResponses.createEncoder(facts).body(json)) as Fields
  const finish = (json: string): void => keep(written(json))
  const end = (fields: Fields): void => finish(state({ completed_at: null, ...fields }))
  counter.count++
  sink.respond(state(QUEUED))
  keep(written(state(QUEUED)), () => {
    target.cancel()
    end({ status: 'cancelled' })
  })
  chat(chatRequest, parts.context, target, services)
    .then(
      () => {
        if (!target.disconnected) finish(target.body)
      },
      (thrown: unknown) => {
        if (!target.disconnected) end({ status: 'failed', error: failureOf(asBrokerError(thrown)) })
      },
    )
    .finally(() => void counter.count--)
    .catch(() => undefined)
}

const QUEUED = { status: 'queued', completed_at: null, output: [] }

/** Takes a response for later. It is cancelled as if its caller had disconnected. */
class BackgroundSink implements ResponseSink {
  readonly id: string
  body = '{}'
  disconnected = false
  watcher: CallerWatcher | undefined

  constructor(id: string) {
    this.id = id
  }

  cancel(): void {
    this.disconnected = true
    this.watcher?.onDisconnect()
  }

  start(): void {
    // No response has begun whose head could be written.
  }

  chunk(): boolean {
    return true
  }

  respond(json: string): void {
    this.body = json
  }

  end(): void {
    // The request is not streamed.
  }

  fail(error: BrokerError): void {
    throw error
  }
}
