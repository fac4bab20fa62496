import { BrokerError } from '../../base/errors.ts'
import type { Secret } from '../../base/secret.ts'
import { saysSomething, type ChatChunk } from '../../wire/openai/chat.ts'
import { decodingFor, type Decoding } from '../transport/content-encoding.ts'
import { createDesk, type Desk, type DeskParts } from '../dispatch/dispatcher.ts'
import type { Lease } from '../keys/key-pool.ts'
import type {
  AnswerListener,
  Asking,
  Provider,
  ProviderDefinition,
  ProviderRoute,
  Question,
} from '../provider.ts'
import { readJson } from './get-json.ts'
import { errorOfObject, errorOfStatus } from '../errors/upstream-errors.ts'
import type { Upstream, UpstreamCall, UpstreamHandler, UpstreamHeaders } from '../transport/upstream.ts'
import type { Visit, VisitOwner } from '../dispatch/dispatched-request.ts'
import { answerAsChunk } from './response-as-chunk.ts'
import { errorInside, mostChoices, StreamReader, tooManyChoices } from './stream-reader.ts'
import { BodyReader, type AnswerReader } from '../transport/body-reader.ts'
import { bodyFor } from './openai-request.ts'
import { parseObject } from '../../wire/openai/parse-object.ts'

export interface ProviderParts extends DeskParts {
  readonly upstream: Upstream
  /** Runs on this host. */
  readonly isLocal?: boolean | undefined
  /** Resolves when the provider can be asked; a managed local server is started by it. The result is called when the asking is over. */
  readonly enter?: (() => Promise<() => void>) | undefined
}

/** A provider that speaks OpenAI's chat protocol. */
export function openaiChat(parts: ProviderParts): Provider {
  const { definition, upstream } = parts
  const desk = createDesk(parts)
  const headersOf = headerWriter(definition)
  return {
    id: definition.id,
    displayName: definition.displayName,
    keyCount: desk.keyCount,
    abortStopsBilling: definition.abortStopsBilling,
    isStandIn: definition.isStandIn ?? false,
    isLocal: parts.isLocal ?? false,
    privacy: definition.privacy,
    company: definition.company,
    mostInputs: definition.quirks?.mostInputs,
    speaksOpenRouter: definition.quirks?.speaksOpenRouter ?? false,
    prefixMarker: definition.quirks?.prefixMarker ?? 'role',
    readiness: (modelId) => desk.readiness(modelId),
    lanes: () => desk.lanes(),
    ask: (question, listener) => new ChatAsking(parts, desk, headersOf, question, listener),
    read:
      parts.enter === undefined
        ? (path) =>
            readJson(upstream, readingOf(parts, path)).catch((error: unknown) => {
              throw named(asUpstreamFailure(error), definition.displayName, parts.keys[0]?.key)
            })
        : undefined,
    close: () => upstream.close(),
  }
}

function readingOf({ definition, keys: [first], clock }: ProviderParts, path: string) {
  const headers = Object.entries(definition.headers ?? {}).flat()
  if (first !== undefined) headers.push('authorization', `Bearer ${first.key.reveal()}`)
  return { path, headers, provider: definition.displayName, clock }
}

/** Where each kind of question is asked, and the list that its answer can't be without. */
const DOORS = {
  chat: { path: '/chat/completions', list: 'choices' },
  completions: { path: '/completions', list: 'choices' },
  embeddings: { path: '/embeddings', list: 'data' },
} as const satisfies Record<ProviderRoute, { path: string; list: keyof ChatChunk }>

/** One question under way: bytes come in from the upstream, chunks or one answer go out to the listener. */
class ChatAsking implements Asking, UpstreamHandler, VisitOwner {
  readonly #parts: ProviderParts
  readonly #headersOf: HeadersOf
  readonly #question: Question
  readonly #listener: AnswerListener
  #visit: Visit | undefined
  #call: UpstreamCall | undefined
  #leave: (() => void) | undefined
  /** The listener hears nothing more. */
  #isOver = false
  #isPaused = false
  #hasSpoken = false
  /** Set once the status and type of the answer are known. */
  #reader: AnswerReader | undefined
  #stream: StreamReader | undefined
  #decoding: Decoding | undefined

