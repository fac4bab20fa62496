// What each vendor documents that it sends: `test/golden/providers/<vendor>/wire.json`, replayed by the matrix test.
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { done, head, json, raw, sse, type Step } from '../../support/scripted-upstream.ts'

const GOLDEN = join(import.meta.dirname, '../../golden/providers')

/** Where a part is documented, and when it was read there (YYYY-MM). `unread`: it was written from memory and has to be checked. */
interface Sourced {
  readonly source: string
  readonly date: string
}

type Counts = Readonly<
  Partial<Record<'prompt' | 'completion' | 'cachedPrompt' | 'cacheWrite' | 'reasoning', number>>
>

export interface WireUsageFact extends Sourced {
  /** Where a stream has it. */
  readonly in: 'own-chunk' | 'last-chunk' | 'every-chunk' | 'x_groq' | 'choice'
  readonly object: Readonly<Record<string, unknown>>
  /** What it means, in the ledger's names. */
  readonly counts: Counts
  /** The charge that it states, in US dollars. */
  readonly charge?: number
}

interface WireCalls extends Sourced {
  readonly plain: readonly object[]
  /** The `tool_calls` of the chunks of a stream. */
  readonly deltas: readonly (readonly object[])[]
}

export interface WireError extends Sourced {
  readonly status: number
  /** `unread` where the source has the status and not the words, which are from memory. */
  readonly bodyDate?: string
  readonly headers?: Readonly<Record<string, string>>
  readonly body: unknown
}

export type ErrorName = 'rateLimit' | 'server' | 'account' | 'tooLong'

/** The wire of one vendor; what it has no own part of is as at OpenAI, which `compatible` documents. */
export interface Wire {
  readonly kind?: 'embedding'
  readonly compatible: readonly [url: string, date: string]
  readonly usage: WireUsageFact
  readonly reasoning?: (Sourced & { readonly field: string }) | null
  readonly calls: WireCalls
  readonly errors: Readonly<Record<ErrorName, WireError>>
}

/** The parts that a file states itself; the others are OpenAI's. */
export function wireOf(vendor: string): Wire {
  return { ...read('openai'), ...read(vendor) }
}

function read(vendor: string): Wire {
  return JSON.parse(readFileSync(join(GOLDEN, vendor, 'wire.json'), 'utf8')) as Wire
}

const HEAD = { id: 'x-1', created: 1_790_000_000, model: 'm' }

/** A plain response with this message. */
export function plain({ usage }: Wire, message: object, finish = 'stop'): Step[] {
  const choice = { index: 0, message: { role: 'assistant', ...message }, finish_reason: finish }
  return [json(200, { ...HEAD, object: 'chat.completion', choices: [choice], usage: usage.object })]
}

/** A stream of these deltas, with the usage where the vendor has it. */
export function streamed(wire: Wire, deltas: readonly object[], finish = 'stop'): Step[] {
  const { usage } = wire
  const chunk = (delta: object, reason: string | null, more: object = {}, inChoice: object = {}): object => ({
    ...HEAD,
    object: 'chat.completion.chunk',
    choices: [{ index: 0, delta, finish_reason: reason, ...inChoice }],
    ...more,
  })
  const each = usage.in === 'every-chunk' ? { usage: usage.object } : {}
  const last = {
    ...(usage.in === 'last-chunk' || usage.in === 'every-chunk' ? { usage: usage.object } : {}),
    ...(usage.in === 'x_groq' ? { x_groq: { id: 'req_1', usage: usage.object } } : {}),
  }
  const inChoice = usage.in === 'choice' ? { usage: usage.object } : {}
  return [
    sse(
      ...deltas.map((delta) => chunk(delta, null, each)),
      chunk({}, finish, last, inChoice),
      ...(usage.in === 'own-chunk'
        ? [{ ...HEAD, object: 'chat.completion.chunk', choices: [], usage: usage.object }]
        : []),
      done,
    ),
  ]
}

/** A refusal in the vendor's words. */
export function refusal({ status, headers = {}, body }: WireError): Step[] {
  return typeof body === 'string' ? [head(status, headers), raw(body)] : [json(status, body, headers)]
}
