import type { JsonBody } from '../../wire/json/json-body.ts'
import { USUAL_IMAGE_TOKENS } from './media/prompt-media.ts'
import { promptTextOf } from './prompt-text.ts'
import type { TokenCounter } from './token-counter.ts'
import { CHARACTERS_PER_TOKEN, MESSAGE_TOKENS } from './token-ratio.ts'

/** About how many tokens a prompt has, with its tools and its media; a tokenizer counts the texts where there is one. */
export async function countPrompt(
  body: JsonBody,
  model: string,
  counter: TokenCounter | undefined,
): Promise<number> {
  const { texts, extras, tokens, messages, media } = promptTextOf(body)
  const all = [...texts, ...extras]
  const counts = await counter?.count(model, all)
  const ofTexts = counts ?? all.map((text) => Math.ceil(text.length / CHARACTERS_PER_TOKEN))
  const sum = ofTexts.reduce((total, count) => total + count, 0)
  return tokens + sum + messages * MESSAGE_TOKENS + media * USUAL_IMAGE_TOKENS
}
