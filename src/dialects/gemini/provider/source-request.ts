import { isObject, type JsonBody } from '../../../wire/json/json-body.ts'
import { spliceFields } from '../../../wire/json/splice-fields.ts'
import { CarriedFields } from '../../carried-fields.ts'
import type { Fields } from '../../chat-vocabulary.ts'
import { camelNames, camelObject } from '../camel-names.ts'
import { isBilledTool, refuseMedia, withoutBilledFields } from './billed-fields.ts'
import { readSignature } from '../client/signature.ts'
import { NO_SIGNATURE } from '../gemini-format.ts'
import type { RequestOutFacts } from './request-out-facts.ts'
import { fillSignatures } from './signatures-out.ts'

type Changes = Map<string, string | undefined>

/**
 * A request that the caller wrote in this dialect: its bytes, with only that replaced which must differ. What is billed on its
 * own is left out, and signatures are opened for their maker or left out. Throws `not-carried`.
 */
export function spliceRequest(
  source: JsonBody,
  facts: Pick<RequestOutFacts, 'modelId' | 'open'>,
): { readonly text: string; readonly dropped: readonly string[] | undefined } {
  const carried = new CarriedFields('gemini')
  const changes: Changes = new Map([['model', undefined]])
  for (const [name, value] of Object.entries(source.value)) {
    const camel = Object.keys(camelNames({ [name]: value }))[0] ?? name
    if (!(camel in withoutBilledFields({ [camel]: value }, carried))) changes.set(name, undefined)
    if (camel === 'tools') spliceTools(name, value, changes, carried)
    if (camel === 'generationConfig') refuseMedia(camelObject(value)['responseModalities'], carried)
    if (camel === 'contents') spliceSignatures(name, source, { facts, changes, carried })
  }
  if (!('model' in source.value)) changes.delete('model')
  carried.throwIfRefused()
  return { text: spliceFields(source, changes), dropped: carried.dropped }
}

function spliceTools(name: string, tools: unknown, changes: Changes, carried: CarriedFields): void {
  if (!Array.isArray(tools)) return
  const kept = tools.flatMap((tool: unknown): readonly unknown[] => {
    if (!isObject(tool)) return []
    const own = Object.entries(camelNames(tool)).filter(([field, value]) => {
      const isKept = field === 'functionDeclarations' || !isBilledTool({ [field]: value })
      if (!isKept) carried.note('dropped', field)
      return isKept
    })
    return own.length === 0 ? [] : [Object.fromEntries(own)]
  })
  const isSame = JSON.stringify(kept) === JSON.stringify(tools)
  if (!isSame) changes.set(name, kept.length === 0 ? undefined : JSON.stringify(kept))
}

interface Splicing {
  readonly facts: Pick<RequestOutFacts, 'modelId' | 'open'>
  readonly changes: Changes
  readonly carried: CarriedFields
}

/** The contents stay as they are, byte for byte, unless they have calls or signatures. */
function spliceSignatures(name: string, source: JsonBody, { facts, changes, carried }: Splicing): void {
  const contents = source.value[name]
  if (!Array.isArray(contents) || !HAS_CALLS.test(source.text)) return
  const opened = contents.map((content: unknown) => {
    if (!isObject(content) || !Array.isArray(content['parts'])) return content
    const parts = content['parts'].map((part: unknown) =>
      isObject(part) ? openPart(part, facts, carried) : part,
    )
    return { ...content, parts }
  })
  const filled = fillSignatures(opened.filter(isObject), facts.modelId)
  changes.set(name, JSON.stringify(filled))
}

const HAS_CALLS = /thought_?signature|function_?call"/i

function openPart(part: Fields, { open }: Pick<RequestOutFacts, 'open'>, carried: CarriedFields): Fields {
  const { thoughtSignature: signature, ...rest } = camelNames(part)
  if (signature === undefined) return rest
  if (signature === NO_SIGNATURE) return { ...rest, thoughtSignature: signature }
  const read = readSignature(signature)
  const opened = read.type === 'sealed' ? open(read.sealed) : undefined
  if (opened === undefined) carried.note('dropped', 'thoughtSignature')
  return opened === undefined ? rest : { ...rest, thoughtSignature: opened }
}
