import { editDistance } from '../../base/edit-distance.ts'

/** Up to three of `names` that somebody who wrote `name` may have meant, the nearest first. */
export function nearestNames(name: string, names: readonly string[]): string[] {
  const wanted = name.toLowerCase()
  return names
    .map((candidate) => ({ candidate, distance: editDistance(wanted, candidate.toLowerCase()) }))
    .filter(({ candidate, distance }) => distance <= candidate.length / 2 || shareWord(wanted, candidate))
    .sort((a, b) => a.distance - b.distance)
    .slice(0, 3)
    .map(({ candidate }) => candidate)
}

/** `list_models` and `models.list` are far apart letter by letter. */
function shareWord(a: string, b: string): boolean {
  const words = new Set(b.toLowerCase().split(/[^a-z]+/))
  return a.split(/[^a-z]+/).some((word) => word !== '' && words.has(word))
}
