import { isObject, type JsonBody } from '../../../wire/json/json-body.ts'
import { spliceFields } from '../../../wire/json/splice-fields.ts'
import { CarriedFields } from '../../carried-fields.ts'
import type { Fields } from '../../chat-vocabulary.ts'
import { checkItem, withoutBilledTools, withoutWithheldFields } from './billed-fields.ts'
import type { RequestOutFacts } from './request-out-facts.ts'

type Changes = Map<string, string | undefined>

/**
 * A request that the caller wrote in this dialect: its bytes, with only that replaced which must differ. The model's name is
 * the provider's, state stays with the broker, what is billed on its own is left out, and thoughts are opened for their maker
 * or left out. Throws `not-carried`.
 */
export function spliceRequest(
  source: JsonBody,
  { modelId, open }: Pick<RequestOutFacts, 'modelId' | 'open'>,
): { readonly text: string; readonly dropped: readonly string[] | undefined } {
  const carried = new CarriedFields('responses')
  const changes: Changes = new Map<string, string | undefined>([['model', JSON.stringify(modelId)]])
  const kept = withoutWithheldFields(source.value, carried)
  for (const name of Object.keys(source.value)) if (!(name in kept)) changes.set(name, undefined)
  for (const name of ROUTING) if (name in source.value) changes.set(name, undefined)
  changes.set('store', 'false')
  spliceTools(source.value['tools'], changes, carried)
  spliceInput(source.value['input'], open, changes, carried)
  carried.throwIfRefused()
  return { text: spliceFields(source, changes), dropped: carried.dropped }
}

/** Fields that steer the broker. */
const ROUTING = ['models', 'provider', 'plugins', 'route', 'session_id', 'trace', 'debug', 'cache_control']

function spliceTools(tools: unknown, changes: Changes, carried: CarriedFields): void {
  if (!Array.isArray(tools)) return
  const kept = withoutBilledTools(tools, carried)
  if (kept.length < tools.length) changes.set('tools', kept.length === 0 ? undefined : JSON.stringify(kept))
}

/** The items stay as they are, byte for byte, unless they have thoughts. */
function spliceInput(
  input: unknown,
  open: RequestOutFacts['open'],
  changes: Changes,
  carried: CarriedFields,
): void {
  if (!Array.isArray(input)) return
  let isChanged = false
  const items = input.flatMap((item: unknown): readonly unknown[] => {
    if (!isObject(item)) return [item]
    const written = item['type'] === 'reasoning' ? openItem(item, open, carried) : [checkItem(item, carried)]
    isChanged ||= written[0] !== item
    return written
  })
  if (isChanged) changes.set('input', JSON.stringify(items))
}

function openItem(item: Fields, open: RequestOutFacts['open'], carried: CarriedFields): readonly Fields[] {
  const { encrypted_content: sealed } = item
  const opened = typeof sealed === 'string' ? open(sealed) : undefined
  if (opened === undefined) carried.note('dropped', 'reasoning')
  return opened === undefined ? [] : [{ ...item, encrypted_content: opened }]
}
