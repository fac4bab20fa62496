import { isObject, type JsonBody } from '../../../wire/json/json-body.ts'
import { spliceFields } from '../../../wire/json/splice-fields.ts'
import { CarriedFields } from '../../carried-fields.ts'
import type { Fields } from '../../chat-vocabulary.ts'
import { isBilledTool, withoutBilledFields } from './billed-fields.ts'
import type { RequestOutFacts } from './request-out-facts.ts'

/**
 * A request that the caller wrote in this dialect: its bytes, with only that replaced which must differ. The model's name is
 * the provider's, what is billed on its own is left out, and thoughts are opened for their maker or left out. Throws
 * `not-carried`.
 */
export function spliceRequest(
  source: JsonBody,
  { modelId, open }: Pick<RequestOutFacts, 'modelId' | 'open'>,
): { readonly text: string; readonly dropped: readonly string[] | undefined } {
  const carried = new CarriedFields('anthropic')
  const changes = new Map<string, string | undefined>([['model', JSON.stringify(modelId)]])
  const kept = withoutBilledFields(source.value, carried)
  for (const name of Object.keys(source.value)) if (!(name in kept)) changes.set(name, undefined)
  spliceTools(source.value['tools'], changes, carried)
  spliceThoughts(source, open, changes, carried)
  carried.throwIfRefused()
  return { text: spliceFields(source, changes), dropped: carried.dropped }
}

type Changes = Map<string, string | undefined>

function spliceTools(tools: unknown, changes: Changes, carried: CarriedFields): void {
  if (!Array.isArray(tools) || !tools.some(isBilledTool)) return
  for (const tool of tools)
    if (isBilledTool(tool) && isObject(tool)) carried.note('dropped', String(tool['type']))
  const kept: readonly unknown[] = tools.filter((tool: unknown) => !isBilledTool(tool))
  changes.set('tools', kept.length === 0 ? undefined : JSON.stringify(kept))
}

/** The messages stay as they are, byte for byte, unless they have thoughts. */
function spliceThoughts(
  source: JsonBody,
  open: RequestOutFacts['open'],
  changes: Changes,
  carried: CarriedFields,
): void {
  const messages = source.value['messages']
  if (!source.text.includes('thinking') || !Array.isArray(messages)) return
  let isChanged = false
  const opened = messages.map((message: unknown) => {
    if (!isObject(message) || !Array.isArray(message['content'])) return message
    const content = message['content'].flatMap((block: unknown): readonly unknown[] => {
      if (!isObject(block) || !isThought(block)) return [block]
      isChanged = true
      return openBlock(block, open, carried)
    })
    return { ...message, content }
  })
  if (isChanged) changes.set('messages', JSON.stringify(opened))
}

function isThought({ type }: Fields): boolean {
  return type === 'thinking' || type === 'redacted_thinking'
}

function openBlock(block: Fields, open: RequestOutFacts['open'], carried: CarriedFields): readonly Fields[] {
  const name = block['type'] === 'thinking' ? 'signature' : 'data'
  const sealed = block[name]
  const opened = typeof sealed === 'string' ? open(sealed) : undefined
  if (opened === undefined) carried.note('dropped', 'thinking')
  return opened === undefined ? [] : [{ ...block, [name]: opened }]
}
