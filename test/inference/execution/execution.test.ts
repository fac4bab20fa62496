// The loops over candidates, driven with scripted providers and no network.
import { describe, expect, test } from 'vitest'
import { BrokerError } from '../../../src/base/errors.ts'
import { ZERO } from '../../../src/base/money.ts'
import { parseJsonBody } from '../../../src/wire/json/json-body.ts'
import { parseChatRequest } from '../../../src/wire/openai/chat.ts'
import type { Catalog, Endpoint } from '../../../src/catalog/catalog.ts'
import type { Hold, Settlement } from '../../../src/ledger/types.ts'
import type { Readiness } from '../../../src/providers/keys/key-pool.ts'
import type { ResponseHandler, Provider, ProviderRequest } from '../../../src/providers/provider.ts'
import { chatFormatter } from '../../../src/inference/response/formats/chat-response.ts'
import type { ResponseSink } from '../../../src/inference/response/response-sink.ts'
import type { InferenceRequest, InferenceKind } from '../../../src/inference/request/inference-request.ts'
import type { InferenceServices } from '../../../src/inference/services/services.ts'
import { UsageMeter } from '../../../src/inference/usage/usage-meter.ts'
import { Execution } from '../../../src/inference/execution/execution.ts'

const READY: Readiness = { state: 'ready', availableInMs: 0, reason: undefined }

/** What one attempt does: respond, fail before its first chunk, or break after it. */
type Attempt = (listener: ResponseHandler) => void

const chunk = (content: string, finish: string | null = null): [string, object] => {
  const value = { choices: [{ index: 0, delta: { content }, finish_reason: finish }] }
  return [JSON.stringify(value), value]
}
const responds =
  (...texts: string[]): Attempt =>
  (listener) => {
    for (const text of texts) listener.onChunk(...chunk(text))
    listener.onChunk(...chunk('', 'stop'))
    listener.onEnd()
  }
const failure = (message: string, isUnasked = false): BrokerError =>
  new BrokerError('upstream-failed', message, { details: { status: 502, isUnsent: isUnasked } })
const fails =
  (message: string, isUnasked = false): Attempt =>
  (listener) =>
    listener.onError(failure(message, isUnasked))
const breaks =
  (message: string, text = 'Once upon'): Attempt =>
  (listener) => {
    listener.onChunk(...chunk(text))
    listener.onError(failure(message))
  }

const endpoint = (id: string, model = 'm'): Endpoint => ({
  id,
  provider: id,
  modelId: id,
  model,
  priority: 1,
  contextWindow: undefined,
  maxOutputTokens: undefined,
  price: undefined,
})

interface Options {
  readonly candidates?: readonly Endpoint[]
  /** The only provider that continues from a prefix, where there is one. */
  readonly continues?: string
  readonly streamed?: boolean
  readonly mayBeRescued?: boolean
  /** The caller disconnects when the broker waits. */
  readonly leavesInWait?: boolean
  readonly isGone?: boolean
}

interface Outcome {
  /** The attempts, each as the endpoint's id, with the mode before it when it resumes a stream. */
  readonly attempts: string[]
  readonly text: string
  readonly isComplete: boolean
  /** What was thrown, or written into the stream. */
  readonly error: BrokerError | undefined
  readonly settled: Settlement[]
}

const kind: InferenceKind = {
  name: 'chat',
  route: 'chat',
  maxUsage: () => ({ maxPromptTokens: 10, maxCompletionTokens: 10 }),
  reasons: () => undefined,
  createMeter: (body) => new UsageMeter(body),
  createFormatter: chatFormatter({ hidesReasoning: false }),
  dispatch: (provider, call, listener) => provider.send(call, listener),
}

/** Runs one streamed request whose attempts behave as listed, in their order. */
async function run(script: readonly Attempt[], options: Options = {}): Promise<Outcome> {
  const { candidates = ['a', 'b', 'c'].map((id) => endpoint(id)), continues } = options
  const outcome: Outcome = { attempts: [], text: '', isComplete: false, error: undefined, settled: [] }
  const written = outcome as { -readonly [Name in keyof Outcome]: Outcome[Name] }
  const provider = (id: string): Provider => ({
    id,
    displayName: id,
    keyCount: 1,
    abortStopsBilling: true,
    isMock: false,
    isLocal: false,
    speaksOpenRouter: false,
    prefixMarker: id === continues ? 'role' : 'none',
    readiness: () => READY,
    keys: () => [],
    send: (call, listener) => {
      const attempt = script[outcome.attempts.push(nameOf(id, call, outcome.text)) - 1] ?? responds('more')
      queueMicrotask(() => attempt(listener))
      return { wasSent: true, abort: () => {}, pause: () => {}, resume: () => {} }
    },
    close: () => Promise.resolve(),
  })
  const providers = new Map(candidates.map(({ id }) => [id, provider(id)]))
  const sink: ResponseSink = {
    id: 'gen-1',
    start: () => {},
    chunk(json) {
      const { choices } = JSON.parse(json) as { choices: { delta: { content: string } }[] }
      written.text += choices[0]?.delta.content ?? ''
      return true
    },
    respond: () => {},
    end: () => void (written.isComplete = true),
    fail: (error) => void (written.error = error),
    disconnected: options.isGone ?? false,
    watcher: undefined,
  }
  const services = {
    clock: {
      now: () => 0,
      monotonic: () => 0,
      after(_ms: number, go: () => void) {
        queueMicrotask(options.leavesInWait === true ? () => sink.watcher?.onDisconnect() : go)
        return () => {}
      },
    },
    catalog: () => catalogOf(candidates),
    providers: () => providers,
    inFlight: { add: () => {}, remove: () => {}, stopAll: () => {} },
    accounting: {
      begin() {
        return this
      },
      admit: () => ({ headers: {}, mayHedge: undefined, release: () => {} }),
      allowance: () => undefined,
      hold: (request: Hold) => Promise.resolve({ ...request, rowid: 1 }),
      settle(_hold: Hold, settlement: Settlement) {
        outcome.settled.push(settlement)
        return Promise.resolve()
      },
    },
    hangUp: { policy: 'cut' },
    health: { isOnTrial: () => false },
    upstreamIds: { add: () => {} },
    endpointStats: { record: () => {} },
  } as unknown as InferenceServices
  const { streamed = true, mayBeRescued = true } = options
  const body = parseJsonBody(
    new TextEncoder().encode('{"model":"m","messages":[{"role":"user","content":"hi"}]}'),
  )
  const request: InferenceRequest = {
    kind,
    body: parseChatRequest(body).body,
    requestedModel: 'm',
    stream: streamed,
    candidates,
    maxCost: ZERO,
    mayResume: mayBeRescued,
  }
  const context = { caller: { ip: 'local', context: undefined }, referer: undefined, title: undefined }
  await new Execution(request, context, sink, services).execute().catch((error: unknown) => {
    written.error = error as BrokerError
  })
  return outcome
}