  constructor(
    parts: ProviderParts,
    desk: Desk,
    headersOf: HeadersOf,
    question: Question,
    listener: AnswerListener,
  ) {
    this.#parts = parts
    this.#headersOf = headersOf
    this.#question = question
    this.#listener = listener
    try {
      this.#visit = desk.admit(question, this)
    } catch (error) {
      queueMicrotask(() => this.#fail(asUpstreamFailure(error)))
      return
    }
    if (parts.enter === undefined) this.#send(this.#visit)
    else this.#enterAndSend(parts.enter, this.#visit)
  }

  #enterAndSend(enter: () => Promise<() => void>, visit: Visit): void {
    enter().then(
      (leave) => {
        this.#leave = leave
        if (this.#isOver) this.#release()
        else this.#send(visit)
      },
      (error: unknown) => this.#fail(asUpstreamFailure(error)),
    )
  }

  #send(visit: Visit): void {
    const { upstream, definition } = this.#parts
    const body = bodyFor(this.#question, definition.quirks ?? {})
    const headers = this.#headersOf(visit.lease, this.#question)
    visit.sent()
    this.#call = upstream.send(
      { method: 'POST', path: DOORS[this.#question.route].path, headers, body },
      this,
    )
    if (this.#isPaused) this.#call.pause()
    // While the provider thinks, so that its first bytes find it.
    if (this.#question.streamed) this.#stream = this.#newStreamReader()
  }

  abort(): void {
    if (this.#isOver) return
    this.#isOver = true
    this.#hangUp()
  }

  pause(): void {
    this.#isPaused = true
    this.#visit?.pause()
    this.#decoding?.pause()
    this.#call?.pause()
  }

  resume(): void {
    this.#isPaused = false
    this.#visit?.resume()
    this.#decoding?.resume()
    this.#call?.resume()
  }

  late(error: BrokerError): void {
    this.#fail(error)
  }

  /** All was said: what is still open is closed, and a stream without its end mark is at its end. */
  lingers(): void {
    this.#reader?.end()
    this.#hangUp()
  }

  onHeaders(status: number, headers: UpstreamHeaders): void {
    this.#visit?.heardHeaders()
    const type = String(headers['content-type'] ?? '')
    if (status !== 200) this.#reader = this.#readError(status, headers)
    else if (this.#question.streamed && (type === '' || type.startsWith('text/event-stream')))
      this.#reader = this.#stream
    else this.#reader = this.#readPlain(type)
    const encoding = headers['content-encoding']
    if (encoding !== undefined) this.#decode(String(encoding))
  }

  #decode(encoding: string): void {
    this.#attempt(() => {
      this.#decoding = decodingFor(encoding, {
        data: (bytes) => this.#attempt(() => this.#reader?.data(bytes)),
        end: () => this.#ended(),
        fail: (error) => this.#fail(error),
      })
      if (this.#isPaused) this.#decoding?.pause()
    })
  }

  onData(bytes: Uint8Array): void {
    if (this.#isOver) return
    this.#visit?.heardBytes()
    try {
      if (this.#decoding === undefined) this.#reader?.data(bytes)
      else this.#decoding.data(bytes)
    } catch (error) {
      this.#fail(asUpstreamFailure(error))
    }
  }

  onEnd(): void {
    this.#call = undefined
    if (this.#decoding === undefined) this.#ended()
    else this.#decoding.end()
  }

  onError(error: BrokerError): void {
    this.#call = undefined
    this.#fail(error)
  }

  /** What a provider sends may break what reads it; that is the provider's failure. */
  #attempt(read: () => void): void {
    if (this.#isOver) return
    try {
      read()
    } catch (error) {
      this.#fail(asUpstreamFailure(error))
    }
  }

  #ended(): void {
    this.#attempt(() => this.#reader?.end())
    this.#release()
  }

  #readError(status: number, headers: UpstreamHeaders): AnswerReader {
    const { definition, clock } = this.#parts
    return new BodyReader((body) =>
      this.#fail(errorOfStatus(definition.displayName, status, headers, body, clock.now())),
    )
  }

  #newStreamReader(): StreamReader {
    return new StreamReader({
      chunk: (json, chunk) => this.#hear(json, chunk),
      finishedSpeaking: () => this.#visit?.finishedSpeaking(),
      end: () => this.#end(),
      fail: (error) => this.#fail(error),
      provider: this.#parts.definition.displayName,
      choices: choicesOf(this.#question),
    })
  }

  #hear(json: string, chunk: ChatChunk): void {
    if (this.#isOver) return
    if (!this.#hasSpoken && saysSomething(chunk)) {
      this.#hasSpoken = true
      this.#visit?.spoke()
    }
    this.#listener.chunk(json, chunk)
  }

  #readPlain(type: string): AnswerReader {
    return new BodyReader((body) => {
      const answer = this.#parseAnswer(body, type)
      if (answer instanceof BrokerError) return this.#fail(answer)
      if (this.#question.streamed) this.#hearWhole(answer)
      else this.#listener.answer(body, answer)
      return this.#end()
    })
  }

  /** It was asked for a stream, and answered and billed all the same. */
  #hearWhole(answer: ChatChunk): void {
    const chunk = answerAsChunk(answer)
    this.#hear(JSON.stringify(chunk), chunk)
  }

  #parseAnswer(body: string, type: string): ChatChunk | BrokerError {
    const provider = this.#parts.definition.displayName
    const answer = parseObject(body)
    const raw = (): string => body.slice(0, 500)
    if (answer === undefined) {
      return new BrokerError(
        'upstream-failed',
        `${provider} sent something that is no JSON (${type || 'no type'})`,
        {
          details: { provider, status: 200, raw: raw() },
        },
      )
    }
    const error = errorInside(answer)
    if (error !== undefined) return errorOfObject(provider, error)
    const { list } = DOORS[this.#question.route]
    const listed = answer[list]
    if (!Array.isArray(listed) || listed.length === 0) {
      return new BrokerError('upstream-failed', `${provider} sent an answer without ${list}`, {
        details: { provider, status: 200, raw: raw() },
      })
    }
    const isTooLong = list === 'choices' && listed.length > mostChoices(choicesOf(this.#question))
    return isTooLong ? tooManyChoices(provider) : answer
  }

  #end(): void {
    if (this.#isOver) return
    this.#isOver = true
    this.#visit?.skipped(this.#stream?.skipped ?? 0)
    this.#visit?.answered()
    this.#listener.end()
  }

  /** Says so, and closes a connection that is still open. */
  #fail(error: BrokerError): void {
    if (!this.#isOver) {
      this.#isOver = true
      const { displayName } = this.#parts.definition
      const failure = named(error, displayName, this.#visit?.lease.key)
      this.#visit?.failed(failure)
      this.#hangUp()
      this.#listener.fail(failure)
    }
    this.#hangUp()
  }

  #hangUp(): void {
    this.#call?.abort()
    this.#call = undefined
    this.#decoding?.destroy()
    this.#release()
  }

  #release(): void {
    this.#visit?.leave()
    this.#leave?.()
    this.#leave = undefined
  }
}

/** How many answers the provider owes: `n`, for each of a completion's prompts. */
function choicesOf({ body: { value }, route }: Question): number {
  const n = typeof value['n'] === 'number' ? value['n'] : 1
  const prompt = value['prompt']
  const isList = route === 'completions' && Array.isArray(prompt) && typeof prompt[0] !== 'number'
  return n * (isList ? Math.max(1, prompt.length) : 1)
}

/** Headers of a caller's that steer OpenRouter; none of them says who the caller is. */
const FOR_ROUTERS = [
  'x-session-id',
  'x-openrouter-metadata',
  'x-openrouter-experimental-metadata',
  'x-openrouter-categories',
  'x-openrouter-app-visibility',
  'x-anthropic-beta',
] as const

/** The headers of a question that is asked with this key. */
type HeadersOf = (lease: Lease, question: Question) => string[]

/** Most providers get the same headers every time, in the same array: its bytes need to be written only once. */
function headerWriter(definition: ProviderDefinition): HeadersOf {
  const byLane: string[][] = []
  if (definition.quirks?.speaksOpenRouter === true)
    return (lease, question) => [...headersFor(definition, lease), ...routerHeaders(question)]
  return (lease) => (byLane[lease.lane] ??= headersFor(definition, lease))
}

function headersFor(definition: ProviderDefinition, { key }: Lease): string[] {
  const headers = [
    'content-type',
    'application/json',
    'accept-encoding',
    'identity',
    'user-agent',
    'hero-aibroker',
  ]
  if (key !== undefined) headers.push('authorization', `Bearer ${key.reveal()}`)
  return [...headers, ...Object.entries(definition.headers ?? {}).flat()]
}

function routerHeaders({ headers: said, referer, title }: Question): string[] {
  const headers: string[] = []
  for (const name of FOR_ROUTERS) {
    const value = said?.[name]
    if (typeof value === 'string') headers.push(name, value)
  }
  if (referer !== undefined) headers.push('http-referer', referer)
  if (title !== undefined) headers.push('x-title', title, 'x-openrouter-title', title)
  return headers
}

/** Adds who failed, and takes our own key out of the provider's words: some repeat the key they refuse. */
function named(error: BrokerError, provider: string, key: Secret | undefined): BrokerError {
  const hide = (text: string): string => (key === undefined ? text : text.replaceAll(key.reveal(), '***'))
  const { raw } = error.details
  return new BrokerError(error.code, hide(error.message), {
    cause: error.cause,
    details: { provider, ...error.details, raw: raw === undefined ? undefined : hide(raw) },
  })
}

function asUpstreamFailure(error: unknown): BrokerError {
  if (error instanceof BrokerError) return error
  const message = error instanceof Error ? error.message : String(error)
  return new BrokerError('upstream-failed', message, { cause: error })
}
