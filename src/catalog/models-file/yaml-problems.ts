import { isAlias, isMap, isScalar, isSeq, LineCounter, parseDocument } from 'yaml'
import type { Document, Node, Pair } from 'yaml'
import type { z } from 'zod'

/** Something wrong in a YAML file: where, which entry, and what to write instead. Lines and columns count from 1. */
export interface Problem {
  readonly line: number
  readonly column: number
  readonly path: string
  readonly message: string
}

/** Stands in the data for an alias whose anchor is missing, or contains the alias itself. */
export const BROKEN_ALIAS = Symbol('an alias of nothing')

/** `params` of an issue that is about the key of an entry, not about its value. */
export const AT_KEY = { at: 'key' }

/**
 * Reads a whole YAML text with a zod schema. Mappings reach the schema as `Map`, so that any key is harmless, `__proto__`
 * too. A number whose key ends in `_cost` reaches it as the digits of the file, so that an amount of money is never a
 * binary fraction. With problems there is no value, and all of them are listed in file order.
 */
export function readYaml<Schema extends z.ZodType>(
  text: string,
  schema: Schema,
): { readonly value: z.output<Schema> | undefined; readonly problems: readonly Problem[] } {
  const reader = new YamlReader(text)
  const value = reader.read(schema)
  const problems = reader.problems.toSorted((a, b) => a.line - b.line || a.column - b.column)
  return { value: problems.length === 0 ? value : undefined, problems }
}

type NodePair = Pair<Node, Node | null>
type Path = readonly PropertyKey[]

/** A node with its place in the file. */
interface Place {
  readonly node: Node | undefined
  readonly path: string
  readonly offset: number
}

class YamlReader {
  readonly problems: Problem[] = []
  readonly #lines = new LineCounter()
  readonly #document: Document
  readonly #root: Place

  constructor(text: string) {
    this.#document = parseDocument(text, {
      lineCounter: this.#lines,
      prettyErrors: false,
      uniqueKeys: false,
    })
    const node = this.#document.contents ?? undefined
    this.#root = { node, path: '', offset: node?.range?.[0] ?? 0 }
  }

  read<Schema extends z.ZodType>(schema: Schema): z.output<Schema> | undefined {
    const { errors } = this.#document
    for (const { pos, message } of errors)
      this.#report({ ...this.#root, offset: pos[0] }, `is not YAML: ${message}`)
    if (errors.length > 0) return undefined
    const parsed = schema.safeParse(this.#dataOf(this.#root, []))
    for (const issue of parsed.error?.issues ?? []) this.#reportIssue(issue)
    return parsed.data
  }

  /** Plain data of a node. Reports keys that are written twice, and keeps the first. `open` are the nodes around it. */
  #dataOf(place: Place, open: readonly Node[]): unknown {
    const node = this.#resolved(place.node)
    if (isAlias(place.node) && (node === undefined || open.includes(node))) return BROKEN_ALIAS
    if (isScalar(node)) return node.value
    if (node === undefined) return null
    if (isSeq(node))
      return node.items.map((_, index) => this.#dataOf(this.#child(place, index), [...open, node]))
    const data = new Map<string, unknown>()
    const firstOffsets = new Map<string, number>()
    for (const pair of pairsOf(node)) {
      const key = keyOf(pair)
      const at = placeOfKey(place, pair)
      const first = firstOffsets.get(key)
      if (first !== undefined) {
        this.#report(at, `is written twice, first in line ${this.#lines.linePos(first).line}; keep one`)
        continue
      }
      firstOffsets.set(key, at.offset)
      data.set(key, digitsOf(key, pair) ?? this.#dataOf(placeOfValue(place, pair), [...open, node]))
    }
    return data
  }

  #reportIssue(issue: z.core.$ZodIssue): void {
    const { path, message } = issue
    if (issue.code === 'unrecognized_keys') {
      const messages = message.split('\n')
      for (const [index, key] of issue.keys.entries())
        this.#report(this.#keyAt([...path, key]), messages[index] ?? message)
    } else if (issue.code === 'custom' && issue.params === AT_KEY) this.#report(this.#keyAt(path), message)
    else if (this.#isMissing(path))
      this.#report(this.#at(path.slice(0, -1)), `“${String(path.at(-1))}” is missing`)
    else this.#report(this.#at(path), message)
  }

  #report({ offset, path }: Place, message: string): void {
    const { line, col } = this.#lines.linePos(offset)
    this.problems.push({ line, column: col, path, message })
  }

  #at(path: Path): Place {
    return path.reduce<Place>((place, step) => this.#child(place, step), this.#root)
  }

  #keyAt(path: Path): Place {
    const parent = this.#at(path.slice(0, -1))
    const pair = this.#pairAt(parent, path.at(-1))
    return pair === undefined ? parent : placeOfKey(parent, pair)
  }

  #isMissing(path: Path): boolean {
    const key = path.at(-1)
    return typeof key === 'string' && this.#pairAt(this.#at(path.slice(0, -1)), key) === undefined
  }

  #child(place: Place, step: PropertyKey): Place {
    const node = this.#resolved(place.node)
    const item = typeof step === 'number' && isSeq(node) ? (node.items[step] as Node | null) : undefined
    if (item !== undefined && item !== null)
      return { node: item, path: `${place.path}[${String(step)}]`, offset: item.range?.[0] ?? place.offset }
    const pair = this.#pairAt(place, step)
    return pair === undefined ? place : placeOfValue(place, pair)
  }

  #pairAt(place: Place, key: PropertyKey | undefined): NodePair | undefined {
    return pairsOf(this.#resolved(place.node)).find((pair) => keyOf(pair) === key)
  }

  #resolved(node: Node | undefined): Node | undefined {
    return isAlias(node) ? node.resolve(this.#document) : node
  }
}

function pairsOf(node: Node | undefined): readonly NodePair[] {
  return isMap(node) ? (node.items as NodePair[]) : []
}

function keyOf({ key }: NodePair): string {
  return isScalar(key) ? (key.source ?? String(key.value)) : String(key)
}

function placeOfKey({ path, offset }: Place, pair: NodePair): Place {
  return { node: pair.key, path: extend(path, keyOf(pair)), offset: pair.key.range?.[0] ?? offset }
}

/** A value that was left out is pointed at by its key. */
function placeOfValue(place: Place, pair: NodePair): Place {
  const key = placeOfKey(place, pair)
  return { ...key, node: pair.value ?? undefined, offset: pair.value?.range?.[0] ?? key.offset }
}

function digitsOf(key: string, { value }: NodePair): string | undefined {
  const isMoney = key.endsWith('_cost') && isScalar(value) && typeof value.value === 'number'
  return isMoney ? (value.source ?? String(value.value)) : undefined
}

function extend(path: string, key: string): string {
  const isPlain = /^[^\s[\]"']+$/.test(key)
  return isPlain ? `${path}${path === '' ? '' : '.'}${key}` : `${path}[${JSON.stringify(key)}]`
}
