import { BrokerError } from '../base/errors.ts'
import { isObject } from '../wire/json/json-body.ts'
import { CHAT_RULES } from './chat/chat-rules.ts'
import { DIALECT_FIELDS, type DialectName, type Fields } from './chat-vocabulary.ts'
import type { FieldRule } from './field-rule.ts'
import { FIELD_RULES } from './field-rules.ts'

/** Where a field is found. */
export type FieldOwner = 'request' | 'message' | 'part' | 'tool'

/** Collects what a request cannot carry to a provider of another dialect. */
export class CarriedFields {
  readonly #own: DialectName | undefined
  readonly #dropped = new Set<string>()
  readonly #refused = new Set<string>()

  /** @param own the dialect of the provider, whose fields stay; none for chat completions. */
  constructor(own?: DialectName) {
    this.#own = own
  }

  /** Names in the caller's own terms; `undefined` when nothing was dropped. */
  get dropped(): readonly string[] | undefined {
    return this.#dropped.size === 0 ? undefined : [...this.#dropped]
  }

  /** Takes the fields that an object carries for other dialects. */
  leave(object: Fields, owner: FieldOwner): void {
    const all = object[DIALECT_FIELDS]
    if (!isObject(all)) return
    for (const [dialect, fields] of Object.entries(all))
      if (isDialect(dialect) && dialect !== this.#own && isObject(fields))
        for (const [name, value] of Object.entries(fields)) this.#leaveField(dialect, owner, name, value)
  }

  #leaveField(dialect: DialectName, owner: FieldOwner, name: string, value: unknown): void {
    if (value === null || value === undefined) return
    const key = owner === 'request' ? name : `${owner}.${name}`
    this.note(FIELD_RULES[dialect].fields[key] ?? 'dropped', key)
  }

  /** Takes a block or a tool that only one dialect has. */
  leaveBlock({ dialect, block, tool }: Fields): void {
    const own = isObject(block) ? block : tool
    const type = isObject(own) ? typeOf(own) : 'unknown'
    const { blocks } = FIELD_RULES[isDialect(dialect) ? dialect : 'anthropic']
    const rule = blocks[type] ?? Object.entries(blocks).find(([name]) => startsWith(type, name))?.[1]
    this.note(rule ?? 'dropped', type)
  }

  /** Takes the fields of a chat, of which the target has a place for `placed`. */
  leaveChat(value: Fields, placed: ReadonlySet<string>): void {
    for (const [name, field] of Object.entries(value)) {
      const rule = CHAT_RULES[name]
      if (rule !== undefined && !placed.has(name) && !isNothing(field)) this.note(rule, name)
    }
    if (typeof value['n'] === 'number' && value['n'] > 1 && !placed.has('n')) this.note('refused', 'n')
  }

  note(rule: FieldRule, name: string): void {
    if (rule === 'dropped') this.#dropped.add(name)
    else if (rule === 'refused') this.#refused.add(name)
  }

  /** Throws `not-carried`. */
  throwIfRefused(): void {
    if (this.#refused.size === 0) return
    const names = [...this.#refused].join(', ')
    throw new BrokerError(
      'not-carried',
      `${names}: the endpoint for this model has no place for it; leave it out, or request a model whose provider does`,
      { details: { isUnsent: true } },
    )
  }
}

/** A block without a type is known by the name of its content. */
function typeOf(block: Fields): string {
  const { type } = block
  return typeof type === 'string' ? type : (Object.keys(block)[0] ?? 'unknown')
}

function isDialect(name: unknown): name is DialectName {
  return typeof name === 'string' && Object.hasOwn(FIELD_RULES, name)
}

function startsWith(type: string, name: string): boolean {
  return name.endsWith('*') && type.startsWith(name.slice(0, -1))
}

/** Whether a field asks for nothing: it is off, or empty. */
function isNothing(value: unknown): boolean {
  return value === null || value === undefined || value === false || value === 0
}
