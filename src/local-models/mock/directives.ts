// Directives make the mock provider misbehave: lines that start with `loopback:` in the last message.
import { BrokerError } from '../../base/errors.ts'

/** How one request is handled, as its directives say. */
export interface Behaviour {
  /** Milliseconds before the first byte. */
  readonly delayMs: number
  /** Milliseconds before each chunk of the response. */
  readonly everyMs: number
  readonly status: number
  readonly retryAfter: number | undefined
  readonly ending: 'finish' | 'cut' | 'tear' | 'stall' | 'error'
  /** Chunks that are sent before any ending but `finish`. */
  readonly endAfter: number
  /** The response is repeated or shortened to exactly so many chunks. */
  readonly chunks: number | undefined
  readonly repeat: number
  readonly call: { readonly name: string; readonly arguments: string | undefined } | undefined
  /** Reasoning tokens before the content. */
  readonly think: number
  readonly reportsUsage: boolean
  readonly finishReason: string | undefined
}

export interface Directive {
  readonly syntax: string
  readonly does: string
  readonly example: string
  readonly pattern: RegExp
  readonly read: (parts: readonly string[]) => Partial<Behaviour>
}

const plainBehaviour: Behaviour = {
  delayMs: 0,
  everyMs: 0,
  status: 200,
  retryAfter: undefined,
  ending: 'finish',
  endAfter: 0,
  chunks: undefined,
  repeat: 1,
  call: undefined,
  think: 0,
  reportsUsage: true,
  finishReason: undefined,
}

/**
 * Everything that may follow `loopback:` on a line of the last message. The input of embeddings and speech and the prompt
 * of transcriptions may hold `delay`, `status` and `usage`; the rest has no effect there. The documentation prints this table.
 */
export const mockDirectives: readonly Directive[] = [
  {
    syntax: 'delay TIME',
    does: 'waits before the first byte',
    example: 'loopback: delay 500ms',
    pattern: /^delay (\d+)(ms|s)$/,
    read: ([count, unit]) => ({ delayMs: milliseconds(count, unit) }),
  },
  {
    syntax: 'every TIME',
    does: 'pauses before each chunk; a plain answer waits for all of them',
    example: 'loopback: every 20ms',
    pattern: /^every (\d+)(ms|s)$/,
    read: ([count, unit]) => ({ everyMs: milliseconds(count, unit) }),
  },
  {
    syntax: 'chunks COUNT [every TIME]',
    does: 'says exactly so many chunks of one token each',
    example: 'loopback: chunks 200 every 5ms',
    pattern: /^chunks ([1-9]\d*)(?: every (\d+)(ms|s))?$/,
    read: ([chunks, count, unit]) => ({
      chunks: Number(chunks),
      ...(count === undefined ? {} : { everyMs: milliseconds(count, unit) }),
    }),
  },
  {
    syntax: 'repeat COUNT',
    does: 'says the answer so many times, a line each',
    example: 'loopback: repeat 1000',
    pattern: /^repeat ([1-9]\d*)$/,
    read: ([count]) => ({ repeat: Number(count) }),
  },
  {
    syntax: 'status CODE [retry-after SECONDS]',
    does: 'refuses with this HTTP status',
    example: 'loopback: status 429 retry-after 2',
    pattern: /^status ([45]\d\d)(?: retry-after (\d+))?$/,
    read: ([status, seconds]) => ({
      status: Number(status),
      ...(seconds === undefined ? {} : { retryAfter: Number(seconds) }),
    }),
  },
  {
    syntax: 'cut after CHUNKS',
    does: 'closes the connection after so many chunks; a plain answer breaks off in the middle',
    example: 'loopback: cut after 3',
    pattern: /^cut after (\d+)$/,
    read: ([count]) => ({ ending: 'cut', endAfter: Number(count) }),
  },
  {
    syntax: 'tear after CHUNKS',
    does: 'closes the connection in the middle of an event',
    example: 'loopback: tear after 3',
    pattern: /^tear after (\d+)$/,
    read: ([count]) => ({ ending: 'tear', endAfter: Number(count) }),
  },
  {
    syntax: 'stall after CHUNKS',
    does: 'falls silent and keeps the connection until the caller leaves',
    example: 'loopback: stall after 3',
    pattern: /^stall after (\d+)$/,
    read: ([count]) => ({ ending: 'stall', endAfter: Number(count) }),
  },
  {
    syntax: 'error after CHUNKS',
    does: 'answers 200 and then fails: an error where the next chunk, or the answer, should be',
    example: 'loopback: error after 3',
    pattern: /^error after (\d+)$/,
    read: ([count]) => ({ ending: 'error', endAfter: Number(count) }),
  },
  {
    syntax: 'call TOOL [JSON]',
    does: 'calls one of the tools of the request; without JSON the smallest arguments that its schema allows',
    example: 'loopback: call get_weather {"city":"Oslo"}',
    pattern: /^call ([\w.-]+)(?: (\{.*\}))?$/,
    read: ([name = '', json]) => ({ call: { name, arguments: json } }),
  },
  {
    syntax: 'think COUNT',
    does: 'reasons for so many tokens before it answers',
    example: 'loopback: think 12',
    pattern: /^think (\d+)$/,
    read: ([count]) => ({ think: Number(count) }),
  },
  {
    syntax: 'finish REASON',
    does: 'ends with this finish_reason',
    example: 'loopback: finish content_filter',
    pattern: /^finish (\w+)$/,
    read: ([finishReason]) => ({ finishReason }),
  },
  {
    syntax: 'usage none',
    does: 'reports no usage',
    example: 'loopback: usage none',
    pattern: /^usage none$/,
    read: () => ({ reportsUsage: false }),
  },
]

const LINE = /^[ \t]*loopback:[ \t]*(\S.*)\r?$/gim
/** Longer numbers are mistakes. */
const MAX_DIGITS = 7
/** Longer waits outlive the timeout of every client. */
const MAX_WAIT_MS = 600_000

/** Splits the text into the part without directive lines, and the behaviour that `given` and these lines describe. Throws `bad-request` for an unknown directive. */
export function readBehaviour(text: string, given: readonly string[] = []): [string, Behaviour] {
  const lines = [...text.matchAll(LINE)].map((match) => (match[1] ?? '').trimEnd())
  const parts = [...given, ...lines].map(readDirective)
  const rest =
    lines.length === 0
      ? text
      : text
          .replace(LINE, '')
          .replace(/\n{2,}/g, '\n')
          .trim()
  return [rest, parts.reduce<Behaviour>((all, part) => Object.assign(all, part), { ...plainBehaviour })]
}

function readDirective(words: string): Partial<Behaviour> {
  for (const { pattern, read } of mockDirectives) {
    const match = pattern.exec(words)
    if (match !== null && !match.some((part) => /^\d+$/.test(part ?? '') && (part ?? '').length > MAX_DIGITS))
      return read(match.slice(1))
  }
  const known = mockDirectives.map((directive) => directive.syntax).join(', ')
  throw new BrokerError('bad-request', `loopback doesn't know “${words.slice(0, 80)}”; it knows: ${known}`)
}

function milliseconds(count: string | undefined, unit: string | undefined): number {
  return Math.min(Number(count) * (unit === 's' ? 1000 : 1), MAX_WAIT_MS)
}
