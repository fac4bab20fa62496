import { BrokerError } from '../../base/errors.ts'
import { hasOutput, type ChatChunk } from '../../wire/openai/chat.ts'
import { parseObject } from '../../wire/openai/parse-object.ts'
import type { Dispatcher } from '../dispatch/dispatcher.ts'
import type { Permit } from '../dispatch/permit.ts'
import { asUpstreamError, errorOfStatus, withProvider } from '../errors/upstream-errors.ts'
import type {
  MediaExchange,
  MediaForm,
  ResponseHandler,
  ProviderCall,
  ProviderRoute,
  ProviderRequest,
  Quirks,
} from '../provider.ts'
import type { StreamedBody } from '../streamed-body.ts'
import { BodyReader, type BodyConsumer } from '../transport/body-reader.ts'
import { createContentDecoder, type ContentDecoder } from '../transport/content-encoding.ts'
import {
  ResponseTimeouts,
  type ResponseTimeoutsParts,
  type TimeoutHandler,
} from '../transport/response-timeouts.ts'
import type { Upstream, UpstreamCall, UpstreamHandler, UpstreamHeaders } from '../transport/upstream.ts'
import { requestBody } from './openai-request.ts'
import type { HeadersOf } from './request-headers.ts'
import { responseAsChunk } from './response-as-chunk.ts'
import { normalResponse } from './chunk-normalizer.ts'
import { foldStream, looksLikeEvents } from './fold-stream.ts'
import { createMediaReader } from './media/media-reader.ts'
import { choicesOf, parseResponse } from './response-checks.ts'
import { StreamReader } from './stream-reader.ts'

/** What all calls to one provider share. */
export interface OpenAiCallParts extends ResponseTimeoutsParts {
  readonly dispatcher: Dispatcher
  readonly upstream: Upstream
  /** The provider's name, for error messages. */
  readonly provider: string
  readonly quirks: Quirks
  readonly headersOf: HeadersOf
  /** Resolves when the provider can take a request; the result is called when the request is over. */
  readonly enter: (() => Promise<() => void>) | undefined
}

/** The path of each kind of request, and the list that its response must have, if any. */
const ROUTES = {
  chat: { path: '/chat/completions', list: 'choices' },
  completions: { path: '/completions', list: 'choices' },
  embeddings: { path: '/embeddings', list: 'data' },
  speech: { path: '/audio/speech', list: undefined },
  transcriptions: { path: '/audio/transcriptions', list: undefined },
  translations: { path: '/audio/translations', list: undefined },
  rerank: { path: '/rerank', list: 'results' },
  moderations: { path: '/moderations', list: 'results' },
  images: { path: '/images', list: 'data' },
  'images/generations': { path: '/images/generations', list: 'data' },
  'images/edits': { path: '/images/edits', list: 'data' },
  'images/variations': { path: '/images/variations', list: 'data' },
} as const satisfies Record<ProviderRoute, { path: string; list: keyof ChatChunk | undefined }>

/** One request to a provider: bytes come in from the upstream, chunks or one response go out to the handler. */
export class OpenAiCall implements ProviderCall, UpstreamHandler, TimeoutHandler {
  readonly #parts: OpenAiCallParts
  readonly #request: ProviderRequest
  readonly #handler: ResponseHandler
  /**
   * `waiting` until the first token of a stream or the first byte of a plain response; then `receiving`; `closed` once the
   * handler has got its end or the caller has left. The connection of a closed call may still have to come to its end.
   */
  #state: 'waiting' | 'receiving' | 'closed' = 'waiting'
  #isPaused = false
  #permit: Permit | undefined
  #timeouts: ResponseTimeouts | undefined
  /** Until it has ended. */
  #call: UpstreamCall | undefined
  #sent: UpstreamCall | undefined
  #leave: (() => void) | undefined
  #stream: StreamReader | undefined
  /** Set once the response shows what it is: by its status, or by its first bytes, since labels can be wrong. */
  #body: BodyConsumer | undefined
  #contentType = ''
  #decoder: ContentDecoder | undefined

