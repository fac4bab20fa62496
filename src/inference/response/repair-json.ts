/** How many opening brackets are tried as the start of the JSON, because prose before it may have brackets, too. */
const MAX_STARTS = 16
const MAX_DEPTH = 256

/**
 * Repairs JSON that a model got wrong: a fence or prose around it, trailing or missing commas, comments, keys without quotes,
 * single quotes, line breaks in strings, Python's literals, an end that was cut off. Repairing never changes the meaning of
 * what is there, and numbers keep their digits. `undefined` when the text is valid already, or cannot be made valid.
 */
export function repairJson(text: string): string | undefined {
  if (isJson(text)) return undefined
  let longest: Repaired | undefined
  for (const start of startsIn(text)) {
    if (longest !== undefined && start < longest.to) continue
    const repaired = new Repairer(text, start).repair()
    if (repaired === undefined || !isJson(repaired.json)) continue
    if (longest === undefined || repaired.to - repaired.from > longest.to - longest.from) longest = repaired
  }
  return longest?.json
}

interface Repaired {
  readonly json: string
  /** The part of the text that it was made of: from `from`, before `to`. */
  readonly from: number
  readonly to: number
}

function isJson(text: string): boolean {
  try {
    JSON.parse(text)
    return true
  } catch {
    return false
  }
}

function startsIn(text: string): number[] {
  const starts: number[] = []
  for (const { index } of text.matchAll(/[{[]/g)) {
    starts.push(index)
    if (starts.length === MAX_STARTS) break
  }
  return starts
}

/** A member's name without quotes, or a literal such as `None`. */
const NAME = /[A-Za-z_$][\w$-]*/y
const NUMBER = /[+-]?[\d.]+(?:[eE][+-]?\d*)?/y
/** The sign of a number whose digits were cut off. */
const CUT_NUMBER = /[+-]$/y
const NOT_SPACE = /\S/g
const LITERALS: readonly (readonly [string, string])[] = [
  ['true', 'true'],
  ['false', 'false'],
  ['null', 'null'],
  ['True', 'true'],
  ['False', 'false'],
  ['None', 'null'],
]

/** Thrown inside when the text cannot be repaired. */
class NotRepairable extends Error {}

/** Reads malformed JSON from one opening bracket on and writes valid JSON. */
class Repairer {
  readonly #text: string
  readonly #from: number
  #at: number
  #depth = 0

  constructor(text: string, from: number) {
    this.#text = text
    this.#from = from
    this.#at = from
  }

  repair(): Repaired | undefined {
    try {
      return { json: this.#value(), from: this.#from, to: this.#at }
    } catch (error) {
      if (error instanceof NotRepairable) return undefined
      throw error
    }
  }

  #value(): string {
    const next = this.#peek()
    if (next === '{') return this.#list('{', '}', () => this.#member())
    if (next === '[') return this.#list('[', ']', () => this.#value())
    if (next === '"' || next === "'") return this.#string(next)
    return this.#number() ?? this.#literal()
  }

  /** Members or elements up to the closing bracket, which may be missing. */
  #list(open: '{' | '[', close: '}' | ']', read: () => string | undefined): string {
    if (++this.#depth > MAX_DEPTH) throw new NotRepairable()
    this.#at++
    const parts: string[] = []
    for (;;) {
      while (this.#peek() === ',') this.#at++
      const next = this.#peek()
      if (next === close) this.#at++
      // The other kind of bracket closes what is around this list; the list's own bracket is missing.
      if (next === '' || next === '}' || next === ']') break
      const part = read()
      if (part !== undefined) parts.push(part)
    }
    this.#depth--
    return open + parts.join(',') + close
  }

  /** One member of an object; `undefined` when it was cut off before its value. */
  #member(): string | undefined {
    const next = this.#peek()
    const name = next === '"' || next === "'" ? this.#string(next) : this.#name()
    if (this.#peek() === ':') this.#at++
    else if (this.#peek() !== '') throw new NotRepairable()
    return this.#peek() === '' ? undefined : `${name}:${this.#value()}`
  }

  #name(): string {
    return JSON.stringify(this.#match(NAME) ?? notRepairable())
  }

  #string(quote: string): string {
    let content = ''
    for (this.#at++; this.#at < this.#text.length; this.#at++) {
      const letter = this.#text.charAt(this.#at)
      if (letter === quote) {
        this.#at++
        break
      }
      content += letter === '\\' ? this.#escape() : letter < ' ' || letter === '"' ? escaped(letter) : letter
    }
    return `"${content}"`
  }

  /** Escapes that JSON knows are copied; one that was cut off is dropped. */
  #escape(): string {
    const [known] = /^\\(?:["\\/bfnrt]|u[\dA-Fa-f]{4})/.exec(this.#text.slice(this.#at, this.#at + 6)) ?? []
    if (known !== undefined) {
      this.#at += known.length - 1
      return known
    }
    const isCutOff =
      this.#text.length - this.#at < 6 && /^\\(?:u[\dA-Fa-f]*)?$/.test(this.#text.slice(this.#at))
    if (isCutOff) {
      this.#at = this.#text.length
      return ''
    }
    if (this.#text.charAt(this.#at + 1) !== "'") return '\\\\'
    this.#at++
    return "'"
  }

  #number(): string | undefined {
    const digits = this.#match(NUMBER)
    return digits
      ?.replace(/^\+/, '')
      .replace(/^(-?)\./, '$10.')
      .replace(/(?<![.eE+-])[.eE+-]+$/, '')
  }

  #literal(): string {
    const word = this.#match(NAME) ?? notRepairable()
    const isAtEnd = this.#at === this.#text.length
    const [, meaning] =
      LITERALS.find(([name]) => name === word || (isAtEnd && name.startsWith(word))) ?? notRepairable()
    return meaning
  }

  /** The next character that is not space or a comment; empty at the end of the text. */
  #peek(): string {
    this.#skipSpace()
    this.#match(CUT_NUMBER)
    return this.#text.charAt(this.#at)
  }

  /** Skips space and comments. In a loop, because one pattern for both would need memory for each space. */
  #skipSpace(): void {
    for (;;) {
      NOT_SPACE.lastIndex = this.#at
      this.#at = NOT_SPACE.exec(this.#text)?.index ?? this.#text.length
      if (this.#text.startsWith('//', this.#at)) this.#at = this.#endOf('\n', this.#at + 2)
      else if (this.#text.startsWith('/*', this.#at)) this.#at = this.#endOf('*/', this.#at + 2)
      else return
    }
  }

  /** The position after `mark`; the end of the text when the mark does not come. */
  #endOf(mark: string, from: number): number {
    const at = this.#text.indexOf(mark, from)
    return at < 0 ? this.#text.length : at + mark.length
  }

  #match(pattern: RegExp): string | undefined {
    pattern.lastIndex = this.#at
    const [found] = pattern.exec(this.#text) ?? []
    if (found !== undefined) this.#at += found.length
    return found
  }
}

function escaped(letter: string): string {
  return JSON.stringify(letter).slice(1, -1)
}

function notRepairable(): never {
  throw new NotRepairable()
}
