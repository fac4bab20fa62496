import { CarriedFields } from '../../carried-fields.ts'
import { fieldsOf, type Fields } from '../../chat-vocabulary.ts'
import { withoutBilledFields } from './billed-fields.ts'
import { writeContents } from './contents-out.ts'
import { writeGeneration } from './generation-out.ts'
import type { RequestOutFacts } from './request-out-facts.ts'
import { writeToolConfig, writeTools } from './tools-out.ts'

/** Fields of a chat that Google's API has a place for. */
const PLACED = new Set(
  'temperature top_p top_k stop tools tool_choice seed n presence_penalty frequency_penalty logprobs top_logprobs'.split(
    ' ',
  ),
)

/** A chat as a request of `generateContent`. Throws `not-carried` naming what would be lost. */
export function writeRequest(
  value: Fields,
  facts: RequestOutFacts,
): { readonly request: Fields; readonly dropped: readonly string[] | undefined } {
  const carried = new CarriedFields('gemini')
  carried.leave(value, 'request')
  carried.leaveChat(value, PLACED)
  const { systemInstruction, contents } = writeContents(value['messages'], facts, carried)
  const request = {
    ...(systemInstruction === undefined ? {} : { systemInstruction }),
    contents,
    ...writeTools(value['tools'], carried),
    ...writeToolConfig(value, carried),
    ...writeGeneration(value, facts, carried),
    ...withoutBilledFields(ownFields(value), carried),
  }
  carried.throwIfRefused()
  return { request, dropped: carried.dropped }
}

/** Without those that are in `generationConfig`, and the marks of the vocabulary. */
function ownFields(value: Fields): Fields {
  const { allowedFunctionNames: _mark, ...own } = fieldsOf(value, 'gemini')
  return Object.fromEntries(Object.entries(own).filter(([name]) => !name.startsWith('generationConfig.')))
}
