import { isAlias, isMap, isScalar, isSeq, LineCounter, parseDocument, visit } from 'yaml'
import type { Alias, Document, Node, Pair } from 'yaml'
import type { z } from 'zod'

/** Something wrong in a YAML file: where, which entry, and what to write instead. Lines and columns count from 1. */
export interface Problem {
  readonly line: number
  readonly column: number
  readonly path: string
  readonly message: string
}

/** As many problems are listed; further ones are only counted. */
const MAX_PROBLEMS = 50
/** Paths and messages quote the file, whose keys and values can be of any length. */
const MAX_TEXT = 600
/** A file that says more by its aliases is refused: a few lines of them can stand for a billion entries. */
const MAX_NODES = 500_000
/** A models file has eight levels. */
const MAX_DEPTH = 100

/** Stands in the data for an alias whose anchor is missing, or contains the alias itself. */
export const BROKEN_ALIAS = Symbol('an alias of nothing')

/** `params` of an issue that is about the key of an entry, not about its value. */
export const AT_KEY = { at: 'key' }

/**
 * Reads a whole YAML text with a zod schema. Mappings reach the schema as `Map`, so that any key is harmless, `__proto__`
 * too. A number whose key ends in `_cost` reaches it as the digits of the file, so that an amount of money is never a
 * binary fraction. With problems there is no value; the first ones are listed in file order, and `problemCount` counts all.
 * `usable` is what is left without the entries (`models.x`, `providers.y`) that have one, where each problem is in an entry.
 */
export function readYaml<Schema extends z.ZodType>(
  text: string,
  schema: Schema,
): {
  readonly value: z.output<Schema> | undefined
  readonly usable: z.output<Schema> | undefined
  readonly problems: readonly Problem[]
  readonly problemCount: number
} {
  if (hasRunawayBrackets(text))
    return { value: undefined, usable: undefined, problems: [RUNAWAY_BRACKETS], problemCount: 1 }
  const reader = new YamlReader(text)
  const value = reader.read(schema)
  const { problemCount } = reader
  const problems = reader.problems.toSorted((a, b) => a.line - b.line || a.column - b.column)
  return {
    value: problemCount === 0 ? value : undefined,
    usable: reader.usable(schema),
    problems,
    problemCount,
  }
}

/** More open brackets than any text or comment has: for a megabyte of them the parser needs gigabytes. */
const MAX_OPEN_BRACKETS = 1000
const RUNAWAY_BRACKETS: Problem = {
  line: 1,
  column: 1,
  path: '',
  message: `has more than ${MAX_OPEN_BRACKETS} brackets that are not closed`,
}

function hasRunawayBrackets(text: string): boolean {
  let open = 0
  for (const [bracket] of text.matchAll(/[[\]{}]/g)) {
    if (bracket === '[' || bracket === '{') open++
    else if (open > 0) open--
    if (open > MAX_OPEN_BRACKETS) return true
  }
  return false
}

type NodePair = Pair<Node, Node | null>
type Path = readonly PropertyKey[]

/** A node with its place in the file. */
interface Place {
  readonly node: Node | undefined
  readonly path: string
  readonly offset: number
}

const MERGE_KEY = '<<'

class YamlReader {
  readonly problems: Problem[] = []
  problemCount = 0
  readonly #lines = new LineCounter()
  readonly #document: Document
  readonly #root: Place
  readonly #targets: ReadonlyMap<Alias, Node>
  #nodeCount = 0
  #data: unknown
  /** The paths of what is wrong in the data; `undefined` where something is wrong with the file as a whole. */
  #faults: readonly Path[] | undefined

