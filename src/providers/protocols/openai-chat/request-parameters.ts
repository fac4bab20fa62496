import { isObject, type JsonBody } from '../../../wire/json/json-body.ts'
import type { FieldChanges } from '../../../wire/json/splice-fields.ts'
import type { ParameterRules, ReasoningSwitch } from '../../request-rules/request-rules.ts'

/** What a request becomes at its provider. */
export interface RequestChanges {
  readonly fields: Map<string, string | undefined>
  /** Names of what the caller asked for and the provider does not take. */
  readonly leftOut: Set<string>
}

/** Leaves out and renames fields as the rules of a vendor say. The effort that is sent is in the changes already. */
export function changeParameters(body: JsonBody, rules: ParameterRules, changes: RequestChanges): void {
  leaveOut(body, rules.refusedFields ?? [], changes)
  for (const [kept, name] of rules.exclusiveFields ?? [])
    if ((body.value[kept] ?? undefined) !== undefined) leaveOut(body, [name], changes)
  if (
    rules.reasonsInStreamsOnly === true &&
    rules.reasoningSwitch !== undefined &&
    body.value['stream'] !== true
  )
    switchOff(body, rules.reasoningSwitch, changes)
  if (rules.refusedWithReasoning !== undefined && reasons(body, rules, changes.fields))
    leaveOut(body, rules.refusedWithReasoning, changes)
  if (rules.refusesForcedCalls !== undefined) changeForcedCalls(body, rules, changes)
  for (const [name, theirs] of Object.entries(rules.renamedFields ?? {}))
    rename(body, name, theirs, changes.fields)
  const { stop } = body.value
  if (Array.isArray(stop) && stop.length > (rules.maxStops ?? Infinity) && !changes.leftOut.has('stop')) {
    changes.fields.set('stop', JSON.stringify(stop.slice(0, rules.maxStops)))
    changes.leftOut.add('stop')
  }
}

export function leaveOut(
  { fields, value }: JsonBody,
  names: readonly string[],
  changes: RequestChanges,
): void {
  for (const name of names) {
    if (!fields.has(name)) continue
    changes.fields.set(name, undefined)
    if (value[name] !== null) changes.leftOut.add(name)
  }
}

function rename(
  { fields, value }: JsonBody,
  name: string,
  theirs: string,
  changes: Map<string, string | undefined>,
): void {
  if (!fields.has(name)) return
  changes.set(name, undefined)
  if (!fields.has(theirs) && value[name] !== null) changes.set(theirs, JSON.stringify(value[name]))
}

function reasons(
  { value }: JsonBody,
  { reasonsByDefault = false }: ParameterRules,
  changes: FieldChanges,
): boolean {
  const sent = changes.has('reasoning_effort') ? changes.get('reasoning_effort') : effortText(value)
  if (sent !== undefined) return sent !== '"none"'
  const switched = changes.get('thinking') ?? changes.get('enable_thinking') ?? ownSwitch(value)
  return switched === undefined ? reasonsByDefault : !OFF.has(switched)
}

/** A call that is forced matters more than the reasoning before it. */
function changeForcedCalls(body: JsonBody, rules: ParameterRules, changes: RequestChanges): void {
  const { tool_choice: choice } = body.value
  if (choice !== 'required' && !isObject(choice)) return
  const isReasoning = reasons(body, rules, changes.fields)
  if (rules.refusesForcedCalls === 'with-reasoning' && !isReasoning) return
  if (rules.refusesForcedCalls === 'with-reasoning' && rules.reasoningSwitch !== undefined)
    return switchOff(body, rules.reasoningSwitch, changes)
  changes.fields.set('tool_choice', '"auto"')
  changes.leftOut.add('tool_choice')
  return undefined
}

const REASONING_FIELDS = ['reasoning', 'reasoning_effort', 'thinking', 'enable_thinking', 'thinking_budget']

function switchOff(body: JsonBody, name: ReasoningSwitch, { fields, leftOut }: RequestChanges): void {
  for (const field of REASONING_FIELDS) {
    if (body.fields.has(field) && field !== name) fields.set(field, undefined)
    else if (field !== name) fields.delete(field)
    if ((body.value[field] ?? undefined) !== undefined) leftOut.add(field)
  }
  fields.set(name, switchText(name, false))
}

/** The vendor's own switch, as the caller has set it. */
function ownSwitch({ thinking, enable_thinking: isOn }: JsonBody['value']): string | undefined {
  if (typeof isOn === 'boolean') return String(isOn)
  return isObject(thinking) ? JSON.stringify({ type: thinking['type'] }) : undefined
}

function effortText(value: JsonBody['value']): string | undefined {
  const { reasoning_effort: effort } = value
  return typeof effort === 'string' ? JSON.stringify(effort) : undefined
}

/** How much a caller wants the model to reason. */
export interface RequestedReasoning {
  /** A word of OpenAI's or OpenRouter's: `none` to `max`. */
  readonly effort: string
  /** Whether the caller named the effort, and not only that there is to be reasoning. */
  readonly isNamed: boolean
  /** Tokens. */
  readonly budget: number | undefined
}

/** From the least to the most; `default` is the model's own choice. */
const RANKS: Readonly<Record<string, number>> = {
  none: 0,
  minimal: 1,
  low: 2,
  medium: 3,
  default: 3,
  high: 4,
  xhigh: 5,
  max: 6,
}

/** The word of a vendor that is nearest to the requested effort; `undefined` when it has none. */
function nearestEffort(
  { effort, isNamed }: RequestedReasoning,
  words: readonly string[],
): string | undefined {
  if (!isNamed && effort !== 'none' && words.includes('default')) return 'default'
  const wanted = RANKS[effort]
  if (words.length === 0) return undefined
  if (words.includes(effort) || wanted === undefined) return effort
  const reasoning = words.filter((word) => word !== 'none')
  const choice = effort === 'none' || reasoning.length === 0 ? words : reasoning
  const distance = (word: string): number => Math.abs((RANKS[word] ?? 0) - wanted)
  return [...choice].sort((a, b) => distance(a) - distance(b))[0]
}

/** Puts the requested reasoning into the words of a vendor. */
export function changeReasoning(
  body: JsonBody,
  wanted: RequestedReasoning,
  { efforts = [], reasoningSwitch }: ParameterRules,
  changes: RequestChanges,
): void {
  const { fields } = changes
  const isOff = wanted.effort === 'none'
  const isSwitched = reasoningSwitch !== undefined
  if (isSwitched && !body.fields.has(reasoningSwitch))
    fields.set(reasoningSwitch, switchText(reasoningSwitch, !isOff))
  if (reasoningSwitch === 'enable_thinking' && !isOff && wanted.budget !== undefined)
    fields.set('thinking_budget', String(wanted.budget))
  const word = isSwitched && isOff ? undefined : nearestEffort(wanted, efforts)
  if (word !== undefined) fields.set('reasoning_effort', JSON.stringify(word))
  else if (body.fields.has('reasoning_effort')) fields.set('reasoning_effort', undefined)
  if (word === undefined && !isSwitched) changes.leftOut.add(askedWith(body))
}

/** The field with which the caller asked for reasoning. */
function askedWith({ value }: JsonBody): string {
  return isObject(value['reasoning']) ? 'reasoning' : 'reasoning_effort'
}

function switchText(name: ReasoningSwitch, isOn: boolean): string {
  if (name === 'enable_thinking') return String(isOn)
  return isOn ? '{"type":"enabled"}' : THINKING_OFF
}

const THINKING_OFF = '{"type":"disabled"}'
const OFF: ReadonlySet<string> = new Set(['false', THINKING_OFF])
