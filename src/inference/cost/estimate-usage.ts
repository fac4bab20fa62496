import type { JsonBody } from '../../wire/json/json-body.ts'
import type { Meter, UsageCeiling, UsageReading } from '../usage/usage-meter.ts'
import { promptTextOf, type PromptText } from '../usage/prompt-text.ts'
import type { TokenCounter } from '../usage/token-counter.ts'

/** Models whose tokenizer we have. gpt-oss has it too, but a long preamble of its own. */
const OWN_TOKENIZER = /gpt-(?!oss)|\bo[134]\b|text-embedding/
/** Where texts are joined or cut, and around names, a count may be off by this share, and by this many tokens. */
const RELATIVE_ERROR = 0.03
const ABSOLUTE_ERROR = 2
/** Tokens that a chat template adds per message and per request: usual and maximum. */
const PER_MESSAGE = 4
const MAX_PER_MESSAGE = 8
const PER_REQUEST = 3
const MAX_PER_REQUEST = 16

/**
 * The usage of a response whose provider reported none, with the tokens counted where a tokenizer can. Only a model's own
 * tokenizer narrows the bounds: another one may be off by any factor.
 */
export async function estimateUsage(
  meter: Meter,
  ceiling: UsageCeiling,
  { body, model }: { readonly body: JsonBody; readonly model: string },
  counter: TokenCounter | undefined,
): Promise<UsageReading> {
  const reading = meter.bounds(ceiling)
  const { text: output } = meter
  if (counter === undefined || output === undefined) return reading
  const prompt = promptTextOf(body)
  if (prompt.media > 0 || prompt.tokens > 0) return reading
  const texts = [prompt.texts.join('\n'), prompt.extras.join('\n'), output]
  const counts = await counter.count(model, texts)
  const [text, extra, received] = counts ?? []
  if (text === undefined || extra === undefined || received === undefined) return reading
  const counted = { text, extra, received, completion: Math.max(received, meter.textChunks) }
  const bounded = OWN_TOKENIZER.test(model)
    ? narrowed(reading, narrowerBounds(counted, prompt, ceiling, meter))
    : reading
  return within(estimateOf(counted, prompt), bounded)
}

interface Counted {
  readonly text: number
  readonly extra: number
  /** The tokens of the response's text as a whole. */
  readonly received: number
  /** The same, or the chunks it came in where they are more: providers do not join tokens of several chunks. */
  readonly completion: number
}

/** Tokens of the prompt and of the response. */
interface Pair {
  readonly prompt: number
  readonly completion: number
}

function estimateOf({ text, extra, completion }: Counted, { messages }: PromptText): Pair {
  const templateTokens = messages === 0 ? 0 : messages * PER_MESSAGE + PER_REQUEST
  return { prompt: text + extra + templateTokens, completion }
}

function within(estimate: Pair, { usage, low, high }: UsageReading): UsageReading {
  const clamp = (name: keyof Pair): number =>
    Math.min(Math.max(estimate[name], low?.[name] ?? 0), high?.[name] ?? Infinity)
  return {
    usage: usage && { ...usage, prompt: clamp('prompt'), completion: clamp('completion') },
    countSource: 'counted',
    low,
    high,
  }
}

/** Narrower bounds; infinite or 0 where none are known. */
interface NarrowerBounds {
  readonly low: Pair
  readonly high: Pair
}

function narrowerBounds(
  { text, received, completion }: Counted,
  prompt: PromptText,
  ceiling: UsageCeiling,
  meter: Meter,
): NarrowerBounds {
  const { messages, texts, extras } = prompt
  const templateTokens = messages === 0 ? 0 : messages * MAX_PER_MESSAGE + MAX_PER_REQUEST
  const isOne = ceiling.choices === 1
  return {
    // Where texts are joined, tokens may have merged or been split.
    low: { prompt: below(text) - texts.length, completion: isOne ? below(received) : 0 },
    high: {
      // Tools and response formats are shown to the model in a form that only its provider knows.
      prompt: extras.length === 0 ? above(text) + texts.length + templateTokens : Infinity,
      completion:
        isOne && !ceiling.mayHideReasoning && ceiling.mayGoOn !== true && completion > 0
          ? above(completion) + meter.maxNonTextTokens(1)
          : Infinity,
    },
  }
}

function below(count: number): number {
  return Math.floor(count * (1 - RELATIVE_ERROR)) - ABSOLUTE_ERROR
}

function above(count: number): number {
  return Math.ceil(count * (1 + RELATIVE_ERROR)) + ABSOLUTE_ERROR
}

function narrowed(reading: UsageReading, narrowerBounds: NarrowerBounds): UsageReading {
  const { low, high } =
    reading.low?.prompt === reading.high?.prompt ? withoutPrompt(narrowerBounds) : narrowerBounds
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
function withoutPrompt({ low, high }: NarrowerBounds): NarrowerBounds {
  return { low: { ...low, prompt: 0 }, high: { ...high, prompt: Infinity } }
}