  constructor(parts: OpenAiCallParts, request: ProviderRequest, handler: ResponseHandler) {
    this.#parts = parts
    this.#request = request
    this.#handler = handler
    const permit = parts.dispatcher.acquire(request)
    if (permit instanceof BrokerError) {
      queueMicrotask(() => this.#fail(permit))
      return
    }
    this.#permit = permit
    this.#timeouts = new ResponseTimeouts(parts, request, this, permit.slowest(request.stream))
    if (parts.enter === undefined) this.#send(permit)
    else this.#enterAndSend(parts.enter, permit)
  }

  #enterAndSend(enter: () => Promise<() => void>, permit: Permit): void {
    enter().then(
      (leave) => {
        this.#leave = leave
        if (this.#state === 'closed') this.#release()
        else this.#send(permit)
      },
      (error: unknown) => this.#fail(asUpstreamError(error)),
    )
  }

  #send({ lease }: Permit): void {
    const { upstream, quirks, headersOf } = this.#parts
    const { path } = ROUTES[this.#request.route]
    const form = this.#request.media?.form
    const body = form === undefined ? requestBody(this.#request, quirks) : this.#watched(form)
    const headers = headersOf(lease, this.#request)
    if (form !== undefined) headers.push('content-type', form.contentType)
    this.#timeouts?.onSent()
    this.#sent = upstream.send({ method: 'POST', path, headers, body }, this)
    this.#call = this.#sent
    if (this.#isPaused) this.#call.pause()
    // Built while the provider works, so that it is ready for the first bytes.
    if (this.#request.stream && this.#request.media === undefined) this.#stream = this.#createStreamReader()
  }

  /** As long as a body is being sent, the provider is not silent. */
  #watched(form: MediaForm): StreamedBody {
    const onPiece = (): void => this.#timeouts?.onSent()
    return {
      byteLength: form.byteLength,
      async *read() {
        for await (const piece of form.read()) {
          onPiece()
          yield piece
        }
      },
    }
  }

  get wasSent(): boolean {
    return this.#sent?.wasSent === true
  }

  abort(): void {
    if (this.#state === 'closed') return
    this.#state = 'closed'
    this.#disconnect()
  }

  pause(): void {
    this.#isPaused = true
    this.#timeouts?.pause()
    this.#decoder?.pause()
    this.#call?.pause()
  }

  resume(): void {
    this.#isPaused = false
    this.#timeouts?.resume()
    this.#decoder?.resume()
    this.#call?.resume()
  }

  onTimeout(error: BrokerError): void {
    if (this.#stream?.isComplete === true) return this.onLinger()
    this.#fail(error)
    return undefined
  }

  /** A stream without its end mark is at its end; a connection that is still open is closed. */
  onLinger(): void {
    this.#body?.end()
    this.#disconnect()
  }

  onHeaders(status: number, headers: UpstreamHeaders): void {
    this.#timeouts?.onHeaders()
    this.#contentType = String(headers['content-type'] ?? '')
    if (status !== 200) this.#body = this.#createErrorReader(status, headers)
    const encoding = headers['content-encoding']
    if (encoding !== undefined) this.#decode(String(encoding))
  }

  #decode(encoding: string): void {
    if (this.#state === 'closed') return
    try {
      this.#decoder = createContentDecoder(encoding, {
        onData: (bytes) => this.#onDecoded(bytes),
        onEnd: () => this.#onBodyEnd(),
        onError: (error) => this.#fail(error),
      })
      if (this.#isPaused) this.#decoder?.pause()
    } catch (error) {
      this.#fail(asUpstreamError(error))
    }
  }

  onData(bytes: Uint8Array): void {
    if (this.#state === 'closed') return
    this.#timeouts?.onBytes()
    if (this.#state === 'waiting' && !this.#request.stream) this.#onFirstByte()
    try {
      if (this.#decoder === undefined) this.#bodyFor(bytes).data(bytes)
      else this.#decoder.data(bytes)
    } catch (error) {
      this.#fail(asUpstreamError(error))
    }
  }

  /** An error while a response is read is the provider's failure. */
  #onDecoded(bytes: Uint8Array): void {
    if (this.#state === 'closed') return
    try {
      this.#bodyFor(bytes).data(bytes)
    } catch (error) {
      this.#fail(asUpstreamError(error))
    }
  }

  /** A stream is requested and comes, whatever its content type says, unless its first byte begins JSON or HTML. */
  #bodyFor(first: Uint8Array): BodyConsumer {
    if (this.#body !== undefined) return this.#body
    const { media } = this.#request
    if (media !== undefined) return (this.#body = this.#createMediaReader(media))
    const isStream = this.#request.stream && !beginsDocument(first)
    this.#body = (isStream ? this.#stream : undefined) ?? this.#createPlainReader()
    return this.#body
  }

  onEnd(): void {
    this.#call = undefined
    if (this.#decoder === undefined) this.#onBodyEnd()
    else this.#decoder.end()
  }

  #onBodyEnd(): void {
    if (this.#state !== 'closed') {
      try {
        this.#bodyFor(NOTHING).end()
      } catch (error) {
        this.#fail(asUpstreamError(error))
      }
    }
    this.#release()
  }

  onError(error: BrokerError): void {
    this.#call = undefined
    // What came before the connection broke may be the whole response: then only its end was lost.
    if (this.#state !== 'closed' && this.#hasWholeResponse()) return this.#onBodyEnd()
    this.#fail(error)
    return undefined
  }

  #hasWholeResponse(): boolean {
    if (this.#decoder !== undefined) return false
    if (this.#body === this.#stream) return this.#stream?.isComplete === true
    return (
      this.#state === 'receiving' &&
      this.#body instanceof BodyReader &&
      parseObject(this.#body.peek()) !== undefined
    )
  }

  #createErrorReader(status: number, headers: UpstreamHeaders): BodyConsumer {
    const { provider, clock } = this.#parts
    return new BodyReader((body) => this.#fail(errorOfStatus(provider, status, headers, body, clock.now())))
  }

  #createStreamReader(): StreamReader {
    return new StreamReader({
      provider: this.#parts.provider,
      choices: choicesOf(this.#request),
      onChunk: (json, parsed) => this.#onChunk(json, parsed),
      onFinished: () => this.#timeouts?.onFinished(),
      onResumed: () => this.#timeouts?.onResumed(),
      onEnd: () => this.#complete(),
      onError: (error) => this.#fail(error),
    })
  }

  #createMediaReader(exchange: MediaExchange): BodyConsumer {
    const onFirst = (): void => {
      if (this.#state === 'waiting') this.#onFirstByte()
    }
    const handler = this.#handler
    return createMediaReader({
      provider: this.#parts.provider,
      exchange,
      contentType: this.#contentType,
      onBytes: (bytes, contentType) => {
        onFirst()
        handler.onBytes?.(bytes, contentType)
      },
      onEvent: (parsed) => {
        onFirst()
        handler.onEvent?.(parsed)
      },
      onResponse: (text, parsed) => {
        onFirst()
        handler.onResponse(text, parsed)
      },
      onEnd: () => this.#complete(),
      onError: (error) => this.#fail(error),
    })
  }

  #createPlainReader(): BodyConsumer {
    return new BodyReader((body) => {
      const response = looksLikeEvents(body) ? this.#fold(body) : this.#parse(body)
      if (response instanceof BrokerError) return this.#fail(response)
      const normal = normalResponse(response)
      if (this.#request.stream) this.#onUnstreamedResponse(normal)
      else
        this.#handler.onResponse(
          normal === response && !looksLikeEvents(body) ? body : JSON.stringify(normal),
          normal,
        )
      return this.#complete()
    })
  }

  #parse(body: string): ChatChunk | BrokerError {
    const { provider } = this.#parts
    const { list } = ROUTES[this.#request.route]
    return parseResponse(body, this.#contentType, { provider, list, choices: choicesOf(this.#request) })
  }

  #fold(body: string): ChatChunk | BrokerError {
    return foldStream(body, this.#parts.provider, choicesOf(this.#request))
  }

  /** Some providers respond to a request for a stream in one piece, and bill it. */
  #onUnstreamedResponse(response: ChatChunk): void {
    const chunk = responseAsChunk(response)
    this.#onChunk(JSON.stringify(chunk), chunk)
  }

  #onChunk(json: string, chunk: ChatChunk): void {
    if (this.#state === 'closed') return
    if (this.#state === 'waiting' && hasOutput(chunk)) this.#onFirstByte()
    this.#handler.onChunk(json, chunk)
  }

  #onFirstByte(): void {
    this.#state = 'receiving'
    const ms = this.#timeouts?.onFirstByte() ?? 0
    this.#permit?.onFirstByte(this.#request.stream, ms)
  }

  /** The response is complete, though the connection may still send its end. */
  #complete(): void {
    if (this.#state === 'closed') return
    this.#state = 'closed'
    this.#timeouts?.onFinished()
    this.#permit?.recordSuccess(this.#stream?.skipped ?? 0)
    this.#handler.onEnd()
  }

  #fail(error: BrokerError): void {
    if (this.#state === 'closed') return this.#disconnect()
    this.#state = 'closed'
    const failure = withProvider(error, this.#parts.provider, this.#permit?.lease.key)
    this.#permit?.recordFailure(failure)
    this.#disconnect()
    this.#handler.onError(failure)
    return undefined
  }

  #disconnect(): void {
    this.#call?.abort()
    this.#call = undefined
    this.#decoder?.destroy()
    this.#release()
  }

  #release(): void {
    this.#permit?.release()
    this.#timeouts?.stop()
    this.#leave?.()
    this.#leave = undefined
  }
}

const NOTHING = new Uint8Array()
/** White space and the byte order mark, which may precede a document. */
const BLANKS: ReadonlySet<number> = new Set([0x20, 0x09, 0x0a, 0x0d, 0xef, 0xbb, 0xbf])
/** `{`, `[` and `<`. */
const DOCUMENT_STARTS: ReadonlySet<number> = new Set([0x7b, 0x5b, 0x3c])

function beginsDocument(bytes: Uint8Array): boolean {
  const first = bytes.find((byte) => !BLANKS.has(byte))
  return first !== undefined && DOCUMENT_STARTS.has(first)
}
