import { isAlias, isMap, isScalar, isSeq, LineCounter, parseDocument } from 'yaml'
import type { Document, Node, Pair, YAMLMap } from 'yaml'

/** Something wrong in a YAML file: where, which entry, and what to write instead. Lines and columns count from 1. */
export interface Problem {
  readonly line: number
  readonly column: number
  readonly path: string
  readonly message: string
}

/** Reads one node. What it returns after a complaint is never used, for a file with problems is refused as a whole. */
export type Form<T> = (spot: Spot) => T | undefined

/** A node with its place in the file. */
export interface Spot {
  readonly node: Node | undefined
  readonly path: string
  /** Offset in the text, to point at. */
  readonly offset: number
  readonly page: Page
}

interface Page {
  readonly document: Document
  readonly lines: LineCounter
  readonly problems: Problem[]
}

/** Reads a whole YAML text by a form. With problems there is no value, and all of them are listed in file order. */
export function readYaml<T>(
  text: string,
  form: Form<T>,
): { readonly value: T | undefined; readonly problems: readonly Problem[] } {
  const lines = new LineCounter()
  const document = parseDocument(text, { lineCounter: lines, prettyErrors: false, uniqueKeys: false })
  const page: Page = { document, lines, problems: [] }
  const root = document.contents ?? undefined
  const spot = { node: root, path: '', offset: root?.range?.[0] ?? 0, page }
  for (const error of document.errors)
    complain({ ...spot, offset: error.pos[0] }, `is not YAML: ${error.message}`)
  const value = document.errors.length === 0 ? form(spot) : undefined
  const problems = page.problems.sort((a, b) => a.line - b.line || a.column - b.column)
  return { value: problems.length === 0 ? value : undefined, problems }
}

/** Notes a problem at this place, or at an entry inside it: `child` is a key or the position in a list. */
export function complain(spot: Spot, message: string, ...children: readonly (string | number)[]): undefined {
  const place = children.reduce<Spot>(childOf, spot)
  const { line, col } = place.page.lines.linePos(place.offset)
  place.page.problems.push({ line, column: col, path: place.path, message })
  return undefined
}

function childOf(spot: Spot, child: string | number): Spot {
  const node = resolved(spot)
  const item = typeof child === 'number' && isSeq(node) ? (node.items[child] as Node) : undefined
  if (item !== undefined) return inside(spot, item, `${spot.path}[${child}]`)
  const pairs = isMap(node) ? (node.items as NodePair[]) : []
  const pair = pairs.find((each) => keyOf(each) === child)
  return pair === undefined ? spot : inside(spot, pair.value ?? undefined, extend(spot.path, String(child)))
}

export type Entry = readonly [key: string, value: Spot & { readonly at: Spot }]

/** The pairs of a mapping, doubles left out and complained about. Any key is harmless, `__proto__` too. */
export function entries(map: YAMLMap, spot: Spot): Entry[] {
  const seen = new Map<string, Spot>()
  return (map.items as NodePair[]).flatMap((pair): Entry[] => {
    const key = keyOf(pair)
    const at = inside(spot, pair.key, extend(spot.path, key))
    const first = seen.get(key)
    if (first !== undefined) {
      complain(at, `is written twice, first in line ${at.page.lines.linePos(first.offset).line}; keep one`)
      return []
    }
    seen.set(key, at)
    const value = inside(at, pair.value ?? undefined, at.path)
    return [[key, { ...value, at }]]
  })
}

type NodePair = Pair<Node, Node | null>

function keyOf({ key }: NodePair): string {
  return isScalar(key) ? (key.source ?? String(key.value)) : String(key)
}

export function inside(spot: Spot, node: Node | undefined, path: string): Spot {
  return { page: spot.page, node, path, offset: node?.range?.[0] ?? spot.offset }
}

function extend(path: string, key: string): string {
  const isPlain = /^[^\s[\]"']+$/.test(key)
  return isPlain ? `${path}${path === '' ? '' : '.'}${key}` : `${path}[${JSON.stringify(key)}]`
}

export function resolved(spot: Spot): Node | undefined {
  return isAlias(spot.node) ? spot.node.resolve(spot.page.document) : spot.node
}

export function isNothing(node: Node | undefined): boolean {
  return node === undefined || (isScalar(node) && node.value === null)
}

export function kindOf(node: Node | undefined): string {
  if (isNothing(node)) return 'empty'
  if (isSeq(node)) return 'a list'
  if (isMap(node)) return 'a mapping'
  return isAlias(node) ? 'an alias of nothing' : shown(isScalar(node) ? node.value : undefined)
}

export function shown(value: unknown): string {
  if (value === null || value === undefined || typeof value === 'object') return 'what is here'
  const words = `${value as string | number}`
  return `“${words.length > 60 ? `${words.slice(0, 60)}…` : words}”`
}