/** A resumption is known by the text that the caller has already got, and by the prefix in the request. */
function nameOf(id: string, { body }: ProviderRequest, delivered: string): string {
  if (delivered === '') return id
  const { messages } = body.value as { messages: readonly { role: string }[] }
  return `${messages.at(-1)?.role === 'assistant' ? 'continue' : 'restart'} ${id}`
}

function catalogOf(endpoints: readonly Endpoint[]): Catalog {
  const models = new Map(endpoints.map(({ model }) => [model, { capabilities: ['assistant_prefix'] }]))
  return { version: 'v', models, endpoints: new Map() } as unknown as Catalog
}

test('an endpoint that fails twice before its first chunk is replaced by the next candidate', async () => {
  const { attempts, text, isComplete } = await run([fails('x'), fails('x'), responds('hi')])
  expect({ attempts, text, isComplete }).toEqual({ attempts: ['a', 'a', 'b'], text: 'hi', isComplete: true })
})

test('a request ends when its caller disconnects, also while it waits for a candidate', async () => {
  expect(await run([], { isGone: true })).toMatchObject({
    attempts: [],
    error: undefined,
    settled: [{ status: 'cancelled' }],
  })
  const alone = { candidates: [endpoint('a')], leavesInWait: true }
  expect(await run([fails('x')], alone)).toMatchObject({
    attempts: ['a'],
    error: undefined,
    settled: [{ status: 'cancelled', attemptCount: 1 }],
  })
})

test('the caller gets the last failure that came from a provider', async () => {
  const unsent = fails('cooling down', true)
  const { error } = await run([fails('first'), fails('second'), unsent, unsent, unsent, unsent])
  expect(error).toMatchObject({ message: 'second' })
  expect(await run([unsent, unsent, unsent, unsent, unsent, unsent])).toMatchObject({
    error: { message: 'cooling down' },
    settled: [{ status: 'failed', attemptCount: 0 }],
  })
})

describe('a stream that broke after its first chunk', () => {
  test('is not resumed when it may not be', async () => {
    const outcome = await run([breaks('cut')], { mayBeRescued: false })
    expect(outcome).toMatchObject({ attempts: ['a'], isComplete: false, error: { message: 'cut' } })
    expect(outcome.settled).toMatchObject([{ status: 'broken', endpoint: 'a', attemptCount: 1 }])
  })

  test('is continued by an endpoint that continues from a prefix', async () => {
    const outcome = await run([breaks('cut'), responds(' a time')], { continues: 'c' })
    expect(outcome).toMatchObject({
      attempts: ['a', 'continue c'],
      text: 'Once upon a time',
      isComplete: true,
    })
    expect(outcome.settled).toMatchObject([{ status: 'finished', endpoint: 'c', attemptCount: 2 }])
  })

  test('is restarted on the same model, elsewhere first, when no endpoint continues it', async () => {
    const { attempts, text } = await run(
      [breaks('cut'), fails('no'), fails('cut again'), responds('Once upon', ' a time')],
      { continues: 'b' },
    )
    expect(attempts).toEqual(['a', 'continue b', 'restart b', 'restart c'])
    expect(text).toBe('Once upon a time')
  })

  test('ends in its first error when no recovery helps, after at most three of them', async () => {
    const { attempts, error, settled } = await run([
      breaks('first'),
      fails('x'),
      fails('y'),
      fails('z'),
      responds('Once upon'),
    ])
    expect(attempts).toEqual(['a', 'restart b', 'restart c', 'restart a'])
    expect(error).toMatchObject({ message: 'first' })
    expect(settled).toHaveLength(1)
  })

  test('is not restarted on another model', async () => {
    const candidates = [endpoint('a'), endpoint('x', 'other')]
    const { attempts } = await run([breaks('cut'), fails('y')], { candidates })
    expect(attempts).toEqual(['a', 'restart a'])
  })
})
