// The invariants of ARCHITECTURE.md that can be read from the source.
import { globSync, readFileSync } from 'node:fs'
import { expect, test } from 'vitest'

const sources = globSync('src/**/*.ts').toSorted()
const textOf = (path: string): string => readFileSync(path, 'utf8')

test('mutable state at module level exists only in the files that ARCHITECTURE.md names', () => {
  const mutable = sources.filter((path) =>
    /^(export )?(let|const \w+ = new (Weak)?Map\b)/m.test(textOf(path)),
  )
  const map = textOf('ARCHITECTURE.md')
  expect(mutable).toHaveLength(6)
  expect(mutable.filter((path) => !map.includes(path.replace('src/', '')))).toEqual([])
})

test('every path of a file or folder in ARCHITECTURE.md exists', () => {
  const paths = [...textOf('ARCHITECTURE.md').matchAll(/`((?:src|test|docs|scripts)\/[\w/.-]+?)\/?`/g)].map(
    ([, path]) => path,
  )
  expect(paths.filter((path) => !path?.includes('acme') && globSync(`${path}*`).length === 0)).toEqual([])
})

test('no folder of src has more than a dozen files beside its subfolders', () => {
  const counts = Map.groupBy(sources, (path) => path.slice(0, path.lastIndexOf('/')))
  expect([...counts].filter(([, files]) => files.length > 12).map(([folder]) => folder)).toEqual([])
})

test('every module of src has its place in layers.json', () => {
  const { modules } = JSON.parse(textOf('layers.json')) as { modules: string[][] }
  const folders = new Set(sources.map((path) => path.split('/')[1]))
  expect(folders).toEqual(new Set(modules.flat()))
})
