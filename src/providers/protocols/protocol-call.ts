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
  ProviderDefinition,
  ProviderRequest,
} from '../provider.ts'
import type { RequestRules } from '../request-rules/request-rules.ts'
import type { StreamedBody } from '../streamed-body.ts'
import { BodyReader, type BodyConsumer } from '../transport/body-reader.ts'
import { createContentDecoder, encodingOf, type ContentDecoder } from '../transport/content-encoding.ts'
import { DocumentReader } from '../transport/document-reader.ts'
import {
  ResponseTimeouts,
  type ResponseTimeoutsParts,
  type TimeoutHandler,
} from '../transport/response-timeouts.ts'
import type { Upstream, UpstreamCall, UpstreamHandler, UpstreamHeaders } from '../transport/upstream.ts'
import { responseAsChunk } from './openai-chat/response-as-chunk.ts'
import { choicesOf } from './openai-chat/response-checks.ts'
import type { EncodedRequest, EncodeFacts, ProviderProtocol, StreamConsumer } from './protocol.ts'
import type { HeadersOf } from './request-headers.ts'
import { createMediaReader } from './media/media-reader.ts'

/** What all calls to one provider share. */
export interface ProtocolCallParts extends ResponseTimeoutsParts {
  readonly dispatcher: Dispatcher
  readonly upstream: Upstream
  /** The provider's name, for error messages. */
  readonly provider: string
  readonly definition: ProviderDefinition
  readonly protocol: ProviderProtocol
  /** The rules of the vendor for a model; `undefined` without any. */
  readonly rulesOf: (modelId: string) => RequestRules | undefined
  readonly headersOf: HeadersOf
  /** Resolves when the provider can take a request; the result is called when the request is over. */
  readonly enter: (() => Promise<() => void>) | undefined
}

/** One request to a provider: bytes come in from the upstream, chunks or one response go out to the handler. */
export class ProtocolCall implements ProviderCall, UpstreamHandler, TimeoutHandler {
  leftOut: readonly string[] | undefined
  readonly #parts: ProtocolCallParts
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
  #stream: StreamConsumer | undefined
  /** Set once the response shows what it is: by its status and by its first bytes, since labels can be wrong. */
  #body: BodyConsumer | undefined
  #status = 200
  #headers: UpstreamHeaders = {}
  /** Takes the bytes as they come: the body's reader, or a decoder before it. Set by the first bytes. */
  #input: Pick<BodyConsumer, 'data'> | undefined
  #decoder: ContentDecoder | undefined

