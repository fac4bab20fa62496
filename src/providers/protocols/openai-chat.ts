import type { Clock } from '../../base/clock.ts'
import { BrokerError } from '../../base/errors.ts'
import type { Secret } from '../../base/secret.ts'
import type { ChatChunk } from '../../wire/chat.ts'
import { createKeyPool, type KeyPool, type Lane } from '../key-pool.ts'
import type {
  AnswerListener,
  Asking,
  Provider,
  ProviderDefinition,
  ProviderRoute,
  Question,
} from '../provider.ts'
import { errorOfObject, errorOfStatus } from '../upstream-errors.ts'
import type { Upstream, UpstreamCall, UpstreamHandler, UpstreamHeaders } from '../upstream.ts'
import { BodyReader, StreamReader, parseObject, type AnswerReader } from './answer-readers.ts'
import { bodyFor } from './openai-body.ts'

export interface ProviderParts {
  readonly definition: ProviderDefinition
  readonly keys: readonly Secret[]
  readonly upstream: Upstream
  /** Runs on this host. */
  readonly isLocal?: boolean | undefined
  readonly clock: Clock
  /** Resolves when the provider can be asked; a managed local server is started by it. The result is called when the asking is over. */
  readonly enter?: (() => Promise<() => void>) | undefined
}

/** A provider that speaks OpenAI's chat protocol. */
export function openaiChat(parts: ProviderParts): Provider {
  const { definition, upstream } = parts
  const keys = createKeyPool(parts.keys)
  return {
    id: definition.id,
    displayName: definition.displayName,
    keyCount: keys.size,
    abortStopsBilling: definition.abortStopsBilling,
    isStandIn: definition.isStandIn ?? false,
    isLocal: parts.isLocal ?? false,
    privacy: definition.privacy,
    speaksOpenRouter: definition.quirks?.speaksOpenRouter ?? false,
    ask: (question, listener) => new ChatAsking(parts, keys, question, listener),
    close: () => upstream.close(),
  }
}

/** Where each kind of question is asked, and the list that its answer can't be without. */
const DOORS = {
  chat: { path: '/chat/completions', list: 'choices' },
  completions: { path: '/completions', list: 'choices' },
  embeddings: { path: '/embeddings', list: 'data' },
} as const satisfies Record<ProviderRoute, { path: string; list: keyof ChatChunk }>

/** One question under way: bytes come in from the upstream, chunks or one answer go out to the listener. */
class ChatAsking implements Asking, UpstreamHandler {
  readonly #parts: ProviderParts
  readonly #keys: KeyPool
  readonly #question: Question
  readonly #listener: AnswerListener
  readonly #lane: Lane
  #call: UpstreamCall | undefined
  #leave: (() => void) | undefined
  #isOver = false
  #isReleased = false
  #isPaused = false
  /** Set once the status and type of the answer are known. */
  #reader: AnswerReader | undefined

  constructor(parts: ProviderParts, keys: KeyPool, question: Question, listener: AnswerListener) {
    this.#parts = parts
    this.#keys = keys
    this.#question = question
    this.#listener = listener
    this.#lane = keys.take()
    if (parts.enter === undefined) this.#send()
    else this.#enterAndSend(parts.enter)
  }

  #enterAndSend(enter: () => Promise<() => void>): void {
    enter().then(
      (leave) => {
        this.#leave = leave
        if (this.#isOver) this.#release()
        else this.#send()
      },
      (error: unknown) => this.#fail(asUpstreamFailure(error)),
    )
  }

  #send(): void {
    const { upstream, definition } = this.#parts
    const body = bodyFor(this.#question, definition.quirks ?? {})
    const headers = headersFor(definition, this.#lane, this.#question)
    this.#call = upstream.send(
      { method: 'POST', path: DOORS[this.#question.route].path, headers, body },
      this,
    )
    if (this.#isPaused) this.#call.pause()
  }

  abort(): void {
    if (this.#isOver) return
    this.#isOver = true
    this.#release()
    this.#call?.abort()
  }

  pause(): void {
    this.#isPaused = true
    this.#call?.pause()
  }

  resume(): void {
    this.#isPaused = false
    this.#call?.resume()
  }

  onHeaders(status: number, headers: UpstreamHeaders): void {
    const type = String(headers['content-type'] ?? '')
    if (status !== 200) this.#reader = this.#readError(status, headers)
    else if (this.#question.streamed && type.startsWith('text/event-stream'))
      this.#reader = this.#readStream()
    else this.#reader = this.#readPlain(type)
  }

  onData(bytes: Uint8Array): void {
    if (this.#isOver) return
    try {
      this.#reader?.data(bytes)
    } catch (error) {
      this.#call?.abort()
      this.#fail(asUpstreamFailure(error))
    }
  }

  onEnd(): void {
    if (!this.#isOver) this.#reader?.end()
    this.#release()
  }

  onError(error: BrokerError): void {
    this.#fail(error)
  }

  #readError(status: number, headers: UpstreamHeaders): AnswerReader {
    const { definition, clock } = this.#parts
    return new BodyReader((body) =>
      this.#fail(errorOfStatus(definition.displayName, status, headers, body, clock.now())),
    )
  }

  #readStream(): AnswerReader {
    return new StreamReader({
      chunk: (json, chunk) => {
        if (!this.#isOver) this.#listener.chunk(json, chunk)
      },
      end: () => this.#end(),
      fail: (error) => this.#fail(error),
      provider: this.#parts.definition.displayName,
    })
  }

  #readPlain(type: string): AnswerReader {
    return new BodyReader((body) => {
      const answer = this.#parseAnswer(body, type)
      if (answer instanceof BrokerError) return this.#fail(answer)
      this.#listener.answer(body, answer)
      return this.#end()
    })
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
    if (answer.error !== undefined && answer.error !== null) return errorOfObject(provider, answer.error)
    if (this.#question.streamed) {
      return new BrokerError('upstream-failed', `${provider} was asked for a stream and sent none`, {
        details: { provider, status: 200, raw: raw() },
      })
    }
    const { list } = DOORS[this.#question.route]
    const listed = answer[list]
    if (!Array.isArray(listed) || listed.length === 0) {
      return new BrokerError('upstream-failed', `${provider} sent an answer without ${list}`, {
        details: { provider, status: 200, raw: raw() },
      })
    }
    return answer
  }

  #end(): void {
    if (this.#isOver) return
    this.#isOver = true
    this.#listener.end()
  }

  #fail(error: BrokerError): void {
    this.#release()
    if (this.#isOver) return
    this.#isOver = true
    this.#listener.fail(named(error, this.#parts.definition.displayName, this.#lane.key))
  }

  #release(): void {
    if (this.#isReleased) return
    this.#isReleased = true
    this.#keys.release(this.#lane)
    this.#leave?.()
  }
}

function headersFor(definition: ProviderDefinition, lane: Lane, question: Question): string[] {
  const headers = [
    'content-type',
    'application/json',
    'accept-encoding',
    'identity',
    'user-agent',
    'hero-aibroker',
  ]
  if (lane.key !== undefined) headers.push('authorization', `Bearer ${lane.key.reveal()}`)
  for (const [name, value] of Object.entries(definition.headers ?? {})) headers.push(name, value)
  if (definition.quirks?.speaksOpenRouter === true) {
    if (question.referer !== undefined) headers.push('http-referer', question.referer)
    if (question.title !== undefined) headers.push('x-title', question.title)
  }
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