  constructor(text: string) {
    this.#document = parseDocument(text, {
      lineCounter: this.#lines,
      prettyErrors: false,
      uniqueKeys: false,
    })
    this.#targets = aliasTargets(this.#document)
    const node = this.#document.contents ?? undefined
    this.#root = { node, path: '', offset: node?.range?.[0] ?? 0 }
  }

  read<Schema extends z.ZodType>(schema: Schema): z.output<Schema> | undefined {
    const { errors } = this.#document
    for (const { pos, message } of errors)
      this.#report({ ...this.#root, offset: pos[0] }, `is not YAML: ${message}`)
    if (errors.length > 0) return undefined
    const data = this.#dataOf(this.#root, [])
    if (this.#nodeCount > MAX_NODES) {
      this.#report(this.#root, `says more than ${MAX_NODES} things by its aliases; write fewer of them`)
      return undefined
    }
    const parsed = schema.safeParse(data)
    const issues = parsed.error?.issues ?? []
    if (this.problemCount === 0) this.#faults = issues.map(({ path }) => path)
    this.#data = data
    for (const issue of issues) this.#reportIssue(issue)
    return parsed.data
  }

  /** To be called after `read`: the value of what is left without the entries that have problems. */
  usable<Schema extends z.ZodType>(schema: Schema): z.output<Schema> | undefined {
    const faults = this.#faults
    if (faults === undefined || !(this.#data instanceof Map) || faults.some(({ length }) => length < 2))
      return undefined
    const sections = new Map<unknown, unknown>(this.#data)
    for (const [section, entry] of faults) {
      const entries: unknown = sections.get(section)
      if (!(entries instanceof Map)) return undefined
      sections.set(section, new Map([...entries].filter(([name]) => name !== entry)))
    }
    return schema.safeParse(sections).data
  }

  /** Plain data of a node. Reports keys that are written twice, and keeps the first. `open` are the nodes around it. */
  #dataOf(place: Place, open: readonly Node[]): unknown {
    const node = this.#resolved(place.node)
    if (++this.#nodeCount > MAX_NODES) return null
    if (open.length > MAX_DEPTH) return this.#report(place, `is nested deeper than ${MAX_DEPTH} levels`)
    if (isAlias(place.node) && (node === undefined || open.includes(node))) return BROKEN_ALIAS
    if (isScalar(node)) return node.value
    if (node === undefined) return null
    if (isSeq(node))
      return node.items.map((_, index) => this.#dataOf(this.#child(place, index), [...open, node]))
    const data = new Map<string, unknown>()
    const firstOffsets = new Map<string, number>()
    const merged: Place[] = []
    for (const pair of pairsOf(node)) {
      const key = keyOf(pair)
      const at = placeOfKey(place, pair)
      if (key === MERGE_KEY) {
        merged.push(placeOfValue(place, pair))
        continue
      }
      const first = firstOffsets.get(key)
      if (first !== undefined) {
        this.#report(at, `is written twice, first in line ${this.#lines.linePos(first).line}; keep one`)
        continue
      }
      firstOffsets.set(key, at.offset)
      data.set(key, digitsOf(key, pair) ?? this.#dataOf(placeOfValue(place, pair), [...open, node]))
    }
    for (const source of merged) this.#merge(data, source, [...open, node])
    return data
  }

  /** YAML 1.1, “Merge Key”: the entries of a mapping, or of several, that the one around them does not have itself. */
  #merge(data: Map<string, unknown>, source: Place, open: readonly Node[]): void {
    const value = this.#dataOf(source, open)
    for (const mapping of Array.isArray(value) ? (value as unknown[]) : [value]) {
      if (mapping instanceof Map)
        for (const [key, item] of mapping as Map<string, unknown>) {
          if (!data.has(key)) data.set(key, item)
        }
      else return this.#report(source, 'must be an alias of a mapping, or a list of such, as “<<: *defaults”')
    }
  }

  #reportIssue(issue: z.core.$ZodIssue): void {
    const { path, message } = issue
    if (this.problems.length >= MAX_PROBLEMS) {
      // Without its place, which takes a search in the file.
      this.problemCount += issue.code === 'unrecognized_keys' ? issue.keys.length : 1
    } else if (issue.code === 'unrecognized_keys') {
      const messages = message.split('\n')
      const listed = issue.keys.slice(0, MAX_PROBLEMS - this.problems.length)
      for (const [index, key] of listed.entries())
        this.#report(this.#keyAt([...path, key]), messages[index] ?? message)
      this.problemCount += issue.keys.length - listed.length
    } else if (issue.code === 'custom' && issue.params === AT_KEY) this.#report(this.#keyAt(path), message)
    else if (this.#isMissing(path))
      this.#report(this.#at(path.slice(0, -1)), `“${String(path.at(-1))}” is missing`)
    else this.#report(this.#at(path), message)
  }

  #report({ offset, path }: Place, message: string): undefined {
    this.problemCount++
    if (this.problems.length >= MAX_PROBLEMS) return
    const { line, col } = this.#lines.linePos(offset)
    this.problems.push({ line, column: col, path: shortened(path), message: shortened(message) })
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
    return isAlias(node) ? this.#targets.get(node) : node
  }
}

/** The anchored node that each alias stands for, found in one pass: `Alias.resolve` searches the whole document each time. */
function aliasTargets(document: Document): ReadonlyMap<Alias, Node> {
  const byAnchor = new Map<string, Node>()
  const targets = new Map<Alias, Node>()
  visit(document, {
    Alias(_key, alias) {
      const target = byAnchor.get(alias.source)
      if (target !== undefined) targets.set(alias, target)
    },
    Value(_key, node) {
      if (node.anchor !== undefined) byAnchor.set(node.anchor, node)
    },
  })
  return targets
}

function shortened(text: string): string {
  return text.length <= MAX_TEXT ? text : `${text.slice(0, MAX_TEXT)}…`
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
