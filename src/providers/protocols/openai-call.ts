import { BrokerError } from '../../base/errors.ts'
import { hasOutput, type ChatChunk } from '../../wire/openai/chat.ts'
import type { Dispatcher } from '../dispatch/dispatcher.ts'
import type { Permit } from '../dispatch/permit.ts'
import { asUpstreamError, errorOfStatus, withProvider } from '../errors/upstream-errors.ts'
import type { ResponseHandler, ProviderCall, ProviderRoute, ProviderRequest, Quirks } from '../provider.ts'
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

/** The path of each kind of request, and the list that its response must have. */
const ROUTES = {
  chat: { path: '/chat/completions', list: 'choices' },
  completions: { path: '/completions', list: 'choices' },
  embeddings: { path: '/embeddings', list: 'data' },
} as const satisfies Record<ProviderRoute, { path: string; list: keyof ChatChunk }>

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
  #call: UpstreamCall | undefined
  #leave: (() => void) | undefined
  #stream: StreamReader | undefined
  /** Set once the status and type of the response are known. */
  #body: BodyConsumer | undefined
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
    const body = requestBody(this.#request, quirks)
    const headers = headersOf(lease, this.#request)
    this.#timeouts?.onSent()
    this.#call = upstream.send({ method: 'POST', path, headers, body }, this)
    if (this.#isPaused) this.#call.pause()
    // Built while the provider works, so that it is ready for the first bytes.
    if (this.#request.stream) this.#stream = this.#createStreamReader()
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
    this.#fail(error)
  }

  /** A stream without its end mark is at its end; a connection that is still open is closed. */
  onLinger(): void {
    this.#body?.end()
    this.#disconnect()
  }

  onHeaders(status: number, headers: UpstreamHeaders): void {
    this.#timeouts?.onHeaders()
    const type = String(headers['content-type'] ?? '')
    if (status !== 200) this.#body = this.#createErrorReader(status, headers)
    else if (this.#request.stream && (type === '' || type.startsWith('text/event-stream')))
      this.#body = this.#stream
    else this.#body = this.#createPlainReader(type)
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
      if (this.#decoder === undefined) this.#body?.data(bytes)
      else this.#decoder.data(bytes)
    } catch (error) {
      this.#fail(asUpstreamError(error))
    }
  }

  /** An error while a response is read is the provider's failure. */
  #onDecoded(bytes: Uint8Array): void {
    if (this.#state === 'closed') return
    try {
      this.#body?.data(bytes)
    } catch (error) {
      this.#fail(asUpstreamError(error))
    }
  }

  onEnd(): void {
    this.#call = undefined
    if (this.#decoder === undefined) this.#onBodyEnd()
    else this.#decoder.end()
  }

  #onBodyEnd(): void {
    if (this.#state !== 'closed') {
      try {
        this.#body?.end()
      } catch (error) {
        this.#fail(asUpstreamError(error))
      }
    }
    this.#release()
  }

  onError(error: BrokerError): void {
    this.#call = undefined
    this.#fail(error)
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
      onEnd: () => this.#complete(),
      onError: (error) => this.#fail(error),
    })
  }

  #createPlainReader(contentType: string): BodyConsumer {
    return new BodyReader((body) => {
      const { provider } = this.#parts
      const { list } = ROUTES[this.#request.route]
      const choices = choicesOf(this.#request)
      const response = parseResponse(body, contentType, { provider, list, choices })
      if (response instanceof BrokerError) return this.#fail(response)
      if (this.#request.stream) this.#onUnstreamedResponse(response)
      else this.#handler.onResponse(body, response)
      return this.#complete()
    })
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
