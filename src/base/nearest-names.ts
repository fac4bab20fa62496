/** Longer texts are cut: the time grows with the square of the length, and no name is that long. */
const MAX_LENGTH = 200

/**
 * How names of a kind are compared. `slug` (models, field names): case, punctuation and an author in front don't count, a name
 * inside the other is near, equally near ones are sorted. `dotted` (RPC methods): half a name may be wrong, or the most words of
 * all are shared. `path` (URLs): letter by letter; the nearest ones however far they are.
 */
export type NameKind = 'slug' | 'dotted' | 'path'

interface Ranked {
  readonly name: string
  readonly distance: number
}

const RANKINGS: Readonly<Record<NameKind, (names: readonly string[], wanted: string) => Ranked[]>> = {
  slug: rankSlugs,
  dotted: rankDotted,
  path: (names, wanted) => names.map((name) => ({ name, distance: editDistance(wanted, name) })),
}

/** Up to `limit` names most like `wanted`, the nearest first: for “did you mean”. */
export function findNearest(
  names: Iterable<string>,
  wanted: string,
  { kind, limit }: { readonly kind: NameKind; readonly limit: number },
): string[] {
  return RANKINGS[kind]([...names], wanted)
    .sort((a, b) => a.distance - b.distance)
    .slice(0, limit)
    .map(({ name }) => name)
}

function rankSlugs(names: readonly string[], wanted: string): Ranked[] {
  const key = plainSlug(wanted)
  const maxDistance = Math.max(2, Math.floor(key.length / 3))
  return names
    .map((name) => ({ name, distance: slugDistance(key, plainSlug(name)) }))
    .filter(({ distance }) => distance <= maxDistance)
    .sort((a, b) => (a.name < b.name ? -1 : 1))
}

/** The last segment, lower case, letters and digits only. */
function plainSlug(name: string): string {
  const from = name.lastIndexOf('/') + 1
  return name
    .slice(from, from + MAX_LENGTH)
    .toLowerCase()
    .replaceAll(/[^a-z0-9]/g, '')
}

/** One name inside the other is near, and the nearer the less is left over. */
function slugDistance(wanted: string, name: string): number {
  const distance = editDistance(wanted, name)
  const isInside = wanted.length > 2 && name.length > 2 && (name.includes(wanted) || wanted.includes(name))
  return isInside ? Math.min(distance, 1 + distance / 100) : distance
}

function rankDotted(names: readonly string[], wanted: string): Ranked[] {
  const key = wanted.slice(0, MAX_LENGTH).toLowerCase()
  const ranked = names.map((name) => ({
    name,
    distance: editDistance(key, name.toLowerCase()),
    shared: sharedWords(key, name),
  }))
  const maxShared = Math.max(1, ...ranked.map(({ shared }) => shared))
  return ranked.filter(({ name, distance, shared }) => distance <= name.length / 2 || shared === maxShared)
}

/** `list_models` and `models.list` are far apart letter by letter. */
function sharedWords(a: string, b: string): number {
  const words = new Set(b.toLowerCase().split(/[^a-z]+/))
  return a.split(/[^a-z]+/).filter((word) => word !== '' && words.has(word)).length
}

/** How many letters must be inserted, deleted or replaced to make one text of the other (Levenshtein). */
export function editDistance(one: string, other: string): number {
  const from = one.slice(0, MAX_LENGTH)
  const to = other.slice(0, MAX_LENGTH)
  let row = Array.from({ length: to.length + 1 }, (_, column) => column)
  for (let line = 1; line <= from.length; line++) {
    const next = [line]
    for (let column = 1; column <= to.length; column++) {
      const changed = at(row, column - 1) + (from[line - 1] === to[column - 1] ? 0 : 1)
      next.push(Math.min(changed, at(row, column) + 1, at(next, column - 1) + 1))
    }
    row = next
  }
  return at(row, to.length)
}

function at(row: readonly number[], column: number): number {
  return row[column] ?? Number.POSITIVE_INFINITY
}