  constructor(parts: ProtocolCallParts, request: ProviderRequest, handler: ResponseHandler) {
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

  #send(permit: Permit): void {
    const { upstream, headersOf } = this.#parts
    const encoded = this.#encode(permit)
    if (encoded === undefined) return
    const { path, headers: more } = encoded
    const form = this.#request.media?.form
    const body = form === undefined ? encoded.body : this.#watched(form)
    const own = headersOf(permit.lease, this.#request)
    const headers = more === undefined ? own : [...own, ...more]
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

  /** `undefined` when the protocol cannot carry the request, for which neither the key nor the endpoint is to blame. */
  #encode(permit: Permit): EncodedRequest | undefined {
    try {
      const rules = this.#parts.rulesOf(this.#request.modelId)
      const encoded = this.#parts.protocol.encode(this.#request, { ...this.#facts, rules })
      if ((encoded.leftOut ?? []).length > 0) this.leftOut = encoded.leftOut
      return encoded
    } catch (error) {
      permit.release()
      queueMicrotask(() => this.#fail(asUpstreamError(error)))
      return undefined
    }
  }

  get #facts(): EncodeFacts {
    return { definition: this.#parts.definition, key: this.#permit?.lease.key }
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
    this.#status = status
    this.#headers = headers
  }

  /** The decoder or the reader of the body; `undefined` as long as only white space has come, which decides nothing. */
  #inputFor(first: Uint8Array): Pick<BodyConsumer, 'data'> | undefined {
    this.#decoder = this.#decoderFor(first)
    this.#input = this.#decoder ?? this.#bodyFor(first)
    return this.#input
  }

  #decoderFor(first: Uint8Array): ContentDecoder | undefined {
    const stated = this.#headers['content-encoding']
    // Sound begins as it likes.
    if (stated === undefined && this.#request.media !== undefined) return undefined
    const encoding = encodingOf(first, stated === undefined ? undefined : String(stated))
    if (encoding === 'identity') return undefined
    const decoder = createContentDecoder(encoding, {
      onData: (bytes) => this.#onDecoded(bytes),
      onEnd: () => this.#onBodyEnd(),
      onError: (error) => this.#fail(error),
    })
    if (this.#isPaused) decoder.pause()
    return decoder
  }

  onData(bytes: Uint8Array): void {
    if (this.#state === 'closed') return
    this.#timeouts?.onBytes()
    if (this.#state === 'waiting' && !this.#request.stream) this.#onFirstByte()
    try {
      const input = this.#input ?? this.#inputFor(bytes)
      input?.data(bytes)
    } catch (error) {
      this.#fail(asUpstreamError(error))
    }
  }

  /** An error while a response is read is the provider's failure. */
  #onDecoded(bytes: Uint8Array): void {
    if (this.#state === 'closed') return
    try {
      this.#bodyFor(bytes)?.data(bytes)
    } catch (error) {
      this.#fail(asUpstreamError(error))
    }
  }

  /**
   * A stream is requested and comes, whatever its content type says, unless its first byte begins JSON or HTML. `undefined`
   * when these bytes are only the white space with which some providers keep a connection alive.
   */
  #bodyFor(first: Uint8Array): BodyConsumer | undefined {
    if (this.#body !== undefined) return this.#body
    const begin = first.find((byte) => !BLANKS.has(byte))
    if (begin === undefined && this.#request.media === undefined) return undefined
    this.#body = this.#createBodyReader(begin)
    return this.#body
  }

  /** @param begin the first byte that is no white space; `undefined` for an empty body. */
  #createBodyReader(begin: number | undefined): BodyConsumer {
    const { media, stream } = this.#request
    if (this.#status < 200 || this.#status > 299) return this.#createErrorReader()
    if (media !== undefined) return this.#createMediaReader(media)
    if (!stream || this.#stream === undefined) return new BodyReader((text) => this.#onDocument(text))
    if (begin === undefined || !DOCUMENT_STARTS.has(begin)) return this.#stream
    return new DocumentReader({ events: this.#stream, onDocument: (text) => this.#onDocument(text) })
  }

  onEnd(): void {
    this.#call = undefined
    if (this.#decoder === undefined) this.#onBodyEnd()
    else this.#decoder.end()
  }

  #onBodyEnd(): void {
    if (this.#state !== 'closed') {
      try {
        const body = this.#body ?? this.#createBodyReader(undefined)
        body.end()
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

  #createErrorReader(): BodyConsumer {
    const { provider, clock } = this.#parts
    return new BodyReader((body) =>
      this.#fail(errorOfStatus(provider, this.#status, this.#headers, body, clock.now())),
    )
  }

  #createStreamReader(): StreamConsumer {
    return this.#parts.protocol.createStreamReader({
      ...this.#facts,
      provider: this.#parts.provider,
      request: this.#request,
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

  get #contentType(): string {
    return String(this.#headers['content-type'] ?? '')
  }

  #onDocument(text: string): void {
    const { provider, protocol } = this.#parts
    const read = protocol.readResponse(text, {
      ...this.#facts,
      provider,
      request: this.#request,
      contentType: this.#contentType,
    })
    if (read instanceof BrokerError) return this.#fail(read)
    if (this.#request.stream) this.#onUnstreamedResponse(read.response)
    else this.#handler.onResponse(read.json, read.response)
    return this.#complete()
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

/** White space and the byte order mark, which may precede a document. */
const BLANKS: ReadonlySet<number> = new Set([0x20, 0x09, 0x0a, 0x0d, 0xef, 0xbb, 0xbf])
/** `{`, `[` and `<`. */
const DOCUMENT_STARTS: ReadonlySet<number> = new Set([0x7b, 0x5b, 0x3c])
