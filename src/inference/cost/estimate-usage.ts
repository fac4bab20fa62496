import type { JsonBody } from '../../wire/json/json-body.ts'
import type { Ceiling, Meter, Reading } from '../usage/usage-meter.ts'
import { promptTextOf, type PromptText } from '../usage/prompt-text.ts'
import type { TokenCounter } from '../usage/token-counter.ts'

/** Models whose tokenizer we have. gpt-oss has it too, but a long preamble of its own. */
const OWN_TOKENIZER = /gpt-(?!oss)|\bo[134]\b|text-embedding/
/** Where texts are joined or cut, and around names, a count may be off by this share, and by this many tokens. */
const SLACK = 0.03
const EITHER_WAY = 2
/** Tokens that a chat template adds per message and per request: usual and maximum. */
const PER_MESSAGE = 4
const PER_MESSAGE_AT_MOST = 8
const PER_REQUEST = 3
const PER_REQUEST_AT_MOST = 16

/**
 * The usage of a response whose provider reported none, with the tokens counted where a tokenizer can. Only a model's own
 * tokenizer narrows the bounds: another one may be off by any factor.
 */
export async function countReading(
  meter: Meter,
  ceiling: Ceiling,
  { body, model }: { readonly body: JsonBody; readonly model: string },
  counter: TokenCounter | undefined,
): Promise<Reading> {
  const reading = meter.bounds(ceiling)
  const { said } = meter
  if (counter === undefined || said === undefined) return reading
  const prompt = promptTextOf(body)
  if (prompt.media > 0 || prompt.tokens > 0) return reading
  const texts = [prompt.texts.join('\n'), prompt.extras.join('\n'), said]
  const counts = await counter.count(model, texts)
  const [text, extra, completion] = counts ?? []
  if (text === undefined || extra === undefined || completion === undefined) return reading
  const counted = { text, extra, completion }
  const bounded = OWN_TOKENIZER.test(model)
    ? drawnIn(reading, closer(counted, prompt, ceiling, meter))
    : reading
  return within(guessOf(counted, prompt), bounded)
}

interface Counted {
  readonly text: number
  readonly extra: number
  readonly completion: number
}

/** Tokens of the prompt and of the response. */
interface Pair {
  readonly prompt: number
  readonly completion: number
}

function guessOf({ text, extra, completion }: Counted, { messages }: PromptText): Pair {
  const frame = messages === 0 ? 0 : messages * PER_MESSAGE + PER_REQUEST
  return { prompt: text + extra + frame, completion }
}

function within(guess: Pair, { usage, low, high }: Reading): Reading {
  const clamp = (name: keyof Pair): number =>
    Math.min(Math.max(guess[name], low?.[name] ?? 0), high?.[name] ?? Infinity)
  return {
    usage: usage && { ...usage, prompt: clamp('prompt'), completion: clamp('completion') },
    countSource: 'counted',
    low,
    high,
  }
}

/** Narrower bounds; infinite or 0 where none are known. */
interface Closer {
  readonly low: Pair
  readonly high: Pair
}

function closer({ text, completion }: Counted, prompt: PromptText, ceiling: Ceiling, meter: Meter): Closer {
  const { messages, texts, extras } = prompt
  const frame = messages === 0 ? 0 : messages * PER_MESSAGE_AT_MOST + PER_REQUEST_AT_MOST
  const isOne = ceiling.choices === 1
  return {
    // Where texts are joined, tokens may have merged or been split.
    low: { prompt: below(text) - texts.length, completion: isOne ? below(completion) : 0 },
    high: {
      // Tools and response formats are shown to the model in a form that only its provider knows.
      prompt: extras.length === 0 ? above(text) + texts.length + frame : Infinity,
      completion:
        isOne && !ceiling.mayThinkUnseen && completion > 0
          ? above(completion) + meter.wordlessAtMost(1)
          : Infinity,
    },
  }
}

function below(count: number): number {
  return Math.floor(count * (1 - SLACK)) - EITHER_WAY
}

function above(count: number): number {
  return Math.ceil(count * (1 + SLACK)) + EITHER_WAY
}

function drawnIn(reading: Reading, closer: Closer): Reading {
  const { low, high } = reading.low?.prompt === reading.high?.prompt ? withoutPrompt(closer) : closer
  return {
    ...reading,
    low: reading.low && {
      ...reading.low,
      prompt: Math.max(reading.low.prompt, low.prompt),
      completion: Math.max(reading.low.completion, low.completion),
    },
    high: reading.high && {
      ...reading.high,
      prompt: Math.min(reading.high.prompt, high.prompt),
      completion: Math.min(reading.high.completion, high.completion),
    },
  }
}

/** Without bounds of the prompt, for one that the provider counted. */
function withoutPrompt({ low, high }: Closer): Closer {
  return { low: { ...low, prompt: 0 }, high: { ...high, prompt: Infinity } }
}
