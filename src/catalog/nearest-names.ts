import { editDistance, LONGEST } from '../base/edit-distance.ts'

/** The `count` names most like `wanted`, best first; none that has little to do with it. For “did you mean”. */
export function nearest(names: Iterable<string>, wanted: string, count: number): string[] {
  const key = plain(wanted)
  const scored = [...names].map((name) => ({ name, distance: likeness(key, plain(name)) }))
  return scored
    .filter(({ distance }) => distance <= tolerated(key))
    .sort((a, b) => a.distance - b.distance || (a.name < b.name ? -1 : 1))
    .slice(0, count)
    .map(({ name }) => name)
}

/** Case, punctuation and an author in front rarely matter to who mistyped a name. */
function plain(name: string): string {
  const from = name.lastIndexOf('/') + 1
  return name
    .slice(from, from + LONGEST)
    .toLowerCase()
    .replaceAll(/[^a-z0-9]/g, '')
}

/** One name inside the other is near, and the nearer the less is left over. */
function likeness(wanted: string, name: string): number {
  const distance = editDistance(wanted, name)
  const isInside = wanted.length > 2 && name.length > 2 && (name.includes(wanted) || wanted.includes(name))
  return isInside ? Math.min(distance, 1 + distance / 100) : distance
}

function tolerated(wanted: string): number {
  return Math.max(2, Math.floor(wanted.length / 3))
}
