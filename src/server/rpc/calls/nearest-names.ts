import { editDistance, LONGEST } from '../../../base/edit-distance.ts'

/** Up to three of `names` that somebody who wrote `name` may have meant, the nearest first. */
export function nearestNames(name: string, names: readonly string[]): string[] {
  const wanted = name.slice(0, LONGEST).toLowerCase()
  const all = names.map((candidate) => ({
    candidate,
    far: editDistance(wanted, candidate.toLowerCase()),
    shared: sharedWords(wanted, candidate),
  }))
  const most = Math.max(1, ...all.map(({ shared }) => shared))
  return all
    .filter(({ candidate, far, shared }) => far <= candidate.length / 2 || shared === most)
    .sort((a, b) => a.far - b.far)
    .slice(0, 3)
    .map(({ candidate }) => candidate)
}

/** `list_models` and `models.list` are far apart letter by letter. */
function sharedWords(a: string, b: string): number {
  const words = new Set(b.toLowerCase().split(/[^a-z]+/))
  return a.split(/[^a-z]+/).filter((word) => word !== '' && words.has(word)).length
}
