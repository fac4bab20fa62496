import type { Usage } from '../ledger/ledger-types.ts'
import type { JsonBody } from '../wire/json-body.ts'
import type { Meter, Reading } from './meter.ts'
import type { TokenCounter } from './token-counter.ts'

/** Of models whose tokenizer we have: what the frame around messages and tools may add or save. */
const OWN_TOKENIZER = { model: /gpt-|\bo[134]\b|text-embedding/, slack: 0.03 }
/** Tokenizers of other families differ by up to this from the one that we count with. */
const OTHER_SLACK = 0.35
/** What a chat template adds per message, and once. */
const PER_MESSAGE = 4
const PER_REQUEST = 3
/** Tokens that a special token or a cut in the middle of a word may make of difference, however short the text. */
const EITHER_WAY = 2

/** The meter's reading, with the tokens counted where the provider didn't report them and a tokenizer can. */
export async function countReading(
  meter: Meter,
  body: JsonBody,
  model: string,
  counter: TokenCounter | undefined,
): Promise<Reading> {
  const known = meter.read()
  const reading = known.countSource === 'none' ? meter.bounds() : known
  const { said } = meter
  if (reading.countSource === 'reported' || counter === undefined || said === undefined) return reading
  const prompt = promptOf(body)
  if (prompt === undefined) return reading
  const counts = await counter.count(model, [prompt.text, said])
  const [promptTokens, completionTokens] = counts ?? []
  if (promptTokens === undefined || completionTokens === undefined) return reading
  return counted(promptTokens + prompt.messages * PER_MESSAGE + PER_REQUEST, completionTokens, model, reading)
}

function counted(prompt: number, completion: number, model: string, { low, high }: Reading): Reading {
  const slack = OWN_TOKENIZER.model.test(model) ? OWN_TOKENIZER.slack : OTHER_SLACK
  const within = (count: number, share: number, bound: number | undefined, pick: typeof Math.min): number =>
    pick(Math.max(0, Math.round(count * share) + (share < 1 ? -EITHER_WAY : EITHER_WAY)), bound ?? Infinity)
  return {
    usage: usageOf(prompt, completion),
    countSource: 'counted',
    low: usageOf(
      within(prompt, 1 - slack, prompt, Math.min),
      Math.max(
        within(completion, 1 - slack, completion, Math.min),
        Math.min(low?.completion ?? 0, completion),
      ),
    ),
    high: usageOf(
      Math.max(prompt, within(prompt, 1 + slack, high?.prompt, Math.min)),
      Math.max(completion, within(completion, 1 + slack, high?.completion, Math.min)),
    ),
  }
}

function usageOf(prompt: number, completion: number): Usage {
  return {
    prompt,
    completion,
    cachedPrompt: 0,
    cacheWrite: 0,
    reasoning: 0,
    audioPrompt: 0,
    audioCompletion: 0,
  }
}

/** The text that a tokenizer sees of a chat or completion request; nothing when pictures or sounds are in it. */
function promptOf({ value }: JsonBody): { text: string; messages: number } | undefined {
  const { messages, prompt, tools } = value
  if (typeof prompt === 'string') return { text: prompt, messages: 0 }
  if (!Array.isArray(messages)) return undefined
  const texts = messages.map(textOf)
  if (texts.includes(undefined)) return undefined
  const rest = Array.isArray(tools) ? [JSON.stringify(tools)] : []
  return { text: [...texts, ...rest].join('\n'), messages: messages.length }
}

function textOf(message: unknown): string | undefined {
  const { content, tool_calls } = (message ?? {}) as { content?: unknown; tool_calls?: unknown }
  const calls = tool_calls === undefined ? '' : JSON.stringify(tool_calls)
  if (typeof content === 'string') return content + calls
  if (!Array.isArray(content)) return calls
  const parts = content.map((part: unknown) => (part as { text?: unknown } | null)?.text)
  return parts.every((part) => typeof part === 'string') ? parts.join('\n') + calls : undefined
}
